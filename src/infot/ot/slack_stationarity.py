"""The condition that the latent potential meets where a plan has exact zeros: every row of the density has mass one.

With the slack ``s = f + g - C``, the density ``d(s)`` of a regulariser with conjugate ``omega*`` and ``g`` such that
its columns have mass one under ``a``, the condition is ``r(z) = sum_x b(x) d(z, x) - 1 = 0``. Densities with exact
zeros have kinks where a slack enters the support; beside them everything is differentiable on the support held, and at
them an element of the generalised Jacobian is taken (Clarke; for quadratic smoothing the system is that of the
semi-smooth Newton method of Lorenz, Manns, Meyer, "Quadratically regularized optimal transport", arXiv 1903.01112).

With ``M_x`` the Hessian of ``omega*`` at the column ``x``, the derivative of ``r`` weighted by ``a`` is
``sum_x b(x) (M_x - M_x 1 1^T M_x / 1^T M_x 1)``: symmetric, positive semi-definite, zero on constants, and
on the constants of every piece where a support falls into several.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.ot.problem import OTProblem
from infot.ot.regularisers import Regulariser

__all__ = ["SlackStationarity", "slack_curvature"]


@dataclass(frozen=True)
class SlackStationarity:
    """The condition at a potential, in operations that can be differentiated.

    Args:
        residual: ``r``, the mass that each row has too much under ``b``; zero at the optimum.
        g: Potential of the data.
        slack: ``f + g - C``.
        perturbation: None, as there are no codes whose mass would be priced apart.
    """

    residual: Float[Tensor, "B n"]
    g: Float[Tensor, "B m"]
    slack: Float[Tensor, "B n m"]
    perturbation: None = None

    @classmethod
    def at(cls, problem: OTProblem, f: Float[Tensor, "B n"]) -> "SlackStationarity":
        """Evaluate the condition of a problem with batch axes at a latent potential."""
        a, score = problem.row_weights, f.unsqueeze(-1) - problem.cost
        g = _DataPotential.apply(score, a, problem.regulariser)
        assert isinstance(g, Tensor)
        slack = score + g.unsqueeze(-2)
        density = problem.regulariser.density(slack, a)
        return cls((problem.column_weights.unsqueeze(-2) * density).sum(-1) - 1, g, slack)


def slack_curvature(
    problem: OTProblem, slack: Float[Tensor, "B n m"]
) -> Callable[[Float[Tensor, "B n"]], Float[Tensor, "B n"]]:
    """Return ``x -> diag(a) (dr / df) x``, one derivative of the density an application."""
    a, b = problem.row_weights, problem.column_weights
    on_graph = torch.is_grad_enabled()

    with torch.enable_grad():
        held = slack if slack.requires_grad else slack.detach().requires_grad_()
        masses = a.unsqueeze(-1) * problem.regulariser.density(held, a)

    def hessian(x: Tensor) -> Tensor:
        """Return ``M_x x``; the Hessian is symmetric, so the derivative from the left is that from the right."""
        return torch.autograd.grad(
            masses, held, x.unsqueeze(-1).expand_as(masses), create_graph=on_graph, retain_graph=True
        )[0]

    of_constant = hessian(torch.ones_like(a))
    total = of_constant.sum(-2, keepdim=True)
    shares = of_constant / torch.where(total > 0, total, 1.0)

    def apply(x: Tensor) -> Tensor:
        mean = (shares * x.unsqueeze(-1)).sum(-2, keepdim=True)
        return (b.unsqueeze(-2) * (hessian(x) - of_constant * mean)).sum(-1)

    return apply


class _DataPotential(torch.autograd.Function):
    """The soft c-transform as a function of ``f - C`` and the weights, by the implicit function theorem.

    Differentiable as often as the density is.
    """

    @staticmethod
    def forward(ctx: Any, score: Tensor, a: Tensor, regulariser: Regulariser) -> Tensor:
        """Return ``g``, at which every column of the density has mass one."""
        g = regulariser.potential(score, a)
        ctx.regulariser = regulariser
        ctx.save_for_backward(score, a, g)
        return g

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return ``-grad / (d mass / dg)`` times the derivative of the mass."""
        again = torch.is_grad_enabled()
        with torch.enable_grad():
            score, a, g = (_alias(array, again) for array in ctx.saved_tensors)
            masses = (a.unsqueeze(-1) * ctx.regulariser.density(score + g.unsqueeze(-2), a)).sum(-2)
            (rise,) = torch.autograd.grad(
                masses, g, torch.ones_like(g), create_graph=again, retain_graph=True
            )
            partial = torch.autograd.grad(masses, (score, a), -grads[0] / rise, create_graph=again)
        return *partial, None


def _alias(array: Tensor, on_graph: bool) -> Tensor:
    alias = array.view_as(array) if on_graph else array.detach()
    return alias if alias.requires_grad else alias.detach().requires_grad_()
