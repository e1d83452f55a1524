"""What the noise says about the mode of a sample: it should say nothing, that is the code's part."""

import numpy as np
from jaxtyping import Num
from scipy.special import xlogy
from sklearn.metrics.cluster import expected_mutual_information

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array, as_indices
from infot.metrics.clustering import contingency

__all__ = ["noise_nmi", "noise_nmi_metric"]

ROUNDING = 1e-9
"""Entropies in nats closer than this are equal up to rounding."""


def noise_nmi(
    noise: Num[Array, "n d"], modes: Num[Array, " m"], *, bins: int = 10, cells: int = 256
) -> float:
    """Return the share of the mode's entropy that the noise explains, corrected for chance.

    The noise q is made discrete in d + 1 ways: each coordinate by itself in ``bins`` quantile bins, which
    sees a mode chosen by one coordinate, however many others there are; and all together in the ``cells``
    Voronoi cells of the first draws, which sees a mode chosen by several coordinates jointly, as by an angle.
    Each way gives

        (I(q;m) − E[I]) / (H(m) − E[I]),

    with E[I] the exact mean of I under random pairing (Vinh, Epps and Bailey 2010), so the expectation is 0
    for independent noise where the plug-in estimate is biased by about (bins − 1)(L − 1)/2n nats; 1 means
    that the noise determines the mode. The largest of the d + 1 values is returned. It may be slightly
    negative. The entropy of the mode alone normalises, since the entropy of binned noise measures the bins:
    for codes that are the modes this equals the usual NMI. Dependence is underestimated where a mode's region
    of noise is finer than the cells.

    Args:
        noise: Noise of each sample.
        modes: Mode of each sample, whole numbers from 0, as many as noises.
        bins: Quantile bins of each coordinate, at least 2.
        cells: Voronoi cells of the joint noise, at least 2.

    Returns:
        Value up to 1; 0 if there is a single mode, which nothing is needed to predict.

    Raises:
        ProblemError: If the lengths differ or there are fewer samples than cells.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> noise = rng.standard_normal((10_000, 2))
        >>> noise_nmi(noise, rng.integers(8, size=10_000)) < 0.01
        True
        >>> noise_nmi(noise, (noise[:, 0] > 0).astype(int)) > 0.9
        True
    """
    points, labels = as_array(noise, "noise", ndim=2), as_indices(modes, "modes")
    if len(points) != len(labels):
        raise ProblemError(f"noise and modes must have one length, got {len(points)} and {len(labels)}")
    if len(points) < max(bins, cells):
        raise ProblemError(f"noise_nmi needs at least {max(bins, cells)} samples, got {len(points)}")
    views = [_quantile_bins(column, bins) for column in points.T] + [_voronoi(points, cells)]
    return max(_explained(view, labels) for view in views)


def noise_nmi_metric(noise: Num[Array, "n d"], modes: Num[Array, " m"]) -> Metric:
    """Return :func:`noise_nmi` as a metric from 0 (true data: noise independent of the mode) to 1."""
    return Metric("noise_nmi", noise_nmi(noise, modes), 0.0, 1.0, "lower", len(modes))


def _quantile_bins(column: np.ndarray, bins: int) -> np.ndarray:
    edges = np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(edges, column, side="right")


def _voronoi(points: np.ndarray, cells: int) -> np.ndarray:
    scaled = points / np.maximum(points.std(axis=0), np.finfo(float).tiny)
    seeds = scaled[:cells]
    # argmin |x - s|² = argmin |s|² - 2<x, s>
    return ((seeds**2).sum(axis=1) - 2 * scaled @ seeds.T).argmin(axis=1)


def _explained(view: np.ndarray, labels: np.ndarray) -> float:
    table = contingency(view, labels)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if table.shape[1] == 1:
        return 0.0
    p = table / table.sum()
    label_entropy = -xlogy(p.sum(axis=0), p.sum(axis=0)).sum()
    information = xlogy(p, p).sum() - xlogy(p.sum(axis=1), p.sum(axis=1)).sum() + label_entropy
    expected = expected_mutual_information(table.astype(np.int64), len(labels))
    room = label_entropy - expected
    # As many cells as samples explain anything by chance alone: nothing is left to measure.
    return float((information - expected) / room) if room > ROUNDING else 0.0
