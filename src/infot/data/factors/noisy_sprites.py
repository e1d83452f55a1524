"""Sprites before a background of noise that belongs to the image."""

import torch
from torch import Tensor

from infot.data.factors.images import FactorImages
from infot.data.factors.sprites import SIDE, SPRITES, Sprites

__all__ = ["NoisySprites"]


class NoisySprites(FactorImages):
    """Render white sprites before noise, uniform on [0, 1) and independent in each pixel.

    ``image = sprite + (1 - sprite) * noise``. Every image has noise of its own, drawn by a generator that its number
    seeds, so it is the same each time. The factors are those of :class:`Sprites`. Grey, where Noisy-dSprites (Locatello
    et al. 2019, arXiv:1811.12359) has noise in three channels, drawn anew each time.
    """

    factors = SPRITES
    shape = (1, SIDE, SIDE)

    def __init__(self) -> None:
        self._sprites = Sprites()

    def _draw(self, factors: Tensor) -> Tensor:
        images, rng = torch.empty(len(factors), *self.shape), torch.Generator()
        for image, number in zip(images, self.factors.index_of(factors).tolist(), strict=True):
            image.uniform_(generator=rng.manual_seed(number))
        return images.lerp_(torch.ones(()), self._sprites.render(factors))
