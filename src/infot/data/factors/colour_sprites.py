"""Sprites in colour, the colour being one more factor."""

from torch import Tensor

from infot.data.factors.hues import hues
from infot.data.factors.images import FactorImages
from infot.data.factors.space import FactorSpace
from infot.data.factors.sprites import SIDE, SPRITES, Sprites

__all__ = ["ColourSprites"]

COLOURS = 6


class ColourSprites(FactorImages):
    """Render sprites in red, yellow, green, cyan, blue or magenta on black.

    The colour is the first factor, as in dSprites, where it has one value; the others are those of :class:`Sprites`.
    Color-dSprites (Locatello et al. 2019, arXiv:1811.12359) draws a colour at random for each image instead.

    Example:
        >>> import torch
        >>> ColourSprites().render(torch.tensor([[2, 0, 5, 0, 16, 16]])).amax((2, 3)).tolist()
        [[0.0, 1.0, 0.0]]
    """

    factors = FactorSpace(("colour", *SPRITES.names), (COLOURS, *SPRITES.sizes))
    shape = (3, SIDE, SIDE)

    def __init__(self) -> None:
        self._sprites = Sprites()
        self._colours = hues(COLOURS)

    def _draw(self, factors: Tensor) -> Tensor:
        return self._sprites.render(factors[:, 1:]) * self._colours[factors[:, 0], :, None, None]
