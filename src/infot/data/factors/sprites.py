"""dSprites rendered anew: one white shape on black, from its shape, scale, rotation and position."""

import torch
from torch import Tensor

from infot.data.factors.images import FactorImages
from infot.data.factors.shapes import PATCH, SHAPES, coverage
from infot.data.factors.space import FactorSpace

__all__ = ["SPRITES", "Sprites"]

SIDE = 64
SCALES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ANGLES = 40
POSITIONS = 32
FIRST_CENTRE = SIDE // 2 - POSITIONS // 2  # pixel of the leftmost and of the topmost centre

SPRITES = FactorSpace(
    ("shape", "scale", "rotation", "x", "y"), (len(SHAPES), len(SCALES), ANGLES, POSITIONS, POSITIONS)
)


class Sprites(FactorImages):
    """Render sprites of 64x64 pixels, grey, anti-aliased.

    Shape 0, 1, 2: square, ellipse, heart; scale 0.5 to 1 in steps of 0.1; rotation by 9 degrees a step,
    counter-clockwise; x to the right and y downwards, one pixel a step, centroids at pixels 16 to 47. The 720 shapes
    are rendered once (3 MB) and then copied to their places. Factors as in dSprites (Matthey et al. 2017), which counts
    the angle 0 twice, as its first and its last.

    Example:
        >>> Sprites().render(torch.tensor([[0, 5, 0, 16, 16]])).shape
        torch.Size([1, 1, 64, 64])
    """

    factors = SPRITES
    shape = (1, SIDE, SIDE)

    def __init__(self) -> None:
        self._patches = torch.stack(
            [torch.stack([coverage(shape, scale, ANGLES) for scale in SCALES]) for shape in SHAPES]
        ).flatten(3)
        line = torch.arange(PATCH)
        self._offsets = (line[:, None] * SIDE + line).flatten()

    def _draw(self, factors: Tensor) -> Tensor:
        shape, scale, rotation, x, y = factors.unbind(1)
        corner = FIRST_CENTRE - PATCH // 2
        places = ((y + corner) * SIDE + x + corner)[:, None] + self._offsets
        images = torch.zeros(len(factors), SIDE * SIDE)
        images.scatter_(1, places, self._patches[shape, scale, rotation])
        return images.view(-1, *self.shape)
