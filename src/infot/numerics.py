"""Small numerical helpers shared by every floor: weighted log-sum-exp, safe logarithm, fast stacked products.

The stacked matrix-vector products are the inner loop of every solver. On the CPU they go through numpy's BLAS on
zero-copy views, because torch's batched product of a matrix and a vector takes many times as long there.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "exp_flushed",
    "largest_exponent",
    "safe_log",
    "stacked_columns",
    "stacked_rows",
    "weighted_logsumexp",
]


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
    return torch.logsumexp(x + weights.log(), dim=dim)


def largest_exponent(dtype: torch.dtype) -> float:
    """Return how far absorbed potentials may drift, in units of epsilon, before a kernel must be rebuilt."""
    return 25.0 if dtype == torch.float32 else 200.0


def exp_flushed(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return ``exp(x)`` in place, with exponents below the normal range of the dtype raised to its edge.

    ``torch.exp`` is 20 to 35 times slower where it underflows; the edge (1e-37 in float32) is zero for every sum.
    """
    return x.clamp_(min=float(np.log(torch.finfo(x.dtype).tiny)) + 1.0).exp_()


def stacked_rows(
    vectors: Float[Tensor, "*stack n"], matrices: Float[Tensor, "*stack n m"]
) -> Float[Tensor, "*stack m"]:
    """Return ``sum_i vectors_i matrices_ij`` for every matrix of the stack."""
    if matrices.device.type == "cpu":
        product = np.matmul(vectors.unsqueeze(-2).numpy(), matrices.numpy())
        return torch.from_numpy(product).squeeze(-2)
    return torch.matmul(vectors.unsqueeze(-2), matrices).squeeze(-2)


def stacked_columns(
    matrices: Float[Tensor, "*stack n m"], vectors: Float[Tensor, "*stack m"]
) -> Float[Tensor, "*stack n"]:
    """Return ``sum_j matrices_ij vectors_j`` for every matrix of the stack."""
    if matrices.device.type == "cpu":
        product = np.matmul(matrices.numpy(), vectors.unsqueeze(-1).numpy())
        return torch.from_numpy(product).squeeze(-1)
    return torch.matmul(matrices, vectors.unsqueeze(-1)).squeeze(-1)
