"""Padding: problems of unequal sizes in one batch, with masks that say which rows and columns are there.

Absent rows and columns have weight zero, so they enter no sum. Their costs are replaced by the mean of the present
ones, and points by a present one, before anything looks at them: whatever stands there, NaN too, does no harm and gets
no gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from infot.errors import ProblemError

__all__ = [
    "Padded",
    "PaddedClouds",
    "filled_cost",
    "filled_points",
    "masked_weights",
    "pad_clouds",
    "pad_costs",
]


@dataclass(frozen=True, eq=False)
class PaddedClouds:
    """Clouds of unequal sizes in one array.

    Args:
        points: The points, zero where nothing is.
        mask: Which points are present.
    """

    points: Float[Tensor, "B n d"]
    mask: Bool[Tensor, "B n"]


@dataclass(frozen=True, eq=False)
class Padded:
    """Costs of unequal sizes in one array.

    Args:
        cost: The costs, zero where nothing is.
        row_mask: Which rows are present.
        column_mask: Which columns are present.
    """

    cost: Float[Tensor, "B n m"]
    row_mask: Bool[Tensor, "B n"]
    column_mask: Bool[Tensor, "B m"]


def pad_costs(costs: Sequence[Float[Tensor, "_n _m"]]) -> Padded:
    """Put costs of unequal sizes into one batch, each in the upper left corner; differentiable.

    Args:
        costs: At least one cost ``(n_i, m_i)``, all of one dtype.

    Raises:
        ProblemError: if there is none.

    Example:
        >>> padded = pad_costs([torch.ones(2, 3), torch.ones(4, 1)])
        >>> padded.cost.shape, padded.row_mask.sum(-1).tolist(), padded.column_mask.sum(-1).tolist()
        (torch.Size([2, 4, 3]), [2, 4], [3, 1])
    """
    if not costs:
        raise ProblemError("expected at least one cost to pad, got none")
    n, m = max(cost.shape[0] for cost in costs), max(cost.shape[1] for cost in costs)
    pad = torch.nn.functional.pad
    stacked = torch.stack([pad(cost, (0, m - cost.shape[1], 0, n - cost.shape[0])) for cost in costs])
    rows = _present([cost.shape[0] for cost in costs], n, stacked)
    return Padded(stacked, rows, _present([cost.shape[1] for cost in costs], m, stacked))


def pad_clouds(clouds: Sequence[Float[Tensor, "_n d"]]) -> PaddedClouds:
    """Put clouds of unequal sizes into one batch, each at the front of its item; differentiable.

    Args:
        clouds: At least one cloud ``(n_i, d)``, all of one dimension and dtype.

    Raises:
        ProblemError: if there is none.

    Example:
        >>> padded = pad_clouds([torch.ones(2, 3), torch.ones(4, 3)])
        >>> padded.points.shape, padded.mask.sum(-1).tolist()
        (torch.Size([2, 4, 3]), [2, 4])
    """
    if not clouds:
        raise ProblemError("expected at least one cloud to pad, got none")
    points = torch.nn.utils.rnn.pad_sequence(list(clouds), batch_first=True)
    return PaddedClouds(points, _present([len(cloud) for cloud in clouds], points.shape[1], points))


def _present(sizes: list[int], size: int, like: Tensor) -> Tensor:
    counts = torch.tensor(sizes, device=like.device).unsqueeze(-1)
    return torch.arange(size, device=like.device) < counts


def filled_cost(
    cost: Float[Tensor, "*batch n m"],
    row_mask: Tensor | None,
    column_mask: Tensor | None,
) -> Float[Tensor, "*batch n m"]:
    """Return the cost with the mean of the present entries of its item where a row or column is absent.

    Raises:
        ProblemError: if a mask is not boolean, does not fit the cost, or leaves nothing.
    """
    if row_mask is None and column_mask is None:
        return cost
    rows = _checked(row_mask, "row_mask", cost.shape[-2], cost)
    columns = _checked(column_mask, "column_mask", cost.shape[-1], cost)
    present = rows.unsqueeze(-1) & columns.unsqueeze(-2)
    total = torch.where(present, cost.detach(), 0).sum((-2, -1), keepdim=True)
    return torch.where(present, cost, total / present.sum((-2, -1), keepdim=True))


def filled_points(points: Float[Tensor, "*batch n d"], mask: Tensor | None, name: str) -> Tensor:
    """Return the points with the first present one of the cloud where one is absent: one that every cost takes.

    Args:
        points: The cloud, or a batch of them.
        mask: Which are present, ``(n,)`` or with the batch axis; all if None.
        name: What the message calls the mask.

    Raises:
        ProblemError: if the mask is not boolean, does not fit the points, or leaves nothing.
    """
    if mask is None:
        return points
    present = _checked(mask, name, points.shape[-2], points).expand(points.shape[:-1]).unsqueeze(-1)
    first = present.int().argmax(-2, keepdim=True)
    anywhere = points.detach().gather(-2, first.expand(*first.shape[:-1], points.shape[-1]))
    return torch.where(present, points, anywhere)


def _checked(mask: Tensor | None, name: str, size: int, like: Tensor) -> Tensor:
    if mask is None:
        return torch.ones(size, dtype=torch.bool, device=like.device)
    allowed = [(size,)] if like.ndim == 2 else [(size,), (like.shape[0], size)]
    if tuple(mask.shape) not in allowed or mask.dtype != torch.bool:
        raise ProblemError(
            f"expected a boolean {name} of shape {' or '.join(map(str, allowed))}, got {mask.dtype} of shape "
            f"{tuple(mask.shape)}"
        )
    if not bool(mask.any(-1).all()):
        raise ProblemError(
            f"expected {name} to leave something in every problem, got one with nothing present"
        )
    return mask


def masked_weights(weights: Tensor | None, mask: Tensor | None, like: Tensor) -> Tensor | None:
    """Return weights without what is absent: uniform over the present, or the given ones, zero where absent."""
    if mask is None:
        return weights
    if weights is None:
        return mask.to(like.dtype) / mask.sum(-1, keepdim=True)
    if not weights.is_floating_point() or weights.shape[-1] != mask.shape[-1]:
        return weights  # told by the check of the weights
    return torch.where(mask, weights, 0)
