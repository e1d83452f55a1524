"""Gradients of optimal values, by the envelope theorem: differentiate the problem, hold the plan."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.ot.plan import Plan

__all__ = ["centred", "transport_value"]


class _Envelope(torch.autograd.Function):
    """The optimal value as a function of cost and weights."""

    @staticmethod
    def forward(
        ctx: Any, cost: Tensor, a: Tensor, b: Tensor, held: tuple[Tensor, Tensor, Tensor, Tensor]
    ) -> Tensor:
        """Return the value and keep the plan and the centred potentials."""
        value, matrix, f, g = held
        ctx.save_for_backward(matrix, f, g)
        ctx.weight_dims = (a.ndim, b.ndim)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the plan for the cost and the centred potentials for the weights."""
        matrix, f, g = ctx.saved_tensors
        (grad,) = grads
        wanted = ctx.needs_input_grad
        for_cost = grad[..., None, None] * matrix if wanted[0] else None
        for_a = _for_weights(grad[..., None] * f, ctx.weight_dims[0]) if wanted[1] else None
        for_b = _for_weights(grad[..., None] * g, ctx.weight_dims[1]) if wanted[2] else None
        return for_cost, for_a, for_b, None


def _for_weights(gradient: Tensor, dims: int) -> Tensor:
    return gradient.sum(0) if gradient.ndim > dims else gradient


def centred(potential: Tensor, weights: Tensor) -> Tensor:
    """Return a potential less its mean under the weights."""
    return potential - (weights * potential).sum(-1, keepdim=True)


def transport_value(plan: Plan) -> Float[Tensor, "*batch"]:
    """Return the optimal value of a plan's problem, differentiable in its cost and weights.

    By the envelope theorem the gradient is the plan itself in the cost, and the potentials in the weights. Weights live
    on the simplex, so their gradients are centred (``E_a[df] = 0``): only differences between points mean something.

    Args:
        plan: A solved plan; the gradient goes to ``plan.problem.cost``, ``.a`` and ``.b`` as they were given.

    Example:
        >>> from infot import ot
        >>> cost = torch.rand(3, 4, requires_grad=True)
        >>> plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.1)))
        >>> transport_value(plan).backward()
        >>> bool(torch.equal(cost.grad, plan.matrix()))
        True
    """
    problem = plan.problem
    with torch.no_grad():
        f = centred(plan.f, problem.row_weights)
        g = centred(plan.g, problem.column_weights)
        held = (plan.value, plan.matrix(), f, g)
    value = _Envelope.apply(problem.cost, problem.row_weights, problem.column_weights, held)
    assert isinstance(value, Tensor)
    return value
