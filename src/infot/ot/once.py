"""Gradients with the plan held: right once, and refused to whoever differentiates them again."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from infot.errors import ProblemError

__all__ = ["differentiable_once"]

Backward = Callable[..., tuple[Tensor | None, ...]]


class _Once(torch.autograd.Function):
    """A gradient on the graph of what it depends on, which cannot be passed back to it."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *inputs: Any) -> Tensor:
        """Return the gradient."""
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Refuse."""
        raise ProblemError(
            "this gradient is that of the envelope theorem, which holds the plan: it is not differentiable again; "
            "use gradient=Implicit()"
        )


def differentiable_once(backward: Backward) -> Backward:
    """Return the backward function of an autograd function so that its gradients refuse a second derivative.

    torch's own ``once_differentiable`` refuses it only where the gradient that arrives is itself on a graph. Under
    ``create_graph=True`` the ones that mostly arrive are not, and what a second derivative misses would be missing
    without a word. The forward function keeps what the gradients depend on in ``ctx.inputs``.
    """

    @wraps(backward)
    def once(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            slopes = backward(ctx, *grads)
        if not torch.is_grad_enabled():
            return slopes
        return tuple(None if slope is None else _Once.apply(slope, *ctx.inputs, *grads) for slope in slopes)

    return once
