"""The semi-dual as a loss of the latent potential: what stochastic and neural potentials ascend (method, section 6)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.convexity import TURNS, check_conjugate
from infot.ot.once import differentiable_once
from infot.ot.plan import Plan
from infot.ot.problem import OTProblem
from infot.ot.solvers.base import finish, row_masses, statuses_of

__all__ = ["plan_of_potential", "semidual_value"]


class _SemiDualValue(torch.autograd.Function):
    """The semi-dual as a function of potential and cost, with its gradient by the envelope theorem."""

    @staticmethod
    def forward(ctx: Any, f: Tensor, cost: Tensor, problem: OTProblem) -> Tensor:
        """Return the value and keep the plan's masses."""
        held = problem.derived(cost=cost)
        value, g, masses = row_masses(held, f)
        a, b = problem.row_weights, problem.column_weights
        ctx.inputs = f, cost
        ctx.save_for_backward(a * (1 - masses))
        if ctx.needs_input_grad[1]:
            score = f.unsqueeze(-1) + g.unsqueeze(-2) - cost
            density = problem.regulariser.density(score, a)
            ctx.plan = a.unsqueeze(-1) * b.unsqueeze(-2) * density
        return value

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return what the rows miss for the potential, and the plan for the cost."""
        (missing,) = ctx.saved_tensors
        for_cost = grads[0][:, None, None] * ctx.plan if ctx.needs_input_grad[1] else None
        return grads[0].unsqueeze(-1) * missing, for_cost, None


def semidual_value(problem: OTProblem, f: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Return ``E_a[f] + E_b[g_f]`` with ``g_f`` the (nested) soft c-transform: a lower bound of the optimal value.

    Concave in ``f`` and equal to the value at its maximum. Its gradient is ``a (1 - row mass)`` in the potential and
    the plan in the cost. With latents and data drawn afresh and ``f`` a network's output it is the loss of a neural
    dual; the draw's ``g_f`` is then biased upwards by the order of epsilon over the number of latents.

    Args:
        problem: A problem whose regulariser is convex and has a conjugate, with both marginals kept.
        f: Potential of the latents, in units of cost, for instance of a network.

    Raises:
        ProblemError: if marginals have a price, the regulariser is not convex, or the potential does not fit.

    Example:
        >>> from infot import ot
        >>> problem = ot.OTProblem(cost=torch.rand(4, 3), regulariser=ot.Entropic(0.1))
        >>> f = torch.zeros(4, requires_grad=True)
        >>> semidual_value(problem, f).backward()
        >>> bool(f.grad.sum().abs() < 1e-6)
        True
    """
    if problem.rho is not None:
        raise ProblemError("the semi-dual keeps both marginals, got a problem with rho")
    check_conjugate(problem.regulariser, "the semi-dual", TURNS)
    if f.shape[-1] != problem.cost.shape[-2] or f.ndim != problem.cost.ndim - 1:
        raise ProblemError(
            f"expected a potential of {problem.cost.shape[-2]} rows, got shape {tuple(f.shape)}"
        )
    batch = problem.as_batch()
    cost = problem.cost.reshape(batch.cost.shape)
    value = _SemiDualValue.apply(f.reshape(batch.cost.shape[0], -1), cost, batch)
    assert isinstance(value, Tensor)
    return value if problem.batched else value[0]


def plan_of_potential(problem: OTProblem, f: Float[Tensor, "*batch n"], *, tolerance: float = 1e-2) -> Plan:
    """Return the plan that a latent potential tells, for instance a network's at fresh latents and data.

    Its rows are exact; :attr:`Plan.marginal_error` tells how far the columns are, and so how good the potential is.

    Args:
        problem: Latents, data and regulariser.
        f: Potential of the latents.
        tolerance: L1 marginal error up to which the plan counts as converged.
    """
    with torch.no_grad():
        batch = problem.as_batch()
        held = f.detach().to(batch.cost).reshape(-1, f.shape[-1])
        _, _, masses = row_masses(batch, held)
        error = (batch.row_weights * (masses - 1).abs()).sum(-1)
        steps = torch.zeros(len(held), dtype=torch.long, device=held.device)
        statuses = statuses_of(error, tolerance)
        return Plan(problem, finish(batch, held, n_steps=steps, statuses=statuses, solver="given potential"))
