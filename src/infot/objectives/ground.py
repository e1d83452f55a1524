"""The ground cost of an objective: where points are seen, and what it costs to move them there."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from infot import ot

__all__ = ["FLAT", "PIXELS", "FixedGround", "Ground", "LearnedGround"]

FLAT = nn.Flatten(1)
"""Sees points as they are."""

_SQUARED = ot.SquaredEuclidean()


class Ground(ABC):
    """A ground cost between points, which may depend on the networks and on how far training is.

    Attributes:
        cost: Cost between the places at which points are seen.
    """

    cost: ot.Cost

    @abstractmethod
    def eye(self, nets: nn.ModuleDict, progress: float) -> nn.Module:
        """Return what maps points ``(n, *shape)`` to the places ``(n, d)`` between which they are moved.

        Args:
            nets: The networks.
            progress: Position of the schedules in [0, 1]; codes are read at 1.
        """

    def judge(
        self, nets: nn.ModuleDict, drawn: Tensor, data: Tensor, weights: Float[Tensor, " n"]
    ) -> Mapping[str, Tensor]:
        """Return what :meth:`follow` needs of data and what is drawn for them; by default nothing.

        Args:
            nets: The networks.
            drawn: Points drawn for data, shape ``(n, *shape)``.
            data: The data, same shape.
            weights: Weight of each pair; they sum to about 1.
        """
        return {}

    def follow(self, nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
        """Move what the ground learns without an optimiser, after a step; by default nothing."""

    @abstractmethod
    def unit(self, cost: Float[Tensor, "n m"]) -> float:
        """Return what prices of information are multiples of, for a batch with this cost."""


@dataclass(frozen=True)
class FixedGround(Ground):
    """A cost between the points themselves, flattened; prices are in its unit.

    Args:
        cost: Cost between flattened points.
    """

    cost: ot.Cost = _SQUARED

    def eye(self, nets: nn.ModuleDict, progress: float) -> nn.Module:
        """Return what flattens points."""
        return FLAT

    def unit(self, cost: Tensor) -> float:
        """Return 1."""
        return 1.0


PIXELS = FixedGround()
"""Squared distance between the points themselves."""


@dataclass(frozen=True)
class LearnedGround(Ground):
    """``|h(x) - h(y)|²`` between the features of ``nets["critic"]``; prices are relative to the batch's mean cost."""

    cost: ot.Cost = _SQUARED

    def eye(self, nets: nn.ModuleDict, progress: float) -> nn.Module:
        """Return the feature network."""
        return nets["critic"]

    def unit(self, cost: Tensor) -> float:
        """Return the mean cost, which moves with the features."""
        return float(cost.detach().mean())
