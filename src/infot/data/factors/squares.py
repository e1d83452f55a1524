"""Three squares on a grid, whose distance in pixels says nothing about how far they moved."""

import torch
from torch import Tensor

from infot.data.factors.images import FactorImages
from infot.data.factors.space import FactorSpace

__all__ = ["Squares"]

SIDE = 64
CELLS = 8  # along a side of the grid: a square fills one cell
COLOURS = ("red", "green", "blue")


class Squares(FactorImages):
    r"""Render a red, a green and a blue square, each in one of 8x8 cells of 8x8 pixels and in a channel of its own.

    Squares in different cells do not overlap and colours do not hide each other, so that images in which m squares
    differ are at the distance :math:`|x - x'|^2 = 128 m`, however far the squares are apart: a cost on pixels cannot
    tell near from far. After XYSquares of disent (Michlo, Klein, James 2022).

    Example:
        >>> Squares().render(torch.zeros(1, 6, dtype=torch.int64)).sum((2, 3)).tolist()
        [[64.0, 64.0, 64.0]]
    """

    factors = FactorSpace(tuple(f"{axis}_{colour}" for colour in COLOURS for axis in "xy"), (CELLS,) * 6)
    shape = (3, SIDE, SIDE)

    def __init__(self) -> None:
        self._cells = torch.arange(SIDE) // (SIDE // CELLS)

    def _draw(self, factors: Tensor) -> Tensor:
        columns, rows = (factors.view(-1, 3, 2, 1) == self._cells).float().unbind(2)
        return rows[..., None] * columns[..., None, :]
