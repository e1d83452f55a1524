"""Ground costs between points: every cost turns two clouds into a matrix of pairwise costs."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError

__all__ = [
    "Cosine",
    "Cost",
    "FeatureCost",
    "Lp",
    "OnCoordinates",
    "PerturbedCost",
    "SquaredEuclidean",
    "check_clouds",
    "squared_euclidean",
]


def squared_euclidean(
    x: Float[Tensor, "*batch n d"], y: Float[Tensor, "*batch m d"]
) -> Float[Tensor, "*batch n m"]:
    """Return ``|x_i - y_j|^2`` for all pairs, without a factor of one half, differentiable.

    The clouds are centred on their common mean first, because the expanded square loses digits far from the origin;
    rounding below zero is removed.

    Args:
        x: Points.
        y: Points of the same dimension.

    Returns:
        Costs, in the squared unit of the points.

    Example:
        >>> squared_euclidean(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])).item()
        25.0
    """
    centre = y.detach().mean(dim=-2, keepdim=True)
    x, y = x - centre, y - centre
    squares = x.square().sum(-1).unsqueeze(-1) + y.square().sum(-1).unsqueeze(-2)
    return (squares - 2 * _full_precision_product(x, y)).clamp_min(0)


def _full_precision_product(x: Tensor, y: Tensor) -> Tensor:
    """Return ``x y^T`` without TF32, whatever the global setting: its rounding stalls solvers."""
    if x.device.type != "cuda":
        return x @ y.mT
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        return x @ y.mT
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed


def check_clouds(x: Tensor, y: Tensor) -> None:
    """Refuse what are not two clouds in one space.

    Raises:
        ProblemError: if the clouds are not floating point or differ in dimension.
    """
    if not (x.is_floating_point() and y.is_floating_point()):
        raise ProblemError(
            f"expected floating-point clouds, got {x.dtype} and {y.dtype}; call .float() on them"
        )
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ProblemError(
            f"expected clouds of shapes (..., n, d) and (..., m, d), got {tuple(x.shape)} and {tuple(y.shape)}"
        )


def check_finite(*points: Tensor) -> None:
    """Refuse points that are not finite, where nothing later would tell.

    Raises:
        ProblemError: if a coordinate is NaN or infinite.
    """
    for cloud in points:
        if not bool(torch.isfinite(cloud.detach()).all()):
            raise ProblemError("expected finite points, got NaN or Inf among them")


class Cost(ABC):
    """A ground cost: the price of moving a unit of mass from a point to another."""

    @abstractmethod
    def pairwise(
        self, x: Float[Tensor, "*batch n d"], y: Float[Tensor, "*batch m d"]
    ) -> Float[Tensor, "*batch n m"]:
        """Return the cost of every pair."""

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Check the clouds and return the cost of every pair.

        Raises:
            ProblemError: if the clouds are not floating point or differ in dimension.
        """
        check_clouds(x, y)
        return self.pairwise(x, y)


@dataclass(frozen=True)
class SquaredEuclidean(Cost):
    """``|x - y|^2``, without a factor of one half."""

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the squared distance of every pair."""
        return squared_euclidean(x, y)


@dataclass(frozen=True)
class Lp(Cost):
    """``|x - y|_p ^ power``: the p-norm of the difference, raised to a power.

    Args:
        p: Order of the norm, at least 1.
        power: Exponent on the norm, positive.
    """

    p: float = 2.0
    power: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is not a norm."""
        if not (self.p >= 1 and self.power > 0):
            raise ProblemError(f"expected p >= 1 and power > 0, got p={self.p} and power={self.power}")

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the cost of every pair."""
        distance = torch.cdist(x, y, p=self.p)
        return distance if self.power == 1 else distance.pow(self.power)


@dataclass(frozen=True)
class Cosine(Cost):
    """``1 - cos(x, y)``, in [0, 2]; a vector of zeros has cost 1 to everything."""

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the cost of every pair."""
        unit_x = torch.nn.functional.normalize(x, dim=-1)
        unit_y = torch.nn.functional.normalize(y, dim=-1)
        return 1 - _full_precision_product(unit_x, unit_y)


@dataclass(frozen=True)
class OnCoordinates(Cost):
    """A cost that sees only some coordinates of the points.

    Args:
        base: The cost on those coordinates.
        coordinates: Their indices.
    """

    base: Cost
    coordinates: tuple[int, ...]

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the cost of every pair."""
        index = torch.tensor(self.coordinates, device=x.device)
        return self.base.pairwise(x.index_select(-1, index), y.index_select(-1, index))


@dataclass(frozen=True)
class FeatureCost(Cost):
    """A cost between features: ``base(h(x), h(y))``.

    Args:
        base: The cost on features.
        features: Map from a cloud (..., n, d) to features (..., n, e), for instance a network.
    """

    base: Cost
    features: Callable[[Tensor], Tensor]

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the cost of every pair."""
        return self.base.pairwise(self.features(x), self.features(y))


@dataclass(frozen=True)
class PerturbedCost(Cost):
    """A cost less a fixed perturbation a pair, as the informative regulariser makes it (method, section 3).

    Args:
        base: The ground cost.
        perturbation: What is subtracted, in units of cost, broadcast to (..., n, m).
    """

    base: Cost
    perturbation: Float[Tensor, "*batch n m"]

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the cost of every pair."""
        return self.base.pairwise(x, y) - self.perturbation
