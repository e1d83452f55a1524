"""Precision and recall of samples: whether they lie where data lie, and reach wherever data do."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from scipy.spatial.distance import cdist

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array

__all__ = ["NEIGHBOURS", "Neighbourhoods", "compare_neighbourhoods", "neighbourhood_metrics"]

NEIGHBOURS = 3
"""Neighbours that a neighbourhood reaches to, as in the improved precision and recall."""


@dataclass(frozen=True)
class Neighbourhoods:
    """How samples lie among data. The neighbourhood of a point reaches to its k-th nearest neighbour of its own kind.

    Attributes:
        precision: Share of samples in the neighbourhood of a datum.
        recall: Share of data in the neighbourhood of a sample.
        density: Neighbourhoods of data that a sample lies in, on average over samples and divided by k; about 1 for
            true data, unbounded.
        coverage: Share of data with a sample in their neighbourhood.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def compare_neighbourhoods(
    samples: Num[Array, "n d"], data: Num[Array, "m e"], k: int = NEIGHBOURS
) -> Neighbourhoods:
    """Return precision, recall, density and coverage of samples among data.

    Kynkäänniemi et al., arXiv 1904.06991, for precision and recall, Naeem et al., arXiv 2002.09797, for the others.
    Distances are Euclidean; memory is quadratic in the number of points.

    Args:
        samples: Features of generated data, at least k + 1.
        data: Features of real data, at least k + 1.
        k: Neighbours that a neighbourhood reaches to.

    Raises:
        ProblemError: If the dimensions differ or there are too few points.

    Example:
        >>> line = np.arange(10.0)[:, None]
        >>> compare_neighbourhoods(line[:5] + 0.1, line, k=1)
        Neighbourhoods(precision=1.0, recall=0.6, density=2.0, coverage=0.6)
    """
    x, y = as_array(samples, "samples", ndim=2), as_array(data, "data", ndim=2)
    if x.shape[1] != y.shape[1] or min(len(x), len(y)) <= k:
        raise ProblemError(
            f"neighbourhoods of {k} neighbours need two sets of at least {k + 1} points of one dimension, got shapes "
            f"{x.shape} and {y.shape}"
        )
    distances = cdist(x, y)
    in_data, in_samples = distances <= _radii(y, k), _radii(x, k) >= distances.T
    return Neighbourhoods(
        precision=float(in_data.any(axis=1).mean()),
        recall=float(in_samples.any(axis=1).mean()),
        density=float(in_data.sum() / (k * len(x))),
        coverage=float(in_data.any(axis=0).mean()),
    )


def neighbourhood_metrics(
    samples: Num[Array, "n d"], held_out: Num[Array, "n d"], train: Num[Array, "n d"]
) -> dict[str, Metric]:
    """Return ``precision``, ``recall``, ``density`` and ``coverage`` of samples among held-out data.

    The ceilings are the values of as many training data among the same held-out ones.

    Args:
        samples: Features of generated data.
        held_out: Features of held-out data, as many.
        train: Features of training data, as many.
    """
    found, true = (vars(compare_neighbourhoods(x, held_out)) for x in (samples, train))
    return {
        name: Metric(name, value, 0.0, true[name], "higher", len(held_out)) for name, value in found.items()
    }


def _radii(points: np.ndarray, k: int) -> Float[np.ndarray, " n"]:
    """Return the distance of each point to its k-th nearest neighbour; the nearest of all is the point itself."""
    return np.partition(cdist(points, points), k, axis=1)[:, k]
