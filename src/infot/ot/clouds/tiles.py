"""The scaled cost between two clouds, or the clouds of a batch, a few rows at a time."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from infot.numerics import exp_flushed
from infot.ot.costs import Cost, SquaredEuclidean

__all__ = ["CodedTiles", "Tiles", "column_tiles", "make_tiles", "soft_transform"]

_CPU_ENTRIES = 2**18  # a megabyte of float32 stays in the cache from one pass to the next
_GPU_ENTRIES = 2**26


class Tiles(ABC):
    """Rows of ``bias - C / epsilon``.

    Args:
        x: Points of the rows.
        y: Points of the columns.
    """

    def __init__(self, x: Float[Tensor, "*batch n d"], y: Float[Tensor, "*batch m d"]) -> None:
        *self._batch, self.n, _ = x.shape
        self.m = y.shape[-2]
        entries = _CPU_ENTRIES if x.device.type == "cpu" else _GPU_ENTRIES
        self._height = min(self.n, max(1, entries // (math.prod(self._batch) * self.m)))
        self._buffer = x.new_empty(*self._batch, self._height, self.m)

    def slices(self) -> Iterator[slice]:
        """Return the rows of each tile."""
        return (slice(i, min(i + self._height, self.n)) for i in range(0, self.n, self._height))

    def buffer(self, rows: slice) -> Tensor:
        """Return the memory of a tile, which the next tile overwrites."""
        height = rows.stop - rows.start
        return (
            self._buffer if height == self._height else self._buffer.new_empty(*self._batch, height, self.m)
        )

    @abstractmethod
    def score(self, rows: slice, bias: Float[Tensor, "*batch m"]) -> Float[Tensor, "*batch r m"]:
        """Return ``bias_j - C_ij / epsilon`` for some rows, in memory that the next call overwrites."""


class _EuclideanTiles(Tiles):
    """The squared Euclidean cost, in one matrix product a tile; ``-|x|^2`` rides along as a coordinate."""

    def __init__(self, x: Tensor, y: Tensor, epsilon: float | Tensor) -> None:
        super().__init__(x, y)
        centre = y.mean(-2, keepdim=True)
        x, y = x - centre, y - centre
        self._left = torch.cat([x, -x.square().sum(-1, keepdim=True) / epsilon], -1)
        self._right = torch.cat([y * (2 / epsilon), torch.ones_like(y[..., :1])], -1).mT.contiguous()
        self._squares = (y.square().sum(-1, keepdim=True) / epsilon).squeeze(-1)
        self._product = torch.baddbmm if self._batch else torch.addmm

    def score(self, rows: slice, bias: Tensor) -> Tensor:
        """Return the scores by one product, without TF32: its rounding stalls solvers."""
        out = self.buffer(rows)
        column = (bias - self._squares).unsqueeze(-2)
        with _Exact(bias.device.type):
            return self._product(column, self._left[..., rows, :], self._right, out=out)


class _Exact:
    """Switch TF32 off for a while, on devices that have it."""

    def __init__(self, device: str) -> None:
        self._active = device == "cuda"

    def __enter__(self) -> None:
        if self._active:
            self._held = torch.backends.cuda.matmul.allow_tf32
            torch.backends.cuda.matmul.allow_tf32 = False

    def __exit__(self, *_: object) -> None:
        if self._active:
            torch.backends.cuda.matmul.allow_tf32 = self._held


class _CostTiles(Tiles):
    """Any other cost."""

    def __init__(self, x: Tensor, y: Tensor, epsilon: float | Tensor, cost: Cost) -> None:
        super().__init__(x, y)
        self._x, self._y, self._cost = x, y, cost
        self._scale = torch.as_tensor(-1 / epsilon, dtype=x.dtype, device=x.device)

    def score(self, rows: slice, bias: Tensor) -> Tensor:
        """Return the scores."""
        cost = self._cost(self._x[..., rows, :], self._y)
        return torch.addcmul(bias.unsqueeze(-2), cost, self._scale, out=self.buffer(rows))


class CodedTiles(Tiles):
    """The tiles of a cost that depends on the code of the row too: a bias a code is added to each row's.

    Args:
        tiles: Those of the ground cost.
        codes: Code of every row.
        rise: What is added, in units of epsilon, for every code and column.
    """

    def __init__(
        self, tiles: Tiles, codes: Int[Tensor, "*batch n"], rise: Float[Tensor, "*batch K m"]
    ) -> None:
        self.n, self.m = tiles.n, tiles.m
        self._tiles, self._codes, self._rise = tiles, codes, rise
        self._items = torch.arange(len(rise), device=rise.device).unsqueeze(-1)

    def slices(self) -> Iterator[slice]:
        """Return the rows of each tile."""
        return self._tiles.slices()

    def score(self, rows: slice, bias: Tensor) -> Tensor:
        """Return the scores."""
        codes = self._codes[..., rows]
        score = self._tiles.score(rows, bias)
        score += self._rise[codes] if codes.ndim == 1 else self._rise[self._items, codes]
        return score


@dataclass(frozen=True)
class _Exchanged(Cost):
    """A cost whose arguments have changed places: what it gives is that of the base, transposed."""

    base: Cost

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the cost of every pair."""
        return self.base.pairwise(y, x).mT


