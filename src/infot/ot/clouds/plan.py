"""The plan between two clouds, made a few rows at a time when asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import exp_flushed
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.tiles import make_tiles, soft_transform
from infot.ot.status import Status

__all__ = ["CloudPlan"]


@dataclass(frozen=True, eq=False)
class CloudPlan:
    """A plan ``a x b * exp((f + g - C) / epsilon)`` held by its potentials; its rows sum to ``a`` to rounding.

    Args:
        problem: The problem as posed.
        f: Potential of ``x``.
        g: Potential of ``y``.
        marginal_error: L1 distance between the plan's columns and ``b``.
        n_steps: Steps taken.
        status: Why the solve ended.
        solver: What solved it, in words.
    """

    problem: CloudProblem
    f: Float[Tensor, " n"]
    g: Float[Tensor, " m"]
    marginal_error: Float[Tensor, ""]
    n_steps: int
    status: Status
    solver: str

    @property
    def converged(self) -> bool:
        """Whether the marginal error fell below the tolerance."""
        return self.status is Status.CONVERGED

    @property
    def value(self) -> Float[Tensor, ""]:
        """Optimal value by duality, ``E_a[f] + E_b[g]``, in units of cost, without gradient (:func:`cloud_value`)."""
        problem = self.problem
        return problem.row_weights.detach() @ self.f + problem.column_weights.detach() @ self.g

    @cached_property
    def _bias(self) -> Tensor:
        return self.g / self.problem.epsilon + self.problem.column_weights.detach().log()

    @cached_property
    def _absent(self) -> Tensor | None:
        """Which columns have no weight; None if all have some."""
        absent = self.problem.column_weights.detach() == 0
        return absent if bool(absent.any()) else None

    def row_blocks(self) -> Iterator[tuple[slice, Float[Tensor, "r m"]]]:
        """Yield the rows of the plan a few at a time, each block in memory that the next one overwrites."""
        problem = self.problem
        tiles = make_tiles(problem.x, problem.y, problem.epsilon, problem.cost)
        for rows in tiles.slices():
            yield rows, self._masses(tiles.score(rows, self._bias), rows)

    def rows(self, rows: slice) -> Float[Tensor, "r m"]:
        """Return some rows of the plan as a matrix of masses.

        Raises:
            ProblemError: if the slice has a step or leaves the plan.
        """
        start, stop, step = rows.indices(len(self.f))
        if step != 1 or stop <= start:
            raise ProblemError(f"expected consecutive rows of a plan with {len(self.f)}, got {rows}")
        problem, part = self.problem, slice(start, stop)
        tiles = make_tiles(problem.x[part], problem.y, problem.epsilon, problem.cost)
        return self._masses(tiles.score(slice(0, stop - start), self._bias), part)

    def _masses(self, score: Tensor, rows: slice) -> Tensor:
        score += (self.f[rows] / self.problem.epsilon).unsqueeze(1)
        masses = exp_flushed(score).mul_(self.problem.row_weights.detach()[rows].unsqueeze(1))
        return masses.masked_fill_(self._absent, 0) if self._absent is not None else masses

    def apply(self, v: Float[Tensor, "m k"]) -> Float[Tensor, "n k"]:
        """Return ``pi v``."""
        return torch.cat([block @ v for _, block in self.row_blocks()])

    def apply_transposed(self, u: Float[Tensor, "n k"]) -> Float[Tensor, "m k"]:
        """Return ``pi^T u``."""
        total = u.new_zeros(len(self.g), u.shape[1])
        for rows, block in self.row_blocks():
            total += block.T @ u[rows]
        return total

    def marginals(self) -> tuple[Float[Tensor, " n"], Float[Tensor, " m"]]:
        """Return the plan's own row and column masses."""
        rows, columns = torch.empty_like(self.f), torch.zeros_like(self.g)
        for part, block in self.row_blocks():
            rows[part] = block.sum(1)
            columns += block.sum(0)
        return rows, columns

    def barycentric_projection(self, y: Float[Tensor, "m k"] | None = None) -> Float[Tensor, "n k"]:
        """Return for each row the mean of what it is coupled with, of the columns' points or of features ``y``."""
        return self.transport_map(self.problem.x.detach(), y)

    def transport_map(
        self, points: Float[Tensor, "p d"], y: Float[Tensor, "m k"] | None = None
    ) -> Float[Tensor, "p k"]:
        """Return where points, seen or unseen, are sent: the mean of what they are coupled with (the entropic map)."""
        problem = self.problem
        target = problem.y.detach() if y is None else y
        tiles = make_tiles(points, problem.y, problem.epsilon, problem.cost)
        images = []
        for rows in tiles.slices():
            score = tiles.score(rows, self._bias)
            kernel = exp_flushed(score.sub_(score.amax(1, keepdim=True)))
            images.append((kernel @ target) / kernel.sum(1, keepdim=True))
        return torch.cat(images)

    def potential(self, points: Float[Tensor, "p d"]) -> Float[Tensor, " p"]:
        """Return the potential ``f`` at points, seen or unseen: the soft c-transform of ``g``."""
        problem = self.problem
        tiles = make_tiles(points, problem.y, problem.epsilon, problem.cost)
        return problem.epsilon * soft_transform(tiles, self._bias, torch.zeros_like(points[:, 0]))[0]

    @cached_property
    def information(self) -> Float[Tensor, ""]:
        """``KL(pi | a x b)`` in nats: the mutual information between the two clouds."""
        total, log_b = self.f.new_zeros(()), self.problem.column_weights.detach().log()
        tiles = make_tiles(self.problem.x, self.problem.y, self.problem.epsilon, self.problem.cost)
        for rows in tiles.slices():
            score = tiles.score(rows, self._bias)
            log_density = score - log_b + (self.f[rows] / self.problem.epsilon).unsqueeze(1)
            if self._absent is not None:
                log_density.masked_fill_(self._absent, 0)
            total += (self._masses(score, rows) * log_density).sum()
        return total

    @cached_property
    def transport_cost(self) -> Float[Tensor, ""]:
        """``<C, pi>``: what moving the mass costs, without the smoothing."""
        columns = self.apply_transposed(torch.ones_like(self.f).unsqueeze(1)).squeeze(1)
        slack = self.problem.row_weights.detach() @ self.f + columns @ self.g
        return slack - self.problem.epsilon * self.information
