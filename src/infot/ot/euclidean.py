"""The optimal value between clouds at squared Euclidean cost, with its gradient in closed form.

Differentiating ``sum_ij pi_ij |x_i - y_j|^2`` through the cost matrix takes several passes over it; in closed form,
``2 (x_i pi_i - (pi y)_i)``, it takes one product of the plan with the points.
"""

from typing import Any

import torch
from torch import Tensor

from infot.ot.differentiation import centred, weight_slopes
from infot.ot.once import differentiable_once
from infot.ot.plan import Plan

__all__ = ["cost_matrix", "euclidean_value"]


def cost_matrix(x: Tensor, y: Tensor) -> Tensor:
    """Return ``|x_i - y_j|^2`` in few passes, without gradients; points ``(n, d)`` or ``(B, n, d)``."""
    with torch.no_grad():
        centre = y.mean(dim=-2, keepdim=True)
        x, y = (x - centre).contiguous(), (y - centre).contiguous()
        squares = y.square().sum(-1).unsqueeze(-2)
        bias = squares.expand(*squares.shape[:-2], x.shape[-2], -1)
        product = torch.baddbmm if x.ndim == 3 else torch.addmm
        cost = product(bias, x, y.mT, alpha=-2)
        return cost.add_(x.square().sum(-1).unsqueeze(-1)).clamp_min_(0)


class _Euclidean(torch.autograd.Function):
    """The optimal value as a function of points and weights, once differentiable."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, a: Tensor, b: Tensor, plan: Plan) -> Tensor:
        """Return the value and keep what the gradient needs."""
        ctx.plan, ctx.inputs = plan, (x, y, a, b)
        ctx.save_for_backward(x, y, a, b)
        return plan.value.clone()

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients in points and in centred weights."""
        (grad,) = grads
        x, y, a, b = ctx.saved_tensors
        plan: Plan = ctx.plan
        for_x = for_y = for_a = for_b = None
        scale = grad[..., None, None]
        if ctx.needs_input_grad[0]:
            for_x = 2 * scale * (x * a.unsqueeze(-1) - plan.apply(y))
        if ctx.needs_input_grad[1]:
            columns = plan.apply_transposed(torch.ones_like(x[..., :1]))
            for_y = 2 * scale * (y * columns - plan.apply_transposed(x))
        if ctx.needs_input_grad[2] or ctx.needs_input_grad[3]:
            slope_a, slope_b = (plan._out(slope) for slope in weight_slopes(plan))
            for_a = _summed(grad[..., None] * centred(slope_a, a), a)
            for_b = _summed(grad[..., None] * centred(slope_b, b), b)
        return for_x, for_y, for_a, for_b, None


def _summed(gradient: Tensor, weights: Tensor) -> Tensor:
    return gradient.sum(0) if gradient.ndim > weights.ndim else gradient


def euclidean_value(plan: Plan, x: Tensor, y: Tensor) -> Tensor:
    """Return the value of a plan between clouds, differentiable in points and weights by the envelope theorem.

    Args:
        plan: Plan of the problem whose cost is :func:`cost_matrix` of the points.
        x: Points of the rows, ``(n, d)`` or ``(B, n, d)``.
        y: Points of the columns.
    """
    value = _Euclidean.apply(x, y, plan.problem.row_weights, plan.problem.column_weights, plan)
    assert isinstance(value, Tensor)
    return value