def column_tiles(
    x: Float[Tensor, "*batch n d"],
    y: Float[Tensor, "*batch m d"],
    epsilon: float | Float[Tensor, " B"],
    cost: Cost,
) -> Tiles:
    """Return the tiles of the transposed cost: a few columns at a time, each against all rows."""
    return make_tiles(y, x, epsilon, cost if isinstance(cost, SquaredEuclidean) else _Exchanged(cost))


def make_tiles(
    x: Float[Tensor, "*batch n d"],
    y: Float[Tensor, "*batch m d"],
    epsilon: float | Float[Tensor, " B"],
    cost: Cost,
) -> Tiles:
    """Return the tiles of a cost between two clouds, in units of epsilon."""
    x, y = x.detach(), y.detach()
    units = epsilon.to(x).reshape(-1, 1, 1) if isinstance(epsilon, Tensor) else epsilon
    if isinstance(cost, SquaredEuclidean):
        return _EuclideanTiles(x, y, units)
    return _CostTiles(x, y, units, cost)


def soft_transform(
    tiles: Tiles, bias: Float[Tensor, "*batch m"], a: Float[Tensor, "*batch n"], damping: float = 1.0
) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch m"]]:
    """Return ``-log sum_j exp(bias_j - C_ij / epsilon)`` of every row, and the mass of every column in one pass.

    The columns are those of the plan whose rows are made exact by the transform: ``sum_i a_i softmax_j(score_ij)``.
    Where the marginal of the rows has a price, their potential is the transform times a damping below one, and what
    they weigh in the plan is ``a exp((damping - 1) transform)``.
    """
    transform, masses = torch.empty_like(a), torch.zeros_like(bias)
    for rows in tiles.slices():
        score = tiles.score(rows, bias)
        top = score.amax(-1)
        kernel = exp_flushed(score.sub_(top.unsqueeze(-1)))
        total = kernel.sum(-1)
        soft = -(top + total.log())
        transform[..., rows] = soft
        weights = a[..., rows] if damping == 1 else a[..., rows] * _bounded_exp((damping - 1) * soft)
        _add_columns(masses, weights / total, kernel)
    return transform, masses


def _bounded_exp(exponent: Tensor) -> Tensor:
    return exponent.clamp_max(0.9 * math.log(torch.finfo(exponent.dtype).max)).exp()


def _add_columns(masses: Tensor, weights: Tensor, kernel: Tensor) -> None:
    if masses.ndim == 1:
        masses.addmv_(kernel.mT, weights)
    else:
        masses += (weights.unsqueeze(-2) @ kernel).squeeze(-2)
