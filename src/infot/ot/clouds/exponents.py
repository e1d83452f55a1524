"""The exponents of a plan between clouds, a few rows at a time, and what is made of them."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import exp_flushed
from infot.ot.clouds.problem import CloudProblem, column
from infot.ot.clouds.sums import PlanSums
from infot.ot.clouds.tiles import CodedTiles, Tiles, make_tiles, soft_transform

__all__ = ["Exponents"]

RowBlocks = Iterator[tuple[slice, Float[Tensor, "*batch r m"]]]


class Exponents:
    """``(f + g - C + perturbation) / epsilon`` and ``log b``; blocks of rows overwrite each other.

    Args:
        problem: The problem of the plan.
        f: Potential of the rows.
        g: Potential of the columns.
        perturbation: What structure lowers the cost by, for every code and column; None where there is none.
    """

    def __init__(
        self,
        problem: CloudProblem,
        f: Float[Tensor, "*batch n"],
        g: Float[Tensor, "*batch m"],
        perturbation: Float[Tensor, "*batch K m"] | None,
    ) -> None:
        self._problem = problem
        self._a, b = problem.row_weights.detach(), problem.column_weights.detach()
        self._log_b, absent = b.log(), (b == 0).unsqueeze(-2)
        self._absent = absent if bool(absent.any()) else None
        epsilon = column(problem.epsilon)
        # in a shape that broadcasts against rows
        self._price = epsilon.unsqueeze(-1) if isinstance(epsilon, Tensor) and epsilon.ndim else epsilon
        self._f, self._g = f / epsilon, g / epsilon
        self._tilt = None if perturbation is None else perturbation / self._price
        self.codes = None if problem.blocks is None else problem.blocks.of_rows(f.device)

    def _tiles(self, points: Tensor, codes: Tensor | None) -> Tiles:
        """Return the tiles of the cost, perturbed where there is structure, of points on the side of the rows.

        Raises:
            ProblemError: if there is structure, and no code for every point.
        """
        problem, tilt = self._problem, self._tilt
        tiles = make_tiles(points, problem.y, problem.epsilon, problem.cost)
        if tilt is None:
            return tiles
        if codes is None:
            raise ProblemError("expected the code of each new latent, since the plan is structured")
        if codes.shape not in (points.shape[-2:-1], points.shape[:-1]):
            raise ProblemError(
                f"expected a code for each of {tuple(points.shape[:-1])} points, got {tuple(codes.shape)}"
            )
        if bool((codes < 0).any() | (codes >= tilt.shape[-2]).any()):
            raise ProblemError(f"expected codes from 0 to {tilt.shape[-2] - 1}, got others")
        return CodedTiles(tiles, codes.expand(*tilt.shape[:-2], codes.shape[-1]), tilt)

    def _own(self, rows: slice = slice(None)) -> Tiles:
        codes = None if self.codes is None else self.codes[rows]
        return self._tiles(self._problem.x[..., rows, :], codes)

    def soft(self, points: Tensor, codes: Tensor | None) -> Float[Tensor, "*batch p"]:
        """Return the soft minimum over the columns at points on the side of the rows, in units of epsilon."""
        return soft_transform(self._tiles(points, codes), self._bias, torch.zeros_like(points[..., 0]))[0]

    @property
    def _bias(self) -> Tensor:
        return self._g + self._log_b

    def masses(self) -> RowBlocks:
        """Yield the rows of the plan."""
        tiles, bias = self._own(), self._bias
        for rows in tiles.slices():
            yield rows, self._weighed(tiles.score(rows, bias), rows)

    def masses_of(self, rows: slice) -> Float[Tensor, "*batch r m"]:
        """Return some rows of the plan."""
        tiles = self._own(rows)
        return self._weighed(tiles.score(slice(0, tiles.n), self._bias), rows)

    def cost_of(self, rows: slice) -> Float[Tensor, "*batch r m"]:
        """Return some rows of the cost, perturbed where there is structure."""
        tiles = self._own(rows)
        return -self._price * tiles.score(slice(0, tiles.n), torch.zeros_like(self._g))

    def _weighed(self, score: Tensor, rows: slice) -> Tensor:
        score += self._f[..., rows].unsqueeze(-1)
        return self._present(exp_flushed(score).mul_(self._a[..., rows].unsqueeze(-1)))

    def _present(self, block: Tensor) -> Tensor:
        """Return a block without what the smallest number that is not zero leaves at columns without weight."""
        return block if self._absent is None else block.masked_fill_(self._absent, 0)

    def given_rows(self) -> RowBlocks:
        """Yield the plan given each row."""
        return self.couplings(self._problem.x.detach(), self.codes)

    def couplings(self, points: Tensor, codes: Int[Tensor, "..."] | None) -> RowBlocks:
        """Yield what points on the side of the rows, seen or unseen, are coupled with; rows sum to one."""
        tiles, bias = self._tiles(points, codes), self._bias
        for rows in tiles.slices():
            score = tiles.score(rows, bias)
            kernel = self._present(exp_flushed(score.sub_(score.amax(-1, keepdim=True))))
            yield rows, kernel.div_(kernel.sum(-1, keepdim=True))

    def given_data(self) -> RowBlocks:
        """Yield the plan given each column, with weight or without."""
        totals = torch.zeros_like(self._g)
        for _, block in self._shares():
            totals += block.sum(-2)
        totals = totals.clamp_min(torch.finfo(totals.dtype).tiny).unsqueeze(-2)
        for rows, block in self._shares():
            yield rows, block.div_(totals)

    def _shares(self) -> RowBlocks:
        """Yield ``a`` times the density."""
        for rows, density in self._densities():
            yield rows, density.mul_(self._a[..., rows].unsqueeze(-1))

    def _densities(self) -> RowBlocks:
        """Yield the density against ``a x b``, bounded where nothing else bounds it: at weights of zero."""
        tiles, most = self._own(), torch.finfo(self._g.dtype).max ** 0.9
        for rows in tiles.slices():
            score = tiles.score(rows, self._g)
            score += self._f[..., rows].unsqueeze(-1)
            yield rows, exp_flushed(score).clamp_max_(most)

    def _of_codes(self) -> Float[Tensor, "*batch K m"] | None:
        """Return zeros for every code and column; None where there are no blocks."""
        blocks, batch = self._problem.blocks, self._g.shape[:-1]
        return None if blocks is None else self._g.new_zeros(*batch, blocks.n_codes, self._g.shape[-1])

    def code_density(self) -> Float[Tensor, "*batch K m"]:
        """Return the density of (code, datum) of a problem with blocks."""
        blocks, density = self._problem.blocks, self._of_codes()
        assert blocks is not None and density is not None and self.codes is not None
        grouped = self._a.unflatten(-1, (blocks.n_codes, blocks.n_noise))
        total = grouped.sum(-1, keepdim=True)
        noise = torch.where(total > 0, grouped / total, 1 / blocks.n_noise).flatten(-2)
        for rows, block in self._densities():
            density.index_add_(-2, self.codes[rows], block.mul_(noise[..., rows].unsqueeze(-1)))
        return density

    def sums(self) -> PlanSums:
        """Return the sums over the plan."""
        rows_of, columns, of_codes = torch.empty_like(self._f), torch.zeros_like(self._g), self._of_codes()
        divergence, tiles, bias = self._g.new_zeros(self._g.shape[:-1]), self._own(), self._bias
        for rows in tiles.slices():
            score = tiles.score(rows, bias)
            log_density = self._present(score - self._log_b.unsqueeze(-2) + self._f[..., rows].unsqueeze(-1))
            block = self._weighed(score, rows)
            divergence += (block * log_density).sum((-2, -1))
            rows_of[..., rows] = block.sum(-1)
            columns += block.sum(-2)
            if of_codes is not None and self.codes is not None:
                of_codes.index_add_(-2, self.codes[rows], block)
        return PlanSums(self._problem, rows_of, columns, of_codes, divergence)
