"""Coverage of a known Gaussian mixture: modes found, quality of samples, balance, width, distance."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.special import xlogy
from scipy.stats import chi2

from infot.data.base import GaussianMixture
from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array

__all__ = ["Coverage", "cover", "coverage_metrics", "nearest_modes", "w2", "w2_data_metric", "w2_metric"]

SAMPLES_FOR_VARIANCE = 10
"""High-quality samples a mode needs before its variance is reported; fewer say too little."""
TRUE_REPETITIONS = 20
"""True sample sets, of the size of the measured one, whose mean gives the value of true data."""
TRUE_W2_REPETITIONS = 2
"""The same for the exact W2, whose cost is cubic and whose floor hardly varies."""
GRAM_FROM = 16
"""Dimension from which squared distances come from inner products: faster, rounding harmless."""
TRUE_SEED = 20191202
"""Seed of the true sample sets: equal runs get equal floors."""


@dataclass(frozen=True)
class Coverage:
    """How samples cover the L modes of a mixture.

    A sample is of high quality if it lies within the mixture's ``quality_radius`` of the nearest centre: 3σ
    in two dimensions (PacGAN's protocol), where true data has a share of 1 − exp(−4.5) = .9889.

    Attributes:
        counts: High-quality samples of each mode, shape (L,).
        n: Number of samples.
        weights: True share of each mode, shape (L,).
        variance_ratios: Variance of the high-quality samples of each mode about their mean, per direction of
            spread, over what truth would give within the same radius, shape (L,); NaN for a mode with fewer
            than ten.
    """

    counts: Int[np.ndarray, " L"]
    n: int
    weights: Float[np.ndarray, " L"]
    variance_ratios: Float[np.ndarray, " L"]

    @property
    def modes(self) -> int:
        """Modes with at least one high-quality sample: PacGAN's count, which one sample in 2500 satisfies."""
        return int((self.counts > 0).sum())

    @property
    def modes_half_mass(self) -> int:
        """Modes with at least half the high-quality samples that their weight calls for."""
        return int((self.counts >= self.n * self.weights / 2).sum())

    @property
    def high_quality(self) -> float:
        """Share of high-quality samples."""
        return float(self.counts.sum() / self.n)

    @property
    def reverse_kl(self) -> float:
        """KL(shares of the modes among good samples | weights), nats; the largest if there are none."""
        if self.counts.sum() == 0:
            return self.worst_reverse_kl
        shares = self.counts / self.counts.sum()
        return max(float((xlogy(shares, shares) - xlogy(shares, self.weights)).sum()), 0.0)

    @property
    def worst_reverse_kl(self) -> float:
        """Reverse KL of a generator that gives the rarest mode alone."""
        return float(-np.log(self.weights.min()))

    def summary(self) -> dict[str, float]:
        """Return each score by its metric's name; no variance ratios if no mode has ten good samples."""
        scores = {
            "modes": float(self.modes),
            "modes_half_mass": float(self.modes_half_mass),
            "high_quality": self.high_quality,
            "reverse_kl": self.reverse_kl,
        }
        ratios = self.variance_ratios[~np.isnan(self.variance_ratios)]
        if len(ratios):
            scores |= {
                "variance_ratio_min": float(ratios.min()),
                "variance_ratio_mean": float(ratios.mean()),
                "variance_ratio_max": float(ratios.max()),
            }
        return scores


def nearest_modes(
    samples: Num[Array, "n d"], centres: Num[Array, "L e"]
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return the nearest centre of each sample and the Euclidean distance to it.

    Raises:
        ProblemError: If samples and centres differ in dimension.
    """
    points, modes = as_array(samples, "samples", ndim=2), as_array(centres, "centres", ndim=2)
    if points.shape[1] != modes.shape[1]:
        raise ProblemError(
            f"samples have {points.shape[1]} dimensions, the centres {modes.shape[1]}: they must agree"
        )
    distances = cdist(points, modes)
    return distances.argmin(axis=1), distances.min(axis=1)


def cover(samples: Num[Array, "n d"], mixture: GaussianMixture) -> Coverage:
    """Measure how samples cover the modes of a mixture.

    Args:
        samples: Generated points; draw them independently, as true data is.
        mixture: The true law.

    Raises:
        ProblemError: If the dimensions differ.

    Example:
        >>> ring = GaussianMixture(torch.eye(2), sigma=0.01, weights=torch.tensor([0.5, 0.5]))
        >>> cover(np.array([[1.0, 0.0], [1.0, 0.02], [0.5, 0.5], [1.0, 0.01]]), ring).summary()
        {'modes': 1.0, 'modes_half_mass': 1.0, 'high_quality': 0.75, 'reverse_kl': 0.6931471805599453}
    """
    points = as_array(samples, "samples", ndim=2)
    nearest, distance = nearest_modes(points, mixture.centres)
    good = distance < mixture.quality_radius
    n_modes = len(mixture.centres)
    expected = mixture.sigma**2 * mixture.spread_dim * _truncation(mixture)
    ratios = [_total_variance(points[good & (nearest == mode)]) / expected for mode in range(n_modes)]
    counts = np.bincount(nearest[good], minlength=n_modes)
    weights = as_array(mixture.weights, "weights", ndim=1)
    return Coverage(counts, len(points), weights / weights.sum(), np.array(ratios))


def coverage_metrics(samples: Num[Array, "n d"], mixture: GaussianMixture) -> dict[str, Metric]:
    """Return modes, modes_half_mass, high_quality, reverse_kl and variance_ratio_min, _mean, _max as metrics.

    The value of true data is the mean over 20 independent true sample sets of the same size, from fixed
    streams. The worst value is that of a generator without any good sample, or stuck in the rarest mode.
    variance_ratio_min and variance_ratio_mean count shrinkage as bad, variance_ratio_max excess; the three
    belong together.
    """
    measured = cover(samples, mixture)
    true = [
        cover(mixture.sample(measured.n, rng)[0], mixture).summary()
        for rng in _true_streams(TRUE_REPETITIONS)
    ]
    metrics = {}
    for name, value in measured.summary().items():
        # A mode may be too rare to have a variance even in true data of this size.
        reached = [scores[name] for scores in true if name in scores]
        aim = float(np.mean(reached)) if reached else None
        if name == "reverse_kl":
            metrics[name] = Metric(name, value, aim, measured.worst_reverse_kl, "lower", measured.n)
        elif name == "variance_ratio_max":
            metrics[name] = Metric(name, value, aim, None, "lower", measured.n)
        else:
            metrics[name] = Metric(name, value, 0.0, aim, "higher", measured.n)
    return metrics


def w2(samples: Num[Array, "n d"], reference: Num[Array, "m e"]) -> float:
    """Return the exact 2-Wasserstein distance between two sets of equally many points.

    W2² = min_σ (1/n) Σ_i |x_i − y_σ(i)|², solved as an assignment; in units of the data. Cubic in n: 2000
    points take about a second.

    Raises:
        ProblemError: If the two sets differ in shape.

    Example:
        >>> w2(np.array([[0.0], [1.0]]), np.array([[2.0], [1.0]]))
        1.0
    """
    x, y = as_array(samples, "samples", ndim=2), as_array(reference, "reference", ndim=2)
    if x.shape != y.shape:
        raise ProblemError(f"w2 needs two sets of one shape, got {x.shape} and {y.shape}")
    cost = cdist(x, y, "sqeuclidean") if x.shape[1] < GRAM_FROM else _squared_distances(x, y)
    return float(np.sqrt(cost[linear_sum_assignment(cost)].mean()))


def w2_metric(samples: Num[Array, "n d"], mixture: GaussianMixture) -> Metric:
    """Return the exact W2 to a reference in which every mode has its share to within one point.

    Two independent true sets of 2000 are .15 apart on a ring of radius 1 through their random mode counts
    alone, so the reference is stratified, and samples should be too (draw codes in their exact shares). The
    floor is the mean between two such true sets; the ceiling that of a generator which gives the mean of the
    data only.
    """
    n = len(samples)
    streams = list(_true_streams(2 * TRUE_W2_REPETITIONS + 1))
    reference, *others = (_stratified(mixture, n, rng) for rng in streams)
    floor = np.mean([w2(a, b) for a, b in zip(others[::2], others[1::2], strict=True)])
    ceiling = np.sqrt(reference.var(axis=0).sum())
    return Metric("w2", w2(samples, reference), float(floor), float(ceiling), "lower", n)


def w2_data_metric(
    samples: Num[Array, "n d"], held_out: Num[Array, "m d"], train: Num[Array, "m d"]
) -> Metric:
    """Return the exact W2 to held-out data, for a law that is not known.

    The floor is the distance of as many training points to the same held-out ones: a model that repeats its
    training data reaches it, a good one need not. The ceiling is that of the mean of the held-out data.
    """
    reference = as_array(held_out, "held_out", ndim=2)
    ceiling = float(np.sqrt(reference.var(axis=0).sum()))
    return Metric("w2", w2(samples, reference), w2(train, reference), ceiling, "lower", len(reference))


def _stratified(mixture: GaussianMixture, n: int, rng: torch.Generator) -> np.ndarray:
    # Systematic sampling: each mode gets its expected count, rounded down or up.
    edges = mixture.weights.double().cumsum(0) / mixture.weights.double().sum()
    labels = torch.searchsorted(edges, (torch.arange(n, dtype=torch.float64) + 0.5) / n)
    return mixture.sample_at(labels.clamp_max(len(edges) - 1), rng).double().numpy()


def _true_streams(repetitions: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(TRUE_SEED + repetition) for repetition in range(repetitions)]


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T


def _truncation(mixture: GaussianMixture) -> float:
    """Return a true mode's variance within the quality radius over its full one (.949 at 3σ in 2-D)."""
    bound = (mixture.quality_radius / mixture.sigma) ** 2
    return float(chi2.cdf(bound, mixture.spread_dim + 2) / chi2.cdf(bound, mixture.spread_dim))


def _total_variance(points: np.ndarray) -> float:
    if len(points) < SAMPLES_FOR_VARIANCE:
        return float("nan")
    return float(points.var(axis=0, ddof=1).sum())
