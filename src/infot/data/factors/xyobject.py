"""One square of some size and colour somewhere in the image."""

import torch
from torch import Tensor

from infot.data.factors.hues import hues
from infot.data.factors.images import FactorImages
from infot.data.factors.space import FactorSpace

__all__ = ["XYObject"]

SIDE = 64
POSITIONS = 25
SCALES = 5
COLOURS = 24
LARGEST = 15  # pixels a side


class XYObject(FactorImages):
    """Render a coloured square on black: side 7, 9, 11, 13 or 15 pixels, 25x25 places two pixels apart, 24 hues.

    The centre of the square lies at the pixels 7, 9, ..., 55. After XYObject of disent (Michlo, Klein, James 2022).

    Example:
        >>> XYObject().render(torch.tensor([[0, 0, 4, 0]])).sum((2, 3)).tolist()
        [[225.0, 0.0, 0.0]]
    """

    factors = FactorSpace(("x", "y", "scale", "colour"), (POSITIONS, POSITIONS, SCALES, COLOURS))
    shape = (3, SIDE, SIDE)

    def __init__(self) -> None:
        self._line = torch.arange(SIDE)
        self._colours = hues(COLOURS)

    def _draw(self, factors: Tensor) -> Tensor:
        x, y, scale, colour = factors[:, :, None].unbind(1)
        reach = LARGEST // 2 + 1 - SCALES + scale
        columns, rows = (((self._line - LARGEST // 2 - 2 * place).abs() <= reach).float() for place in (x, y))
        coloured_rows = rows[:, None] * self._colours[colour[:, 0], :, None]
        return coloured_rows[..., None] * columns[:, None, None]
