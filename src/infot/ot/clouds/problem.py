"""The problem between two clouds whose cost is too large to hold."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.tiles import make_tiles
from infot.ot.costs import Cost, SquaredEuclidean
from infot.ot.regularisers import Entropic, Regulariser
from infot.ot.relative import Relative
from infot.ot.weights import checked_weights

__all__ = ["CloudProblem"]

_SQUARED = SquaredEuclidean()


@dataclass(frozen=True, eq=False)
class CloudProblem:
    """Move mass between two clouds at least cost, with entropic smoothing.

    Args:
        x: Points of the rows, ``(n, d)``. May require gradients, as may the others: solves look at values only.
        y: Points of the columns, ``(m, d)``.
        regulariser: :class:`infot.ot.Entropic`, or :class:`infot.ot.Relative` of it.
        cost: Ground cost; squared Euclidean is one matrix product a tile, others are called on a few rows at a time.
        a: Weights of ``x``, non-negative with sum one; uniform if left out.
        b: Weights of ``y``; likewise.

    Raises:
        ProblemError: if clouds, weights or regulariser form no problem.
    """

    x: Tensor
    y: Tensor
    regulariser: Regulariser
    cost: Cost = _SQUARED
    a: Tensor | None = None
    b: Tensor | None = None

    def __post_init__(self) -> None:
        """Check everything once; fill in weights and relative prices."""
        for name, points in (("x", self.x), ("y", self.y)):
            if points.ndim != 2 or len(points) == 0 or points.dtype not in (torch.float32, torch.float64):
                raise ProblemError(
                    f"expected {name} of shape (n, d), float32 or float64, got {points.dtype} of shape "
                    f"{tuple(points.shape)}"
                )
            if not bool(torch.isfinite(points.detach().sum())):
                raise ProblemError(f"expected finite points, got NaN or Inf in {name}")
        if self.x.shape[1] != self.y.shape[1] or self.x.dtype != self.y.dtype:
            raise ProblemError(
                f"expected clouds of one dimension and dtype, got {tuple(self.x.shape)} and {tuple(self.y.shape)}"
            )
        object.__setattr__(self, "a", checked_weights(self.a, "a", len(self.x), self.x))
        object.__setattr__(self, "b", checked_weights(self.b, "b", len(self.y), self.y))
        if isinstance(self.regulariser, Relative):
            object.__setattr__(self, "regulariser", self.regulariser.times_mean(self.mean_cost()))
        if not isinstance(self.regulariser, Entropic):
            raise ProblemError(
                f"expected Entropic smoothing of clouds, got {type(self.regulariser).__name__}"
            )

    def mean_cost(self) -> float:
        """Return the mean cost under ``a x b``, without holding the cost."""
        x, y, a, b = (t.detach() for t in (self.x, self.y, self.row_weights, self.column_weights))
        if isinstance(self.cost, SquaredEuclidean):
            mean = a @ x - b @ y
            spread = (a @ (x - a @ x).square() + b @ (y - b @ y).square()).sum()
            return float(spread + mean.square().sum())
        tiles, none = make_tiles(x, y, 1.0, self.cost), torch.zeros_like(b)
        return -sum(float(a[rows] @ (tiles.score(rows, none) @ b)) for rows in tiles.slices())

    @property
    def epsilon(self) -> float:
        """Price of a nat, in units of cost."""
        assert isinstance(self.regulariser, Entropic)
        return self.regulariser.epsilon

    @property
    def row_weights(self) -> Float[Tensor, " n"]:
        """The weights of ``x``, filled in."""
        assert self.a is not None
        return self.a

    @property
    def column_weights(self) -> Float[Tensor, " m"]:
        """The weights of ``y``, filled in."""
        assert self.b is not None
        return self.b
