"""The scales of data in which prices are given: the mean cost of a pair, that of neighbours, the spread."""

import torch
from torch import Tensor

from infot import ot

__all__ = ["mean_cost", "neighbour_cost", "spread"]

MEASURED = 2048  # data from which the mean of a cost without a closed form is measured
BATCHES = 8  # batches over which the distance of neighbours is averaged
_SQUARED = ot.SquaredEuclidean()


def mean_cost(points: Tensor, cost: ot.Cost = _SQUARED) -> float:
    """Return the mean cost of independent pairs of data; of ``|x - x'|²`` it is twice the sum of the variances."""
    flat = points.flatten(1)
    if cost == _SQUARED:
        return float(2 * flat.double().var(dim=0, correction=0).sum())
    left, right = flat[:MEASURED].split(MEASURED // 2 if len(flat) > MEASURED else (len(flat) + 1) // 2)
    return float(cost(left, right).double().mean())


def neighbour_cost(points: Tensor, batch: int, cost: ot.Cost = _SQUARED) -> float:
    """Return the median cost from a datum to its nearest neighbour within a batch.

    Two batches of one law lie about so far apart: a plan between them that resolves less tells nothing of the law,
    only which of the other batch's points happens to be nearest.

    Args:
        points: Data, shape (n, ...).
        batch: Points in a batch; all of the data where there are fewer.
        cost: The ground cost between flattened points.
    """
    flat, rng = points.flatten(1), torch.Generator().manual_seed(0)
    medians = [
        _median_to_nearest(flat[torch.randperm(len(flat), generator=rng)[:batch]].double(), cost)
        for _ in range(BATCHES)
    ]
    return sum(medians) / BATCHES


def spread(points: Tensor | None) -> float:
    """Return the root mean square of the coordinates' standard deviations; 1 where there are no data."""
    return 1.0 if points is None else float(points.var(dim=0, correction=0).mean().sqrt())


def _median_to_nearest(points: Tensor, cost: ot.Cost) -> float:
    between = cost(points, points).fill_diagonal_(torch.inf)
    return float(between.amin(dim=1).median())
