"""How much the coordinates of a code know of each other: the total correlation of the codes of all data."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from infot.models.encoders import GaussianNoise

__all__ = ["log_aggregate", "permuted", "total_correlation"]


def log_aggregate(log_laws: Float[Tensor, "n n ..."], n_data: int) -> Float[Tensor, "n ..."]:
    r"""Estimate the log density of codes under the aggregate law of all ``n_data`` data from a batch of ``n``.

    .. math:: \hat q(c_i) = \frac{1}{N} q(c_i | x_i) + \frac{N - 1}{N} \frac{1}{n - 1} \sum_{j \ne i} q(c_i | x_j)

    A datum's own law has its exact share and the others stand for the rest, so that the estimate of the density is
    unbiased over batches drawn without replacement. Chen et al., arXiv 1802.04942, appendix C.2, whose last datum of a
    batch takes what is left of the weight; here all other data share it, which has the same mean and varies less.

    Args:
        log_laws: ``log q(c_i | x_j)`` at ``[i, j]``, with any dimensions after.
        n_data: Number N of the data, at least ``n``.

    Returns:
        ``log q(c_i)``.
    """
    n = len(log_laws)
    weights = torch.full((n, n), math.log((n_data - 1) / (n_data * (n - 1)))).to(log_laws)
    weights.fill_diagonal_(-math.log(n_data))
    return torch.logsumexp(log_laws + weights.view(n, n, *[1] * (log_laws.ndim - 2)), dim=1)


def total_correlation(law: GaussianNoise, code: Float[Tensor, "n d"], n_data: int) -> Float[Tensor, ""]:
    r"""Estimate the total correlation of codes in nats.

    .. math:: TC = KL(q(c) | \prod_k q(c_k)), \qquad q(c) = E_x q(c | x)

    The densities are unbiased, their logarithms are not: the estimate is consistent as the batch grows.

    Args:
        law: Laws of the codes of a batch, arrays ``(n, d)``.
        code: A draw from each.
        n_data: Number of the data that the batch is drawn from.
    """
    mean, log_std = law
    deviations = (code.unsqueeze(1) - mean) * torch.exp(-log_std)
    log_laws = -0.5 * (deviations.square() + math.log(2 * math.pi)) - log_std
    joint = log_aggregate(log_laws.sum(2), n_data)
    product = log_aggregate(log_laws, n_data).sum(1)
    return (joint - product).mean()


def permuted(code: Float[Tensor, "n d"], rng: torch.Generator) -> Float[Tensor, "n d"]:
    """Shuffle every coordinate over the batch by itself: draws from the product of the marginals.

    Args:
        code: Codes.
        rng: Orders the values; on the CPU.
    """
    order = torch.rand(code.shape, generator=rng).argsort(dim=0).to(code.device)
    return code.gather(0, order)
