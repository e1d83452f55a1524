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
    rows, columns = item.row_weights > 0, item.column_weights > 0
    of_rows, of_columns = item.dampings
    f, g = plan.f, plan.g
    if not bool(rows.all()):
        bias = plan.g / item.epsilon + few.column_weights.log()
        f = _filled(f, rows, of_rows * _soft_potential(item, item.x[~rows], few.y, bias))
    if not bool(columns.all()):
        bias = plan.f / item.epsilon + few.row_weights.log()
        g = _filled(g, columns, of_columns * _soft_potential(item, item.y[~columns], few.x, bias))
    return replace(plan, problem=item, f=f, g=g)


def _soft_potential(item: CloudProblem, points: Tensor, across: Tensor, bias: Tensor) -> Tensor:
    tiles = make_tiles(points, across, item.epsilon, item.cost)
    return item.epsilon * soft_transform(tiles, bias, torch.zeros_like(points[:, 0]))[0]


def _filled(potential: Tensor, held: Tensor, others: Tensor) -> Tensor:
    """Return the potential of all points from that of those held and of the others."""
    filled = potential.new_empty(len(held))
    filled[held], filled[~held] = potential, others
    return filled
