"""A ground cost that is coarse at first and sharp at the end."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.pyramid import BlurPyramid, PyramidEye
from infot.objectives.ground import Ground
from infot.ot.schedules import Schedule

__all__ = ["PyramidGround"]

_SQUARED = ot.SquaredEuclidean()


@dataclass(frozen=True)
class PyramidGround(Ground):
    r"""The squared distance of images through the blurs of ``nets["pyramid"]``, from its first width to its last.

    Every width has the same mean cost between data, so that prices keep their meaning while the cost sharpens. Where
    things move farther than their size the cost of pixels is flat (method, section 6): coarse widths say which way to
    go, and the last word is that of the last width.

    Args:
        sharpness: How far the widths have been passed through, from 0, the first, to 1, the last; between two widths
            their costs are blended linearly.
        cost: Cost between places: their squared distance.
    """

    sharpness: Schedule
    cost: ot.Cost = _SQUARED

    def eye(self, nets: nn.ModuleDict, progress: float) -> nn.Module:
        """Return what sees images as sharp as they are at ``progress``."""
        pyramid = nets["pyramid"]
        assert isinstance(pyramid, BlurPyramid)
        weights = self.weights(len(pyramid.widths), progress).unsqueeze(1)
        return PyramidEye(pyramid, weights.to(pyramid.gains))

    def weights(self, levels: int, progress: float) -> Float[Tensor, " levels"]:
        """Return the weight of each width, which sum to 1."""
        place = self.sharpness(progress) * (levels - 1)
        return (1 - (torch.arange(levels) - place).abs()).clamp_min(0)

    def unit(self, cost: Tensor) -> float:
        """Return 1: the gains of the pyramid bring costs to the unit of pixels."""
        return 1.0
