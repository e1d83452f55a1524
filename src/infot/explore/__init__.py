"""A page about a trained model, served on this machine alone, that answers as its sliders move."""

from infot.explore.held_out import HeldOut
from infot.explore.server import ExploreServer
from infot.explore.studio import Studio

__all__ = ["ExploreServer", "HeldOut", "Studio"]
