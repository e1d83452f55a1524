"""Small numerical helpers shared by every floor: weighted log-sum-exp, safe logarithm, arrays of inner loops."""

import math
from typing import Any

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "exp_flushed",
    "largest_exponent",
    "safe_log",
    "weighted_logsumexp",
]

_EDGE = {dtype: math.log(torch.finfo(dtype).tiny) + 1.0 for dtype in (torch.float32, torch.float64)}
_GESV: dict[Any, Any] = {
    np.dtype(x): scipy.linalg.get_lapack_funcs("gesv", dtype=x) for x in (np.float32, np.float64)
}


def safe_log(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return ``log(x)`` with zeros taken as the smallest positive number of the dtype, so that no -inf appears.

    Example:
        >>> bool(safe_log(torch.zeros(1)).isfinite())
        True
    """
    return x.clamp_min(torch.finfo(x.dtype).tiny).log()


def weighted_logsumexp(
    x: Float[Tensor, "*shape"], weights: Float[Tensor, "*other"], dim: int
) -> Float[Tensor, "*reduced"]:
    """Return ``log sum_i weights_i exp(x_i)`` along ``dim``, stable, with zero weights left out exactly.

    Args:
        x: Exponents.
        weights: Non-negative weights that broadcast against ``x``.
        dim: Dimension to reduce.

    Returns:
        The reduced tensor; -inf where all weights are zero.

    Example:
        >>> float(weighted_logsumexp(torch.tensor([0.0, 1e4]), torch.tensor([1.0, 0.0]), dim=0))
        0.0
    """
    if torch.is_grad_enabled() and weights.requires_grad:
        reduced = _WeightedLogSumExp.apply(x, weights, dim)
        assert isinstance(reduced, Tensor)
        return reduced
    return torch.logsumexp(x + weights.log(), dim=dim)


class _WeightedLogSumExp(torch.autograd.Function):
    """The same, differentiable in the weights where they are zero: autograd's chain through ``log 0`` gives NaN there.

    With ``p = exp(x - out)`` the derivative is ``weights p`` in the exponents and ``p`` in the weights.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, dim: int) -> Tensor:
        """Return the reduced tensor."""
        reduced = torch.logsumexp(x + weights.log(), dim=dim)
        ctx.dim = dim
        ctx.save_for_backward(x, weights, reduced)
        return reduced

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients, written in operations that can be differentiated again."""
        x, weights, reduced = ctx.saved_tensors
        # An absent entry may lie far above the sum; the edge keeps zero times infinity out.
        above = (x - reduced.unsqueeze(ctx.dim)).clamp_max(largest_exponent(x.dtype))
        p = grads[0].unsqueeze(ctx.dim) * above.exp()
        return (p * weights).sum_to_size(x.shape), p.sum_to_size(weights.shape), None


def largest_exponent(dtype: torch.dtype) -> float:
    """Return how far absorbed potentials may drift, in units of epsilon, before a kernel must be rebuilt."""
    return 25.0 if dtype == torch.float32 else 200.0


def tempered(x: Float[Tensor, "*shape"], limit: float) -> Float[Tensor, "*shape"]:
    """Return ``x`` up to ``limit``, and ``limit + log(1 + x - limit)`` beyond; the slope is 1 on both sides of it.

    For what a network says of a logarithm, or of a distance that will be squared: a first large step may put it beyond
    what the arithmetic can hold, from where a bound without a slope would not let it come back.

    Example:
        >>> tempered(torch.tensor([-50.0, 1.0, 5.0, 1000.0]), 4.0)
        tensor([-50.0000,   1.0000,   4.6931,  10.9048])
    """
    return torch.where(x <= limit, x, limit + torch.log1p((x - limit).clamp_min(0)))


def exp_flushed(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return ``exp(x)`` in place, with exponents below the normal range of the dtype raised to its edge.

    ``torch.exp`` is 20 to 35 times slower where it underflows, and products with what underflows are slow; the edge
    (1e-37 in float32) is zero for every sum. On one thread numpy's exponential takes half the time of torch's.
    """
    x.clamp_(min=_EDGE[x.dtype])
    if x.device.type != "cpu" or torch.get_num_threads() > 1 or x.requires_grad:
        return x.exp_()
    values = x.numpy()
    np.exp(values, out=values)
    return x


def namespace(x: Any) -> Any:
    """Return the module, numpy or torch, whose functions apply to an array.

    Inner loops on the CPU run on numpy views of the tensors: on small arrays a numpy call costs a third of a torch
    call, and its stacked product of matrix and vector a tenth.

    Example:
        >>> namespace(torch.zeros(1)).__name__
        'torch'
    """
    return torch if isinstance(x, Tensor) else np


def inner(left: Any, right: Any) -> Any:
    """Return the inner products along the last axis of two arrays of inner loops, in one call.

    Example:
        >>> float(inner(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
        11.0
    """
    return torch.linalg.vecdot(left, right) if isinstance(left, Tensor) else np.vecdot(left, right)


def largest(x: Any, axis: int) -> Any:
    """Return the largest entries along an axis, without the detour of ``numpy.amax``.

    Example:
        >>> float(largest(np.array([1.0, 2.0]), -1))
        2.0
    """
    return x.amax(axis) if isinstance(x, Tensor) else np.maximum.reduce(x, axis)


def empty_loop(like: Any, *shape: int) -> Any:
    """Return an array for an inner loop, of the type of another one, whose values are yet to be written."""
    return like.new_empty(shape) if isinstance(like, Tensor) else np.empty(shape, like.dtype)


def solve_small(matrix: Any, right: Any) -> Any:
    """Solve small dense systems in an inner loop; one that is singular gives NaN.

    numpy's stacked solver takes five times as long to reach LAPACK as a call of LAPACK does.

    Args:
        matrix: ``(B, k, k)``.
        right: ``(B, k)``.

    Example:
        >>> float(solve_small(np.array([[[2.0]]]), np.array([[1.0]]))[0, 0])
        0.5
    """
    if isinstance(matrix, Tensor):
        solved, info = torch.linalg.solve_ex(matrix, right.unsqueeze(-1))
        return torch.where((info != 0).unsqueeze(-1), torch.nan, solved.squeeze(-1))
    solved, gesv = np.empty_like(right), _GESV[matrix.dtype]
    for item in range(len(right)):
        _, _, x, info = gesv(matrix[item], right[item])
        solved[item] = x if info == 0 else np.nan
    return solved


def to_loop(x: Tensor) -> Any:
    """Return the array on which inner loops run: a numpy view on the CPU, the tensor itself elsewhere."""
    return x.detach().numpy() if x.device.type == "cpu" else x.detach()


def from_loop(x: Any) -> Tensor:
    """Return a loop's array as a tensor, without a copy."""
    return x if isinstance(x, Tensor) else torch.from_numpy(np.ascontiguousarray(x))
