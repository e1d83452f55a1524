"""Maximum mean discrepancies, the energy distance among them: kernels in place of plans."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.costs import check_clouds, check_finite, squared_euclidean
from infot.ot.weights import probabilities

__all__ = [
    "EnergyKernel",
    "Estimate",
    "GaussianKernel",
    "Kernel",
    "LaplaceKernel",
    "energy_distance",
    "mmd_squared",
]


class Estimate(Enum):
    """Whether pairs of a point with itself count in the means over a cloud."""

    BIASED = "all pairs count: never negative, too large by O(1/n) in the mean (V-statistic)"
    UNBIASED = "self pairs are left out: right in the mean over samples, may be negative (U-statistic)"


class Kernel(ABC):
    """A similarity of points, positive definite at least on differences of measures."""

    @abstractmethod
    def pairwise(
        self, x: Float[Tensor, "*batch n d"], y: Float[Tensor, "*batch m d"]
    ) -> Float[Tensor, "*batch n m"]:
        """Return the similarity of every pair."""


@dataclass(frozen=True)
class _WithBandwidth(Kernel):
    bandwidth: float

    def __post_init__(self) -> None:
        """Refuse what is no width."""
        if not 0 < self.bandwidth < float("inf"):
            raise ProblemError(
                f"expected a positive, finite bandwidth, got {self.bandwidth}; it is in the unit of the points"
            )


class GaussianKernel(_WithBandwidth):
    """``exp(-|x - y|^2 / (2 bandwidth^2))``.

    Args:
        bandwidth: In the unit of the points, positive.
    """

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the similarity of every pair."""
        return torch.exp(squared_euclidean(x, y) / (-2 * self.bandwidth**2))


class LaplaceKernel(_WithBandwidth):
    """``exp(-|x - y| / bandwidth)``, with the Euclidean norm.

    Args:
        bandwidth: In the unit of the points, positive.
    """

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the similarity of every pair."""
        return torch.exp(-_distance(x, y) / self.bandwidth)


@dataclass(frozen=True)
class EnergyKernel(Kernel):
    """``-|x - y|``: no bandwidth to choose; its discrepancy is the energy distance."""

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the similarity of every pair."""
        return -_distance(x, y)


def _distance(x: Tensor, y: Tensor) -> Tensor:
    """Return ``|x - y|`` by differences: the expanded square would spoil small distances."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def mmd_squared(
    x: Float[Tensor, "*batch n d"],
    y: Float[Tensor, "*batch m d"],
    a: Tensor | None = None,
    b: Tensor | None = None,
    *,
    kernel: Kernel,
    estimate: Estimate = Estimate.BIASED,
) -> Float[Tensor, "*batch"]:
    """Return the squared maximum mean discrepancy ``E k(x, x') + E k(y, y') - 2 E k(x, y)``.

    Gretton et al., "A kernel two-sample test", JMLR 13 (2012). Differentiable in points and weights.

    Args:
        x: Points.
        y: Points.
        a: Weights of ``x``, uniform if left out; they sum to one.
        b: Weights of ``y``, likewise.
        kernel: The similarity.
        estimate: Whether self pairs count.

    Raises:
        ProblemError: if self pairs are to be left out where there are no others, points are not finite or of two
            dimensions, or weights are none of a cloud.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]])
        >>> float(mmd_squared(x, x, kernel=GaussianKernel(1.0)))
        0.0
    """
    check_clouds(x, y)
    check_finite(x, y)
    a, b = probabilities(a, "a", x.shape[-2], x), probabilities(b, "b", y.shape[-2], y)
    crossed = _form(a, kernel.pairwise(x, y), b)
    return _own(x, a, kernel, estimate) + _own(y, b, kernel, estimate) - 2 * crossed


def energy_distance(
    x: Float[Tensor, "*batch n d"],
    y: Float[Tensor, "*batch m d"],
    a: Tensor | None = None,
    b: Tensor | None = None,
    *,
    estimate: Estimate = Estimate.BIASED,
) -> Float[Tensor, "*batch"]:
    """Return ``2 E|x - y| - E|x - x'| - E|y - y'|`` (Székely and Rizzo 2013), in the unit of the points.

    Half of it is the limit of the Sinkhorn divergence with cost ``|x - y|`` as epsilon grows.

    Args:
        x: Points.
        y: Points.
        a: Weights of ``x``, uniform if left out.
        b: Weights of ``y``, uniform if left out.
        estimate: Whether self pairs count.

    Raises:
        ProblemError: as :func:`mmd_squared` does.

    Example:
        >>> float(energy_distance(torch.tensor([[0.0]]), torch.tensor([[3.0]])))
        6.0
    """
    return mmd_squared(x, y, a, b, kernel=EnergyKernel(), estimate=estimate)


def _form(left: Tensor, matrix: Tensor, right: Tensor) -> Tensor:
    return (left * (matrix @ right.unsqueeze(-1)).squeeze(-1)).sum(-1)


def _own(x: Tensor, a: Tensor, kernel: Kernel, estimate: Estimate) -> Tensor:
    """Return the mean similarity within a cloud."""
    matrix = kernel.pairwise(x, x)
    if estimate is Estimate.BIASED:
        return _form(a, matrix, a)
    others = 1 - a.square().sum(-1)
    if not bool((others > torch.finfo(a.dtype).eps).all()):
        raise ProblemError(
            "expected two weighted points or more in every cloud, since Estimate.UNBIASED leaves self pairs out"
        )
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    return (_form(a, matrix, a) - (a.square() * diagonal).sum(-1)) / others
