"""Pairs drawn from a plan that is made a few rows at a time."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["pairs_at"]

RowBlocks = Callable[[], Iterator[tuple[slice, Tensor]]]


def pairs_at(row_blocks: RowBlocks, shares: Float[Tensor, "B s"]) -> Int[Tensor, "2 B s"]:
    """Return the (row, column) at which the masses, cumulated row after row, reach a share of the whole.

    Two passes over the plan: one for the masses of the blocks, one for the pairs.

    Args:
        row_blocks: Makes the blocks of rows of the plan, with or without a batch axis; called twice.
        shares: Shares in [0, 1) for each item, float64, on the CPU.

    Returns:
        Rows and columns, on the CPU.
    """
    masses = torch.stack([_cumulated(block)[:, -1] for _, block in row_blocks()], -1)
    tops = masses.cumsum(-1)
    heights = shares * tops[:, -1:]
    of_block = torch.searchsorted(tops, heights, right=True).clamp_max(tops.shape[-1] - 1)
    heights = heights - (tops - masses).gather(-1, of_block)
    pairs = torch.empty(2, *shares.shape, dtype=torch.long)
    for number, (rows, block) in enumerate(row_blocks()):
        drawn, width = of_block == number, block.shape[-1]
        if not bool(drawn.any()):
            continue
        for item, cumulated in enumerate(_cumulated(block)):
            # rounding must not put a height beyond the last pair that has mass
            below = heights[item, drawn[item]].clamp_max(torch.nextafter(cumulated[-1], cumulated[0] - 1))
            index = torch.searchsorted(cumulated, below, right=True)
            pairs[:, item, drawn[item]] = torch.stack([rows.start + index // width, index % width])
    return pairs


def _cumulated(block: Float[Tensor, "*batch r m"]) -> Float[Tensor, "B rm"]:
    return block.flatten(-2).reshape(-1, block.shape[-2] * block.shape[-1]).cpu().double().cumsum(-1)
