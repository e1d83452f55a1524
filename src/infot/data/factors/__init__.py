"""Images made from known factors, for the study of disentanglement."""

from infot.data.factors.images import FactorImages, Rendered
from infot.data.factors.space import FactorSpace
from infot.data.factors.sprites import Sprites

__all__ = ["FactorImages", "FactorSpace", "Rendered", "Sprites"]
