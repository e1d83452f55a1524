"""The Fréchet distance between Gaussian fits of two clouds of features."""

import numpy as np
from jaxtyping import Float, Num

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array

__all__ = ["frechet_distance", "frechet_metric", "gaussian_distance"]


def gaussian_distance(
    mean_a: Num[Array, " d"],
    covariance_a: Num[Array, "d d"],
    mean_b: Num[Array, " d"],
    covariance_b: Num[Array, "d d"],
) -> float:
    r"""Return the squared 2-Wasserstein distance between two Gaussians.

    :math:`|m_a - m_b|^2 + \mathrm{tr}\,(S_a + S_b - 2 (S_a^{1/2} S_b S_a^{1/2})^{1/2})` (Dowson and Landau, J.
    Multivariate Analysis 12(3), 1982). The last trace is the sum of the singular values of
    :math:`S_a^{1/2} S_b^{1/2}`, which needs no root of a matrix that is not symmetric and holds where a covariance is
    singular. In squared units of the data.

    Args:
        mean_a: Mean of the first Gaussian.
        covariance_a: Its covariance: symmetric, positive semi-definite.
        mean_b: Mean of the second.
        covariance_b: Its covariance.

    Example:
        >>> round(gaussian_distance(np.zeros(2), np.diag([1.0, 4.0]), np.array([3.0, 0.0]), np.diag([4.0, 0.0])), 9)
        14.0
    """
    means = as_array(mean_a, "mean_a", ndim=1) - as_array(mean_b, "mean_b", ndim=1)
    roots = _root(covariance_a, "covariance_a"), _root(covariance_b, "covariance_b")
    spread = sum(float((root**2).sum()) for root in roots)  # tr S = |S^(1/2)|²
    overlap = float(np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum())
    return max(float(means @ means) + spread - 2 * overlap, 0.0)


def frechet_distance(x: Num[Array, "n d"], y: Num[Array, "m e"]) -> float:
    """Return the Fréchet distance between two sets of features, that of the Gaussians with their means and covariances.

    Covariances have the divisor n − 1. The distance is biased upwards: two sets of n points of one Gaussian lie about
    (2 d + d (d + 1) / 2) / n apart, in units of their variance. Compare only values at one n (Chong and Forsyth, arXiv
    1911.07023).

    Args:
        x: Features of generated data.
        y: Features of real data.

    Raises:
        ProblemError: If the dimensions differ or a set has fewer than 2 points.
    """
    sets = as_array(x, "x", ndim=2), as_array(y, "y", ndim=2)
    if sets[0].shape[1] != sets[1].shape[1] or min(map(len, sets)) < 2:
        raise ProblemError(
            f"the Fréchet distance needs two sets of at least 2 points of one dimension, got shapes {sets[0].shape} "
            f"and {sets[1].shape}"
        )
    a, b = ((points.mean(axis=0), np.atleast_2d(np.cov(points, rowvar=False))) for points in sets)
    return gaussian_distance(*a, *b)


def frechet_metric(
    samples: Num[Array, "n d"], held_out: Num[Array, "n d"], train: Num[Array, "n d"]
) -> Metric:
    """Return ``frechet``, between features of samples and of held-out data.

    The floor is the distance of as many training data to the same held-out ones, which holds the same bias.

    Args:
        samples: Features of generated data.
        held_out: Features of held-out data, as many.
        train: Features of training data, as many.
    """
    value, floor = frechet_distance(samples, held_out), frechet_distance(train, held_out)
    return Metric("frechet", value, floor, None, "lower", len(held_out))


def _root(covariance: Array, name: str) -> Float[np.ndarray, "d d"]:
    matrix = as_array(covariance, name, ndim=2)
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < -1e-9 * max(values[-1], 1e-300):
        raise ProblemError(
            f"{name} must be positive semi-definite, its smallest eigenvalue is {values[0]:.3g}"
        )
    # what is left below zero is rounding
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
