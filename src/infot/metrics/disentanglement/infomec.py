"""InfoMEC: modularity, explicitness and compactness in terms of information."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import digamma

from infot.metrics.disentanglement.coded import Coded
from infot.metrics.disentanglement.information import factor_entropies
from infot.metrics.disentanglement.logistic import class_probabilities

__all__ = ["InfoMEC", "infomec", "largest_share", "neighbour_information"]

JITTER = 1e-8
"""Noise that keeps equal codes apart, in units of their spread, wide against the rounding of numbers."""
NARROW = 20
"""Dimensions whose range is below the widest one's over this count as inactive."""


@dataclass(frozen=True, eq=False)
class InfoMEC:
    """The three scores and what two of them come from.

    Attributes:
        modularity: Whether each active code dimension tells about one factor.
        explicitness: Share of each factor's uncertainty that a linear classifier of all codes removes.
        compactness: Whether each factor is told by one active dimension.
        information: Share of each factor's entropy that each dimension tells, (K, D).
    """

    modularity: float
    explicitness: float
    compactness: float
    information: Float[np.ndarray, "K D"]


def infomec(train: Coded, test: Coded, rng: np.random.Generator, *, neighbours: int = 10) -> InfoMEC:
    """Return InfoM, InfoE and InfoC.

    With n_kd = I(v_k; c_d) / H(v_k) by :func:`neighbour_information`: InfoM is the largest share max_k n_kd / Σ_k n_kd
    of each active dimension, InfoC that of each factor, max_d n_kd / Σ_d n_kd, each mean rescaled from [1/m, 1] to
    [0, 1]; InfoE is 1 − CE / log(values), CE the cross-entropy of a logistic regression without penalty and with
    balanced classes, stopped after 100 steps. The published code scores it on what it learnt from, this one on the
    test data.

    Args:
        train: Data to learn from; information is estimated on it.
        test: Data on which cross-entropies are taken.
        rng: Source of the jitter.
        neighbours: Nearest neighbours of the estimate of information.

    Reference:
        Hsu et al., Disentanglement via Latent Quantization, arXiv 2305.18378.
    """
    pairs = [
        [neighbour_information(code, factor, rng, neighbours=neighbours) for code in train.codes.T]
        for factor in train.factors.T
    ]
    information = np.array(pairs) / factor_entropies(train)[:, None]
    ranges = np.ptp(train.codes, axis=0)
    active = information[:, ranges > ranges.max() / NARROW] if ranges.max() > 0 else information[:, :0]
    return InfoMEC(
        largest_share(active.T),
        float(np.mean([_explained(train, test, k) for k in range(train.n_factors)])),
        largest_share(active),
        information,
    )


def largest_share(rows: Float[np.ndarray, "r m"]) -> float:
    """Return the mean over rows of max / sum, rescaled so that even rows give 0 and rows of one entry alone give 1.

    Rows of zeros count as even, single informative entries as 1, and no rows or columns give 0.

    Example:
        >>> largest_share(np.array([[2.0, 0.0], [1.0, 1.0]]))
        0.5
    """
    n, m = rows.shape
    if n == 0 or m == 0:
        return 0.0
    total = rows.sum(axis=1)
    shares = np.where(total > 0, rows.max(axis=1) / np.where(total > 0, total, 1.0), 1 / m)
    return float((shares.mean() - 1 / m) / (1 - 1 / m)) if m > 1 else float((total > 0).mean())


def neighbour_information(
    code: Float[np.ndarray, " n"],
    factor: Int[np.ndarray, " n"],
    rng: np.random.Generator,
    *,
    neighbours: int = 10,
) -> float:
    """Return the information of a number on a class in nats, at least 0, from nearest neighbours.

    ψ(n) + ⟨ψ(k)⟩ − ⟨ψ(n_v)⟩ − ⟨ψ(m)⟩: for each datum, k neighbours (fewer in small classes) of its own class, n_v data
    of its class, m data of any class nearer than the k-th of them, itself included. Classes of one datum are left out.

    Args:
        code: A dimension of the code.
        factor: Class of each datum.
        rng: Source of the jitter that keeps equal codes apart.
        neighbours: How many.

    Reference:
        Ross, Mutual Information between Discrete and Continuous Data Sets, PLoS ONE 9(2), 2014.
    """
    spread = code.std()
    x = (code - code.mean()) / (spread if spread > 0 else 1.0)
    x = x + JITTER * max(1.0, float(np.abs(x).mean())) * rng.standard_normal(len(x))
    counts = np.bincount(factor)
    kept = counts[factor] > 1
    x, factor = x[kept], factor[kept]
    everything = np.sort(x)
    rounding = 8 * np.spacing(np.abs(x).max())
    inner, near, own = [], [], []
    for value in np.unique(factor):
        group = np.sort(x[factor == value])
        k = min(neighbours, len(group) - 1)
        radius = np.maximum(_neighbour_distance(group, k) - rounding, 0.0)  # leaves the k-th itself out
        within = np.searchsorted(everything, group + radius, "right")
        near.append(within - np.searchsorted(everything, group - radius, "left"))
        inner.append(np.full(len(group), k))
        own.append(np.full(len(group), len(group)))
    terms = digamma(np.concatenate(inner)) - digamma(np.concatenate(own)) - digamma(np.concatenate(near))
    return max(float(digamma(len(x)) + terms.mean()), 0.0)


def _neighbour_distance(ordered: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each number to its k-th nearest other: the shortest reach of a window of k + 1."""
    padded = np.concatenate([np.full(k, -np.inf), ordered, np.full(k, np.inf)])
    at = np.arange(len(ordered)) + k
    reaches = [np.maximum(ordered - padded[at - j], padded[at - j + k] - ordered) for j in range(k + 1)]
    return np.min(reaches, axis=0)


def _explained(train: Coded, test: Coded, factor: int) -> float:
    probabilities, truth = class_probabilities(train, test, factor, penalty=0.0, balanced=True)
    chosen = probabilities[np.arange(len(truth)), truth]
    uncertainty = -np.log(np.maximum(chosen, np.finfo(float).tiny)).mean()
    return float(1 - uncertainty / np.log(probabilities.shape[1]))
