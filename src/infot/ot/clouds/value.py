"""The optimal value between clouds as a function of points and weights, by the envelope theorem."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.ot.clouds.dual import weight_slopes
from infot.ot.clouds.plan import CloudPlan
from infot.ot.costs import SquaredEuclidean
from infot.ot.once import differentiable_once

__all__ = ["cloud_value"]


class _CloudValue(torch.autograd.Function):
    """The optimal value, once differentiable."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, a: Tensor, b: Tensor, plan: CloudPlan) -> Tensor:
        """Return the value and keep what the gradient needs."""
        ctx.plan, ctx.inputs = plan, (x, y, a, b)
        ctx.save_for_backward(x, y)
        return plan.value.clone()  # what is returned goes on the graph, where the plan's own must not be

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients in points, in one more pass over the plan, and in centred weights."""
        (grad,) = grads
        x, y = ctx.saved_tensors
        plan: CloudPlan = ctx.plan
        for_x = for_y = None
        if ctx.needs_input_grad[0] or ctx.needs_input_grad[1]:
            for_x, for_y = _point_slopes(plan, x, y)
            for_x, for_y = grad[..., None, None] * for_x, grad[..., None, None] * for_y
        slopes = weight_slopes(plan.problem, plan.f, plan.g)
        wanted = zip(slopes, ctx.needs_input_grad[2:4], strict=True)
        for_a, for_b = (grad.unsqueeze(-1) * slope if needed else None for slope, needed in wanted)
        return for_x, for_y, for_a, for_b, None


def _point_slopes(plan: CloudPlan, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives in the points, item by item: a tile of one pair has more rows than one of a batch."""
    slope = _euclidean if isinstance(plan.problem.cost, SquaredEuclidean) else _by_autograd
    if not plan.problem.batched:
        return slope(plan, x, y)
    slopes = [slope(*item) for item in zip(plan.items(), x, y, strict=True)]
    for_x, for_y = (torch.stack(side) for side in zip(*slopes, strict=True))
    return for_x, for_y


def _euclidean(plan: CloudPlan, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``2 (x pi 1 - pi y)`` and ``2 (y pi^T 1 - pi^T x)``."""
    for_x, for_y = torch.empty_like(x), torch.zeros_like(y)
    columns = torch.zeros_like(plan.g)
    for rows, block in plan.row_blocks():
        for_x[rows] = x[rows] * block.sum(1, keepdim=True) - block @ y
        for_y -= block.T @ x[rows]
        columns += block.sum(0)
    return 2 * for_x, 2 * (for_y + y * columns.unsqueeze(1))


def _by_autograd(plan: CloudPlan, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Differentiate the cost of a few rows at a time against the plan held."""
    for_x, for_y = torch.empty_like(x), torch.zeros_like(y)
    for rows, block in plan.row_blocks():
        with torch.enable_grad():
            left, right = x[rows].detach().requires_grad_(), y.detach().requires_grad_()
            cost = plan.problem.cost(left, right)
            part_x, part_y = torch.autograd.grad(cost, (left, right), block)
        for_x[rows] = part_x
        for_y += part_y
    return for_x, for_y


def cloud_value(plan: CloudPlan) -> Float[Tensor, "*batch"]:
    """Return the optimal value between a plan's clouds, differentiable in points and weights.

    By the envelope theorem: the plan is held. Weights live on the simplex, so their gradients are centred; with
    ``rho`` they are free numbers, and theirs are the full derivatives. The gradient
    takes one pass over the plan and memory linear in the points.

    Args:
        plan: A solved plan; gradients go to the clouds and weights of its problem as they were given.
    """
    problem = plan.problem
    value = _CloudValue.apply(problem.x, problem.y, problem.row_weights, problem.column_weights, plan)
    assert isinstance(value, Tensor)
    return value
