"""The scaled cost between two clouds, a few rows at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import exp_flushed
from infot.ot.costs import Cost, SquaredEuclidean

__all__ = ["Tiles", "make_tiles", "soft_transform"]

_CPU_ENTRIES = 2**18  # a megabyte of float32 stays in the cache from one pass to the next
_GPU_ENTRIES = 2**26


class Tiles(ABC):
    """Rows of ``bias - C / epsilon``.

    Args:
        n: Number of rows.
        m: Number of columns.
        like: A tensor of the dtype and device of the clouds.
    """

    def __init__(self, n: int, m: int, like: Tensor) -> None:
        self.n, self.m = n, m
        entries = _CPU_ENTRIES if like.device.type == "cpu" else _GPU_ENTRIES
        self._height = min(n, max(1, entries // m))
        self._buffer = like.new_empty(self._height, m)

    def slices(self) -> Iterator[slice]:
        """Return the rows of each tile."""
        return (slice(i, min(i + self._height, self.n)) for i in range(0, self.n, self._height))

    def buffer(self, rows: slice) -> Tensor:
        """Return the memory of a tile, which the next tile overwrites."""
        height = rows.stop - rows.start
        return self._buffer[:height] if height <= self._height else self._buffer.new_empty(height, self.m)

    @abstractmethod
    def score(self, rows: slice, bias: Float[Tensor, " m"]) -> Float[Tensor, "r m"]:
        """Return ``bias_j - C_ij / epsilon`` for some rows, in memory that the next call overwrites."""


class _EuclideanTiles(Tiles):
    """The squared Euclidean cost, in one matrix product a tile; ``-|x|^2`` rides along as a coordinate."""

    def __init__(self, x: Tensor, y: Tensor, epsilon: float) -> None:
        super().__init__(len(x), len(y), x)
        centre = y.mean(0)
        x, y = x - centre, y - centre
        self._left = torch.cat([x, -x.square().sum(1, keepdim=True) / epsilon], 1)
        self._right = torch.cat([y * (2 / epsilon), torch.ones_like(y[:, :1])], 1).T.contiguous()
        self._squares = y.square().sum(1) / epsilon

    def score(self, rows: slice, bias: Tensor) -> Tensor:
        """Return the scores by one product, without TF32: its rounding stalls solvers."""
        height = rows.stop - rows.start
        column = (bias - self._squares).expand(height, -1)
        with _Exact(bias.device.type):
            return torch.addmm(column, self._left[rows], self._right, out=self.buffer(rows))


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

    def __init__(self, x: Tensor, y: Tensor, epsilon: float, cost: Cost) -> None:
        super().__init__(len(x), len(y), x)
        self._x, self._y, self._epsilon, self._cost = x, y, epsilon, cost

    def score(self, rows: slice, bias: Tensor) -> Tensor:
        """Return the scores."""
        return torch.sub(
            bias, self._cost(self._x[rows], self._y), alpha=1 / self._epsilon, out=self.buffer(rows)
        )


def make_tiles(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"], epsilon: float, cost: Cost) -> Tiles:
    """Return the tiles of a cost between two clouds."""
    x, y = x.detach(), y.detach()
    if isinstance(cost, SquaredEuclidean):
        return _EuclideanTiles(x, y, epsilon)
    return _CostTiles(x, y, epsilon, cost)


def soft_transform(
    tiles: Tiles, bias: Float[Tensor, " m"], a: Float[Tensor, " n"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " m"]]:
    """Return ``-log sum_j exp(bias_j - C_ij / epsilon)`` of every row, and the mass of every column in one pass.

    The columns are those of the plan whose rows are made exact by the transform: ``sum_i a_i softmax_j(score_ij)``.
    """
    transform, masses = torch.empty_like(a), torch.zeros_like(bias)
    for rows in tiles.slices():
        score = tiles.score(rows, bias)
        top = score.amax(1)
        kernel = exp_flushed(score.sub_(top.unsqueeze(1)))
        total = kernel.sum(1)
        transform[rows] = -(top + total.log())
        masses += (a[rows] / total) @ kernel
    return transform, masses
