"""A ground cost that sharpens as far as training has explained the data."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.pyramid import BlurPyramid, PyramidEye
from infot.models.unexplained import Unexplained
from infot.objectives.ground import Ground

__all__ = ["FollowedGround"]

_SQUARED = ot.SquaredEuclidean()


@dataclass(frozen=True)
class FollowedGround(Ground):
    """The squared distance through the blurs of ``nets["pyramid"]``, with weights that ``nets["unexplained"]`` learns.

    A convex combination of costs that all have the same mean between data, so prices keep their meaning and no critic
    can run away with the cost; see :class:`~infot.models.unexplained.Unexplained` for the weights. Codes are read at
    the weights that training ended with.

    Args:
        cost: Cost between places: their squared distance.
    """

    cost: ot.Cost = _SQUARED

    def eye(self, nets: nn.ModuleDict, progress: float) -> nn.Module:
        """Return what sees images as sharply as they are explained."""
        pyramid, unexplained = _held(nets)
        return PyramidEye(pyramid, unexplained.weights())

    def judge(
        self, nets: nn.ModuleDict, drawn: Tensor, data: Tensor, weights: Float[Tensor, " n"]
    ) -> Mapping[str, Tensor]:
        """Return the share of each channel that is unexplained at each level, and the mean level of weights."""
        pyramid, unexplained = _held(nets)
        now = unexplained.weights().mean(1)
        return {
            "unexplained": pyramid.unexplained(drawn, data, weights / weights.sum()),
            "sharpness": now @ torch.linspace(0, 1, len(now)).to(now),
        }

    def follow(self, nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
        """Move the shares towards those of the step."""
        _held(nets)[1].follow(found["unexplained"])

    def unit(self, cost: Tensor) -> float:
        """Return 1: the gains of the pyramid bring costs to the unit of pixels."""
        return 1.0


def _held(nets: nn.ModuleDict) -> tuple[BlurPyramid, Unexplained]:
    pyramid, unexplained = nets["pyramid"], nets["unexplained"]
    assert isinstance(pyramid, BlurPyramid) and isinstance(unexplained, Unexplained)
    return pyramid, unexplained
