"""The problem between two clouds whose cost is too large to hold."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.tiles import make_tiles
from infot.ot.convexity import check_conjugate
from infot.ot.costs import Cost, SquaredEuclidean
from infot.ot.density import smoothing_of
from infot.ot.padding import filled_points, masked_weights
from infot.ot.regularisers import Entropic, Regulariser, price, unscaled
from infot.ot.relative import Relative
from infot.ot.structure import Blocks, Structured
from infot.ot.unbalanced import Price, Rho, check_rho
from infot.ot.weights import checked_weights

__all__ = ["CloudProblem", "column"]

_SQUARED = SquaredEuclidean()


@dataclass(frozen=True, eq=False)
class CloudProblem:
    """Move mass between two clouds at least cost, with entropic or structured smoothing; or between B pairs at once.

    Args:
        x: Points of the rows, ``(n, d)`` or ``(B, n, d)``. May require gradients, as may the others: solves look at
            values only.
        y: Points of the columns, ``(m, d)`` or ``(B, m, d)``; a single cloud beside a batch is the same for all.
        regulariser: :class:`infot.ot.Entropic`, or :class:`infot.ot.Structured` with prices above zero, whose blocks
            lay out the rows; or :class:`infot.ot.Relative` of either, by the mean cost of each item.
        cost: Ground cost; squared Euclidean is one matrix product a tile, others are called on a few rows at a time.
        a: Weights of ``x``, ``(n,)`` or ``(B, n)``, non-negative with sum one; uniform if left out.
        b: Weights of ``y``; likewise.
        rho: Price of a nat by which the plan's marginals leave the weights; see :class:`infot.ot.OTProblem`. With a
            finite one the weights may have any positive sum.
        row_mask: Which points of ``x`` are present, ``(n,)`` or ``(B, n)``; the others are padding: without weight,
            never looked at. All if left out.
        column_mask: Which points of ``y`` are present; likewise.
        blocks: Layout of the rows for what is read off plans that are not structured themselves.

    Raises:
        ProblemError: if clouds, weights, masks, regulariser or blocks form no problem.
    """

    x: Tensor
    y: Tensor
    regulariser: Regulariser
    cost: Cost = _SQUARED
    a: Tensor | None = None
    b: Tensor | None = None
    rho: Rho = None
    row_mask: Tensor | None = None
    column_mask: Tensor | None = None
    blocks: Blocks | None = None

    def __post_init__(self) -> None:
        """Check everything once; fill in batch axes, weights, points of padding and relative prices."""
        _check_form(self.x, self.y)
        batch = self.x.shape[:-2] or self.y.shape[:-2]
        fill = object.__setattr__
        fill(self, "rho", check_rho(self.rho, batch))
        for points, weights, mask in (("x", "a", "row_mask"), ("y", "b", "column_mask")):
            cloud = getattr(self, points)
            cloud = filled_points(cloud.expand(*batch, *cloud.shape[-2:]), getattr(self, mask), mask)
            if not bool(torch.isfinite(cloud.detach().sum())):
                raise ProblemError(f"expected finite points, got NaN or Inf in {points}")
            given = masked_weights(getattr(self, weights), getattr(self, mask), cloud)
            fill(self, points, cloud)
            checked = checked_weights(given, weights, cloud.shape[-2], cloud, sum_one=self.rho is None)
            fill(self, weights, checked.expand(cloud.shape[:-1]))
        if isinstance(self.regulariser, Relative):
            fill(self, "regulariser", self.regulariser.times_mean(self.mean_cost()))
        base = unscaled(self.regulariser)
        if not isinstance(base, Entropic | Structured):
            raise ProblemError(
                f"expected Structured or Entropic smoothing of clouds, got {type(base).__name__}"
            )
        if isinstance(base, Structured):
            self._check_structured(base)
        if self.blocks is not None and self.blocks.n_rows != self.x.shape[-2]:
            raise ProblemError(
                f"expected {self.blocks.n_rows} points in x for blocks {self.blocks.code}, got {self.x.shape[-2]}; "
                "rows are code values times noise draws"
            )
        if not self.batched:
            fill(self, "regulariser", _at_price(base, float(self.epsilon)))

    def _check_structured(self, regulariser: Structured) -> None:
        check_conjugate(regulariser, "clouds", "give solve() the matrix")
        if self.rho is not None:
            raise ProblemError(
                "expected kept marginals of clouds with a Structured regulariser, got rho; give solve() the matrix"
            )
        if self.blocks not in (None, regulariser.blocks):
            raise ProblemError(
                f"expected the blocks of the regulariser, {regulariser.blocks}, got {self.blocks}"
            )
        object.__setattr__(self, "blocks", regulariser.blocks)

    def mean_cost(self) -> Float[Tensor, "*batch"]:
        """Return the mean cost under ``a x b``, without holding the cost."""
        x, y, a, b = (t.detach() for t in (self.x, self.y, self.row_weights, self.column_weights))
        a, b = (a / a.sum(-1, keepdim=True)).unsqueeze(-2), (b / b.sum(-1, keepdim=True)).unsqueeze(-1)
        if isinstance(self.cost, SquaredEuclidean):
            origin = x[..., :1, :]  # where all points are equal, the mean is zero to the last digit
            x, y = x - origin, y - origin
            of_x, of_y = a @ x, b.mT @ y
            spread = (a @ (x - of_x).square() + b.mT @ (y - of_y).square()).sum(-1)
            return (spread + (of_x - of_y).square().sum(-1)).squeeze(-1)
        tiles, none = make_tiles(x, y, 1.0, self.cost), torch.zeros_like(b.squeeze(-1))
        total = x.new_zeros(x.shape[:-2], dtype=torch.float64)
        for rows in tiles.slices():
            total -= (a[..., rows] @ (tiles.score(rows, none) @ b)).squeeze((-2, -1))
        return total.to(x.dtype)

    @property
    def batched(self) -> bool:
        """Whether the problem has a leading batch axis."""
        return self.x.ndim == 3

    def items(self) -> list["CloudProblem"]:
        """Return the problem of every item of the batch, or the only one, cut off from the graph."""
        arrays = [t.detach() for t in (self.x, self.y, self.row_weights, self.column_weights)]
        if not self.batched:
            arrays = [t.unsqueeze(0) for t in arrays]
        count, pair = len(arrays[0]), self.marginal_prices
        prices = (
            [None] * count if pair is None else zip(*(_each(price, count) for price in pair), strict=True)
        )
        base = unscaled(self.regulariser)
        smoothings = [_at_price(base, epsilon) for epsilon in _each(self.epsilon, count)]
        bare = self.derived(row_mask=None, column_mask=None)
        return [
            bare.derived(x=x, y=y, a=a, b=b, regulariser=smoothing, rho=rho)
            for x, y, a, b, smoothing, rho in zip(*arrays, smoothings, prices, strict=True)
        ]

    def derived(self, **changes: Any) -> "CloudProblem":
        """Return the problem with fields exchanged for ones known to fit, without checking everything again."""
        derived = object.__new__(CloudProblem)
        derived.__dict__.update(self.__dict__ | changes)
        return derived

    @property
    def epsilon(self) -> float | Float[Tensor, " B"]:
        """Price of a nat, in units of cost; one an item where it is relative to the costs of a batch.

        With a structured regulariser it is that of a nat through the noise.
        """
        epsilon = price(smoothing_of(self.regulariser), self.row_weights)
        return epsilon.flatten() if isinstance(epsilon, Tensor) else epsilon

    @property
    def structured(self) -> bool:
        """Whether a nat through the code has a price of its own."""
        return isinstance(unscaled(self.regulariser), Structured)

    @property
    def marginal_prices(self) -> tuple[Price, Price] | None:
        """The prices of leaving the two marginals, or None where both are kept."""
        assert self.rho is None or isinstance(self.rho, tuple)
        return self.rho

    @property
    def dampings(self) -> tuple[Price, Price]:
        """``rho / (rho + epsilon)`` of both sides: what soft minima are multiplied by; one where rho is infinite."""
        if self.marginal_prices is None:
            return 1.0, 1.0
        of_rows, of_columns = (1 / (1 + self.epsilon / price) for price in self.marginal_prices)
        return of_rows, of_columns

    @property
    def row_weights(self) -> Float[Tensor, "*batch n"]:
        """The weights of ``x``, filled in."""
        assert self.a is not None
        return self.a

    @property
    def column_weights(self) -> Float[Tensor, "*batch m"]:
        """The weights of ``y``, filled in."""
        assert self.b is not None
        return self.b


def column(number: Price) -> Price:
    """Return a number, or one an item of a batch, in a shape that broadcasts against potentials."""
    return number.unsqueeze(-1) if isinstance(number, Tensor) and number.ndim else number


def _at_price(base: Regulariser, epsilon: float) -> Regulariser:
    """Return a smoothing, without factors, whose price of a nat through the noise is another one."""
    return base.times(epsilon / base.base.epsilon) if isinstance(base, Structured) else Entropic(epsilon)


def _each(number: Price, count: int) -> list[float]:
    """Return the numbers of the items."""
    return torch.as_tensor(number, dtype=torch.float64).flatten().expand(count).tolist()


def _check_form(x: Tensor, y: Tensor) -> None:
    for name, points in (("x", x), ("y", y)):
        floating = points.dtype in (torch.float32, torch.float64)
        if points.ndim not in (2, 3) or 0 in points.shape[:-1] or not floating:
            raise ProblemError(
                f"expected {name} of shape (n, d) or (B, n, d), float32 or float64, got {points.dtype} of shape "
                f"{tuple(points.shape)}"
            )
    batches = {len(points) for points in (x, y) if points.ndim == 3}
    if x.shape[-1] != y.shape[-1] or x.dtype != y.dtype or len(batches) > 1:
        raise ProblemError(
            f"expected clouds of one dimension, dtype and batch size, got {tuple(x.shape)} and {tuple(y.shape)}"
        )
