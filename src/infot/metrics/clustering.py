"""How well a partition by codes matches a partition by labels: accuracy, purity, NMI, ARI, entropies.

All scores are functions of the contingency table (codes × labels). The table may be rectangular: with more
codes than labels ``accuracy`` still pairs each label with one code only, so every further code counts as an
error, while ``purity`` lets several codes share a label. That is why the two are never the same number under
one name.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int, Num
from scipy.optimize import linear_sum_assignment
from scipy.special import xlogy

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array, as_indices, chance

__all__ = [
    "accuracy",
    "ari",
    "clustering_metrics",
    "code_metrics",
    "conditional_entropy",
    "contingency",
    "match",
    "nmi",
    "purity",
]


def contingency(
    codes: Num[Array, " n"],
    labels: Num[Array, " m"],
    *,
    n_codes: int | None = None,
    n_labels: int | None = None,
) -> Int[np.ndarray, "K L"]:
    """Count how often each code meets each label.

    Args:
        codes: Code of each sample, whole numbers from 0.
        labels: Label of each sample, whole numbers from 0, as many as codes.
        n_codes: Number K of rows; the largest code plus one if omitted.
        n_labels: Number L of columns; the largest label plus one if omitted.

    Raises:
        ProblemError: If the lengths differ or an index does not fit.

    Example:
        >>> contingency(np.array([0, 0, 1]), np.array([1, 1, 0]))
        array([[0, 2],
               [1, 0]])
    """
    rows, columns = as_indices(codes, "codes"), as_indices(labels, "labels")
    if len(rows) != len(columns):
        raise ProblemError(f"codes and labels must have one length, got {len(rows)} and {len(columns)}")
    k = int(rows.max()) + 1 if n_codes is None else n_codes
    m = int(columns.max()) + 1 if n_labels is None else n_labels
    if rows.max() >= k or columns.max() >= m:
        raise ProblemError(f"a table of {k} codes x {m} labels cannot hold ({rows.max()}, {columns.max()})")
    return np.bincount(rows * m + columns, minlength=k * m).reshape(k, m)


def match(table: Num[Array, "K L"]) -> Int[np.ndarray, " K"]:
    """Return the label of each code under the one-to-one matching with most samples, -1 for a code left over.

    Kuhn's Hungarian method on the table.
    """
    counts = _table(table)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    labels = np.full(len(counts), -1)
    labels[rows] = columns
    return labels


def accuracy(table: Num[Array, "K L"]) -> float:
    """Return the share of samples on the best one-to-one matching of codes and labels (Hungarian accuracy).

    max_σ Σ_k n(k, σ(k)) / n over injective σ. What a rectangular table leaves unmatched counts as an error.
    """
    counts = _table(table)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())


def purity(table: Num[Array, "K L"]) -> float:
    """Return the share of samples whose label is the commonest of their code: Σ_k max_l n(k, l) / n.

    It grows with the number of codes by construction: one code a sample has purity 1.
    """
    counts = _table(table)
    return float(counts.max(axis=1).sum() / counts.sum())


def nmi(table: Num[Array, "K L"]) -> float:
    """Return the normalised mutual information 2 I(c;l) / (H(c) + H(l)), 1 if both sides are constant."""
    p = _joint(table)
    h_code, h_label = _entropy(p.sum(axis=1)), _entropy(p.sum(axis=0))
    if h_code + h_label == 0:
        return 1.0
    return float(np.clip(2 * (h_code + h_label - _entropy(p)) / (h_code + h_label), 0, 1))


def ari(table: Num[Array, "K L"]) -> float:
    """Return the adjusted Rand index (Hubert and Arabie 1985): 0 on average for random codes, 1 at best."""
    counts = _table(table)
    together = _pairs(counts)
    codes, labels = _pairs(counts.sum(axis=1)), _pairs(counts.sum(axis=0))
    expected = codes * labels / max(_pairs(counts.sum(keepdims=True)), 1)
    largest = (codes + labels) / 2
    return 1.0 if largest == expected else float((together - expected) / (largest - expected))


def conditional_entropy(table: Num[Array, "K L"]) -> float:
    """Return H(l|c) in nats, what the code leaves open about the label; transpose the table for H(c|l)."""
    p = _joint(table)
    return max(_entropy(p) - _entropy(p.sum(axis=1)), 0.0)


def clustering_metrics(table: Num[Array, "K L"]) -> dict[str, Metric]:
    """Return ``accuracy``, ``purity``, ``nmi`` and ``ari`` of codes against labels.

    The floor of each is its mean over 20 random pairings of the same codes with the same labels, from fixed
    streams.

    Args:
        table: Counts of codes × labels, see :func:`contingency`.
    """
    return _scores(table, {"accuracy": accuracy, "purity": purity, "nmi": nmi, "ari": ari})


def code_metrics(table: Num[Array, "K L"]) -> dict[str, Metric]:
    """Return what the code of a generated sample says about its mode, and the mode about the code.

    ``code_nmi``, ``code_accuracy``, ``code_purity``, and in nats ``mode_entropy_given_code`` H(m|c) and
    ``code_entropy_given_mode`` H(c|m). Chance is the mean over 20 random pairings, from fixed streams. H(m|c)
    = 0 says that the code determines the mode; H(c|m) > 0 beside it that several codes share a mode.

    Args:
        table: Counts of codes × modes of generated samples.
    """
    metrics = _scores(table, {"code_nmi": nmi, "code_accuracy": accuracy, "code_purity": purity})
    entropies: dict[str, Callable[[Array], float]] = {
        "mode_entropy_given_code": conditional_entropy,
        "code_entropy_given_mode": lambda counts: conditional_entropy(counts.T),
    }
    for name, metric in _scores(table, entropies).items():
        metrics[name] = Metric(name, metric.value, 0.0, metric.floor, "lower", metric.n)
    return metrics


def _scores(table: Array, functions: dict[str, Callable[[Array], float]]) -> dict[str, Metric]:
    counts = _table(table).astype(np.int64)
    codes, labels = (np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices(counts.shape))
    k, m = counts.shape
    paired = [contingency(codes, rng.permutation(labels), n_codes=k, n_labels=m) for rng in chance()]
    return {
        name: Metric(name, f(counts), float(np.mean([f(p) for p in paired])), 1.0, "higher", len(codes))
        for name, f in functions.items()
    }


def _table(table: Array) -> np.ndarray:
    counts = as_array(table, "contingency table", ndim=2)
    if counts.min() < 0 or counts.sum() == 0:
        raise ProblemError("a contingency table needs non-negative counts with a positive sum")
    return counts


def _joint(table: Array) -> np.ndarray:
    counts = _table(table)
    return counts / counts.sum()


def _entropy(p: np.ndarray) -> float:
    return float(-xlogy(p, p).sum())


def _pairs(counts: np.ndarray) -> float:
    """Return the number of pairs of samples that share an entry."""
    return float((counts * (counts - 1) / 2).sum())
