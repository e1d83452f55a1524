"""Points without weight, padding among them, take no part in a solve: they get their potentials after it."""

from dataclasses import replace

import torch
from torch import Tensor

from infot.ot.clouds.codes import CloudCodes
from infot.ot.clouds.nested_pass import nest_of, soft_over_noise
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.tiles import Tiles, column_tiles, make_tiles, soft_transform

__all__ = ["extended", "present"]


def present(item: CloudProblem) -> CloudProblem:
    """Return the problem between the points that have weight; the problem itself if all have some.

    Rows of a structured problem stay, with or without weight: they are laid out by code.
    """
    rows, columns = _present(item)
    if bool(rows.all() & columns.all()):
        return item
    return item.derived(
        x=item.x[rows], y=item.y[columns], a=item.row_weights[rows], b=item.column_weights[columns]
    )


def _present(item: CloudProblem) -> tuple[Tensor, Tensor]:
    """Return which points of the two clouds a solve takes."""
    rows = item.row_weights > 0
    return torch.ones_like(rows) if item.structured else rows, item.column_weights > 0


def extended(plan: CloudPlan, item: CloudProblem) -> CloudPlan:
    """Return the plan of the problem whose :func:`present` part was solved.

    The potential of a point without weight is the soft c-transform of that on the other side, nested where there are
    codes: the one that it would have with a weight next to nothing.
    """
    few = plan.problem
    if few is item:
        return plan
    rows, columns = _present(item)
    if plan.codes is not None:
        return _extended_codes(plan, plan.codes, item, columns)
    of_rows, of_columns = item.dampings
    f, g = plan.f, plan.g
    if not bool(rows.all()):
        bias = plan.g / item.epsilon + few.column_weights.log()
        tiles = make_tiles(item.x[~rows], few.y, item.epsilon, item.cost)
        f = _filled(f, rows, of_rows * _soft_potential(item, tiles, bias))
    if not bool(columns.all()):
        bias = plan.f / item.epsilon + few.row_weights.log()
        tiles = column_tiles(few.x, item.y[~columns], item.epsilon, item.cost)
        g = _filled(g, columns, of_columns * _soft_potential(item, tiles, bias))
    return replace(plan, problem=item, f=f, g=g)


def _soft_potential(item: CloudProblem, tiles: Tiles, bias: Tensor) -> Tensor:
    return item.epsilon * soft_transform(tiles, bias, bias.new_zeros(tiles.n))[0]


def _extended_codes(plan: CloudPlan, codes: CloudCodes, item: CloudProblem, columns: Tensor) -> CloudPlan:
    """Return a structured plan with the columns that have no weight, and what structure lowers their cost by."""
    nest = nest_of(plan.problem)
    soft = soft_over_noise(plan.problem, nest, plan.f, item.y[~columns])
    g, log_density = nest.outer(soft)
    others = (nest.epsilon * log_density - soft - g.unsqueeze(1))[0]
    perturbation = others.new_empty(len(others), len(columns))
    perturbation[:, columns], perturbation[:, ~columns] = codes.perturbation, others
    return replace(
        plan,
        problem=item,
        g=_filled(plan.g, columns, g[0]),
        codes=replace(codes, perturbation=perturbation),
    )


def _filled(potential: Tensor, held: Tensor, others: Tensor) -> Tensor:
    """Return the potential of all points from that of those held and of the others."""
    filled = potential.new_empty(len(held))
    filled[held], filled[~held] = potential, others
    return filled
