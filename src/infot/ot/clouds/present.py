"""Points without weight, padding among them, take no part in a solve: they get their potentials after it."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from infot.ot.clouds.codes import CloudCodes
from infot.ot.clouds.nested_pass import nest_of, soft_over_noise
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.tiles import Tiles, column_tiles, make_tiles, soft_transform
from infot.ot.structure import Blocks, Structured

__all__ = ["extended", "present", "present_start"]


def present(item: CloudProblem) -> CloudProblem:
    """Return the problem between the points that have weight; the problem itself if all have some.

    Rows laid out by code stay a layout: as many draws of each code are left as the fullest one has with weight.
    """
    rows, columns = _rows(item), item.column_weights > 0
    if len(rows) == len(item.x) and bool(columns.all()):
        return item
    fewer = item.derived(
        x=item.x[rows], y=item.y[columns], a=item.row_weights[rows], b=item.column_weights[columns]
    )
    if not isinstance(item.regulariser, Structured):
        return fewer.derived(blocks=None)
    sizes = item.regulariser.blocks.code[:-1]
    blocks = Blocks((*sizes, len(rows) // item.regulariser.blocks.n_codes))
    return fewer.derived(blocks=blocks, regulariser=replace(item.regulariser, blocks=blocks))


def present_start(item: CloudProblem, potential: Tensor) -> Tensor:
    """Return what of a starting potential, of the rows where there is structure, belongs to :func:`present`."""
    return potential[_rows(item) if item.structured else item.column_weights > 0]


def _rows(item: CloudProblem) -> Int[Tensor, " few"]:
    """Return the rows that a solve takes."""
    weights = item.row_weights
    if not isinstance(item.regulariser, Structured):
        return (weights > 0).nonzero().squeeze(-1)
    blocks = item.regulariser.blocks
    there = weights.reshape(blocks.n_codes, -1) > 0
    there = there | ~there.any(-1, keepdim=True)  # of a code without weight all draws count alike
    order = (~there).to(torch.uint8).argsort(dim=-1, stable=True)
    kept = order[:, : int(there.sum(-1).max())].sort(-1).values
    return (kept + blocks.n_noise * torch.arange(blocks.n_codes, device=kept.device).unsqueeze(-1)).flatten()


def extended(plan: CloudPlan, item: CloudProblem) -> CloudPlan:
    """Return the plan of the problem whose :func:`present` part was solved.

    The potential of a point without weight is the soft c-transform of that on the other side, nested where there are
    codes: the one that it would have with a weight next to nothing.
    """
    few = plan.problem
    if few is item:
        return plan
    rows, columns = torch.zeros_like(item.row_weights, dtype=torch.bool), item.column_weights > 0
    rows[_rows(item)] = True
    if plan.codes is not None:
        return _extended_codes(plan, plan.codes, item, (rows, columns))
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


def _extended_codes(
    plan: CloudPlan,
    codes: CloudCodes,
    item: CloudProblem,
    held: tuple[Bool[Tensor, " n"], Bool[Tensor, " m"]],
) -> CloudPlan:
    """Return a structured plan with the points that were left out, and what structure lowers their cost by."""
    (rows, columns), f, g, perturbation = held, plan.f, plan.g, codes.perturbation
    if not bool(rows.all()):
        assert item.blocks is not None
        of_rows = item.blocks.of_rows(f.device)[~rows]
        f = _filled(f, rows, plan.potential(item.x[~rows], of_rows))
    if not bool(columns.all()):
        nest = nest_of(plan.problem)
        soft = soft_over_noise(plan.problem, nest, plan.f, item.y[~columns])
        others, log_density = nest.outer(soft)
        lowered = (nest.epsilon * log_density - soft - others.unsqueeze(1))[0]
        g = _filled(g, columns, others[0])
        perturbation = perturbation.new_empty(len(lowered), len(columns))
        perturbation[:, columns], perturbation[:, ~columns] = codes.perturbation, lowered
    return replace(plan, problem=item, f=f, g=g, codes=replace(codes, perturbation=perturbation))


def _filled(
    potential: Float[Tensor, " few"], held: Bool[Tensor, " n"], others: Float[Tensor, " rest"]
) -> Float[Tensor, " n"]:
    """Return the potential of all points from that of those held and of the others."""
    filled = potential.new_empty(len(held))
    filled[held], filled[~held] = potential, others
    return filled
