"""Gradients of plans and potentials through the conditions of optimality, without the steps that led there."""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from infot.errors import ConvergenceWarning, ProblemError
from infot.ot.conditions import condition_at, curvature_at, differentiable_problem
from infot.ot.conjugate_gradients import conjugate_gradients
from infot.ot.differentiation import Gradient, attach_potential
from infot.ot.plan import Plan
from infot.ot.problem import OTProblem
from infot.ot.stationarity import row_targets

__all__ = ["Implicit"]


@dataclass(frozen=True)
class Implicit(Gradient):
    """The gradient of everything that a plan tells, by the implicit function theorem.

    The latent potential solves ``r(f; C, a, b) = 0`` (:mod:`infot.ot.conditions`). For a gradient ``u`` in ``f``,
    ``H x = u`` is solved by conjugate gradients with ``H = diag(pi 1) dr / df``, the Schur complement of the dual's
    Hessian, and the gradient in the cost and weights is ``-(pi 1) x . dr``. With ``rho`` that complement is
    ``diag(pi 1) (1 / epsilon + 1 / rho_a) - (s_b / epsilon) pi diag(1 / pi^T 1) pi^T``. Memory does not
    grow with the solver's steps, and the plan may come from any solver. Differentiable as often as wanted, the value
    included. Entropic and structured regularisers with prices above zero; smoothings with exact zeros (quadratic, group
    lasso, pointwise) on their support, away from the points where a slack enters it, where it is an element of the
    generalised Jacobian. Where such a support falls into pieces, potentials have a free constant each, and a gradient
    that depends on them misses the tolerance of its linear solve, which warns.

    Args:
        tolerance: Relative residual of the linear solves; the plan's own marginal error adds to the gradient's error.
        max_steps: Limit on the steps of a linear solve; a miss warns.

    Raises:
        ProblemError: if the settings are not positive.

    Example:
        >>> from infot import ot
        >>> cost = torch.rand(4, 3, requires_grad=True)
        >>> plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.5)), gradient=Implicit())
        >>> plan.entropy().backward()
        >>> cost.grad.shape
        torch.Size([4, 3])
    """

    tolerance: float = 1e-6
    max_steps: int = 1000

    def __post_init__(self) -> None:
        """Refuse settings that solve nothing."""
        if not (self.tolerance > 0 and self.max_steps >= 1):
            raise ProblemError(
                f"expected tolerance > 0 and max_steps >= 1, got {self.tolerance} and {self.max_steps}"
            )

    def attach(self, plan: Plan) -> Plan:
        """Return the plan with all its arrays on the graph."""
        problem, factor = differentiable_problem(plan.problem)
        arrays = (problem.cost, problem.row_weights, problem.column_weights, plan.solution.f / factor)
        f = _LatentPotential.apply(*arrays, problem, self)
        assert isinstance(f, Tensor)
        return attach_potential(plan, problem, f, factor)


class _LatentPotential(torch.autograd.Function):
    """The latent potential as a function of cost and weights."""

    @staticmethod
    def forward(
        ctx: Any, cost: Tensor, a: Tensor, b: Tensor, f: Tensor, problem: OTProblem, how: Implicit
    ) -> Tensor:
        """Return the potential as solved."""
        f = f.clone()
        ctx.problem, ctx.how = problem.as_batch(), how
        ctx.save_for_backward(cost, a, b, f)
        return f

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return ``-(pi 1) x . dr`` with ``H x = grad``."""
        cost, a, b, f = ctx.saved_tensors
        again = torch.is_grad_enabled()
        x = _Solve.apply(cost, a, b, f, grads[0], ctx.problem, ctx.how)
        assert isinstance(x, Tensor)
        with torch.enable_grad():
            # Aliases: f is itself a function of the arrays, and only the partial derivatives are wanted.
            arrays = [_alias(array, again) for array in (cost, a, b)]
            condition = condition_at(_with(ctx.problem, arrays), f if again else f.detach())
            rows = row_targets(_with(ctx.problem, [cost, a, b]), f)
            partial = torch.autograd.grad(condition.residual, arrays, -rows * x, create_graph=again)
        return *partial, None, None, None


class _Solve(torch.autograd.Function):
    """The solution of ``H x = right``, with ``H`` a function of cost, weights and potential."""

    @staticmethod
    def forward(
        ctx: Any,
        cost: Tensor,
        a: Tensor,
        b: Tensor,
        f: Tensor,
        right: Tensor,
        problem: OTProblem,
        how: Implicit,
    ) -> Tensor:
        """Solve, scaled by the roots of the row masses on both sides; rows without mass are left out."""
        held = _with(problem, [cost, a, b])
        apply = curvature_at(held, f)
        root = row_targets(held, f).sqrt()
        inverse = torch.where(root > 0, 1 / root, 0.0)
        null = root / root.norm(dim=-1, keepdim=True) if held.marginal_prices is None else 0 * root
        scaled, error = conjugate_gradients(
            lambda t: inverse * apply(inverse * t),
            inverse * right,
            null,
            tolerance=how.tolerance,
            max_steps=how.max_steps,
        )
        if not bool((error <= how.tolerance).all()):
            warnings.warn(
                f"Implicit: relative residual {float(error.max()):.3g} after {how.max_steps} steps, tolerance "
                f"{how.tolerance:.3g}; allow more steps, a larger epsilon or a looser tolerance",
                ConvergenceWarning,
                stacklevel=2,
            )
        x = inverse * scaled
        ctx.problem, ctx.how = problem, how
        ctx.save_for_backward(cost, a, b, f, x)
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return ``y`` with ``H y = grad`` for the right-hand side and ``-y . dH x`` for what ``H`` is made of."""
        cost, a, b, f, x = ctx.saved_tensors
        again = torch.is_grad_enabled()
        y = _Solve.apply(cost, a, b, f, grads[0], ctx.problem, ctx.how)
        assert isinstance(y, Tensor)
        with torch.enable_grad():
            arrays = [_alias(array, again) for array in (cost, a, b, f)]
            problem = _with(ctx.problem, arrays[:3])
            image = curvature_at(problem, arrays[3])(x if again else x.detach())
            partial = torch.autograd.grad(image, arrays, -y, create_graph=again, materialize_grads=True)
        return *partial, y, None, None


def _alias(array: Tensor, on_graph: bool) -> Tensor:
    """Return the array under a name of its own, on the graph or as a leaf."""
    alias = array.view_as(array) if on_graph else array.detach()
    return alias if alias.requires_grad else alias.detach().requires_grad_()


def _with(problem: OTProblem, arrays: list[Tensor]) -> OTProblem:
    return problem.derived(cost=arrays[0], a=arrays[1], b=arrays[2])
