"""Images made from known factors, for the study of disentanglement."""

from infot.data.factors.colour_sprites import ColourSprites
from infot.data.factors.images import FactorImages, Rendered
from infot.data.factors.noisy_sprites import NoisySprites
from infot.data.factors.space import FactorSpace
from infot.data.factors.sprites import Sprites
from infot.data.factors.squares import Squares
from infot.data.factors.xyobject import XYObject

__all__ = [
    "ColourSprites",
    "FactorImages",
    "FactorSpace",
    "NoisySprites",
    "Rendered",
    "Sprites",
    "Squares",
    "XYObject",
]
