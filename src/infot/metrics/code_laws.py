"""What a plan carries through continuous codes, and how closely the codes of data follow their prior."""

import numpy as np
from jaxtyping import Float, Num
from scipy.special import logsumexp, ndtr

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array

__all__ = ["code_law_metrics", "law_information", "prior_distance", "prior_distance_metrics"]

NODES = 16
"""Points of the quadrature over one normal law."""
MEAN_DISTANCE = np.sqrt(np.pi / 2) * np.log(2)
"""Mean of Kolmogorov's distribution: what n true draws are from their law, times the root of n."""


def law_information(mean: Num[Array, " n"], std: Num[Array, " n"]) -> tuple[float, float]:
    r"""Return what one coordinate tells of the data, and how far its marginal is from the prior, both in nats.

    With :math:`q_x = N(\mu_x, \sigma_x^2)` and :math:`\bar q` their mean over the data,

    .. math:: I = E_x\, KL(q_x | \bar q), \qquad E_x\, KL(q_x | N(0, 1)) = I + KL(\bar q | N(0, 1))

    by Gauss-Hermite quadrature. The gap is the price paid for nothing: a coordinate mapped to another prior, as a
    uniform one is by the normal distribution function, has the same two numbers.

    Args:
        mean: Means of the laws.
        std: Standard deviations, positive.

    Returns:
        Information, from 0 to log n, and gap to the prior, at least 0.

    Raises:
        ProblemError: If the lengths differ or a deviation is not positive.

    Example:
        >>> [round(value, 3) + 0.0 for value in law_information(np.zeros(4), np.ones(4))]
        [0.0, 0.0]
    """
    m, s = as_array(mean, "mean", ndim=1), as_array(std, "std", ndim=1)
    if len(m) != len(s) or s.min() <= 0:
        raise ProblemError(f"expected as many positive deviations as means, got {len(s)} for {len(m)}")
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    information = 0.0
    for node, weight in zip(nodes, weights, strict=True):
        at = m + s * node
        own = -0.5 * node**2 - np.log(s)
        mixed = logsumexp(-0.5 * ((at[:, None] - m) / s) ** 2 - np.log(s), axis=1) - np.log(len(m))
        information += float(weight) * float((own - mixed).mean())
    price = float((0.5 * (m**2 + s**2 - 1) - np.log(s)).mean())
    return max(information, 0.0), max(price - information, 0.0)


def code_law_metrics(mean: Num[Array, "n d"], std: Num[Array, "m d"]) -> dict[str, Metric]:
    """Return ``code_information_1``, ``code_prior_gap_1``, … of each coordinate; see :func:`law_information`."""
    means, stds = as_array(mean, "mean", ndim=2), as_array(std, "std", ndim=2)
    metrics: list[Metric] = []
    for j, pair in enumerate(zip(means.T, stds.T, strict=True), start=1):
        (information, gap), n = law_information(*pair), len(means)
        metrics.append(Metric(f"code_information_{j}", information, 0.0, float(np.log(n)), "higher", n))
        metrics.append(Metric(f"code_prior_gap_{j}", gap, 0.0, None, "lower", n))
    return {metric.name: metric for metric in metrics}


def prior_distance(normals: Num[Array, " n"]) -> float:
    """Return the largest difference between the distribution functions of numbers and of N(0, 1): Kolmogorov's.

    Example:
        >>> round(prior_distance(np.array([-0.6745, 0.6745])), 3)
        0.25
    """
    levels = np.sort(ndtr(as_array(normals, "normals", ndim=1)))
    steps = np.arange(len(levels) + 1) / len(levels)
    return float(np.maximum(steps[1:] - levels, levels - steps[:-1]).max())


def prior_distance_metrics(levels: Float[np.ndarray, "n d"]) -> dict[str, Metric]:
    """Return ``code_prior_distance_1``, …: how far the codes read of data are from draws of their prior.

    Args:
        levels: Codes brought to a standard normal prior.
    """
    n = len(levels)
    names = [f"code_prior_distance_{j}" for j in range(1, levels.shape[1] + 1)]
    return {
        name: Metric(name, prior_distance(column), float(MEAN_DISTANCE / np.sqrt(n)), 1.0, "lower", n)
        for name, column in zip(names, levels.T, strict=True)
    }
