"""Points without weight, padding among them, take no part in a solve: they get their potentials after it."""

from dataclasses import replace

import torch
from torch import Tensor

from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.tiles import make_tiles, soft_transform

__all__ = ["extended", "present"]


def present(item: CloudProblem) -> CloudProblem:
    """Return the problem between the points that have weight; the problem itself if all have some."""
    rows, columns = item.row_weights > 0, item.column_weights > 0
    if bool(rows.all() & columns.all()):
        return item
    return item.derived(
        x=item.x[rows], y=item.y[columns], a=item.row_weights[rows], b=item.column_weights[columns]
    )


def extended(plan: CloudPlan, item: CloudProblem) -> CloudPlan:
    """Return the plan of the problem whose :func:`present` part was solved.

    The potential of a point without weight is the soft c-transform of that on the other side: the one that it would
    have with a weight next to nothing.
    """
    few = plan.problem
    if few is item:
        return plan
    f = _extended(plan.f, item.row_weights > 0, item.x, (few.y, few.column_weights, plan.g), item)
    g = _extended(plan.g, item.column_weights > 0, item.y, (few.x, few.row_weights, plan.f), item)
    return replace(plan, problem=item, f=f, g=g)


def _extended(
    potential: Tensor, held: Tensor, points: Tensor, other: tuple[Tensor, Tensor, Tensor], item: CloudProblem
) -> Tensor:
    if bool(held.all()):
        return potential
    across, weights, opposite = other
    tiles = make_tiles(points[~held], across, item.epsilon, item.cost)
    bias = opposite / item.epsilon + weights.log()
    soft, _ = soft_transform(tiles, bias, torch.zeros_like(points[~held][:, 0]))
    return (
        torch.empty_like(points[:, 0])
        .masked_scatter(held, potential)
        .masked_scatter(~held, item.epsilon * soft)
    )
