"""What a plan says about its codes."""

import numpy as np
from jaxtyping import Float, Num
from scipy.special import xlogy

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array

__all__ = ["code_frequencies", "plan_information", "plan_information_metric"]

SUM_TOLERANCE = 1e-3
"""How far a posterior row may be from summing to one: float32 rounding over a few thousand codes."""


def code_frequencies(posterior: Num[Array, "n K"]) -> Float[np.ndarray, " K"]:
    """Return the share of the data that each code receives, the mean of the posterior rows, shape ``(K,)``.

    Args:
        posterior: r(c|x) for ``n`` data points, rows that sum to 1.

    Raises:
        ProblemError: If the rows are no probabilities.
    """
    return _posterior(posterior).mean(axis=0)


def plan_information(posterior: Num[Array, "n K"]) -> float:
    """Return the mutual information of code and data under the plan, in nats.

    I(c;x) = mean_x KL(r(c|x) | π_c) with π_c = mean_x r(c|x), the code marginal of the plan. It lies between
    0 and the entropy of π_c, so below log K, and is at most log n: on ``n`` data points no more can be told
    apart.

    Args:
        posterior: r(c|x) for ``n`` data points, rows that sum to 1.

    Raises:
        ProblemError: If the rows are no probabilities.

    Example:
        >>> round(plan_information(np.eye(4)), 4)  # log 4
        1.3863
    """
    rows = _posterior(posterior)
    marginal = rows.mean(axis=0)
    information = -xlogy(marginal, marginal).sum() + xlogy(rows, rows).sum(axis=1).mean()
    return max(float(information), 0.0)


def plan_information_metric(posterior: Num[Array, "n K"]) -> Metric:
    """Return :func:`plan_information` as a metric from 0 (codes say nothing) to log K (all certain)."""
    n, k = posterior.shape
    return Metric("plan_information", plan_information(posterior), 0.0, float(np.log(k)), "higher", n)


def _posterior(posterior: Array) -> np.ndarray:
    rows = as_array(posterior, "posterior", ndim=2)
    if rows.min() < 0 or abs(rows.sum(axis=1) - 1).max() > SUM_TOLERANCE:
        raise ProblemError("posterior must hold probabilities: each row non-negative, with sum 1")
    return rows / rows.sum(axis=1, keepdims=True)
