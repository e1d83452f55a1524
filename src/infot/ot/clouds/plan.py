"""The plan between two clouds, made a few rows at a time when asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import exp_flushed, safe_log
from infot.ot.clouds.dual import dual_value, weighted
from infot.ot.clouds.problem import CloudProblem, column
from infot.ot.clouds.tiles import make_tiles, soft_transform
from infot.ot.status import Status

__all__ = ["CloudPlan"]


@dataclass(frozen=True, eq=False)
class CloudPlan:
    """A plan ``a x b * exp((f + g - C) / epsilon)`` held by its potentials; its rows sum to ``a`` to rounding.

    With ``rho`` the rows sum to ``a exp(-f / rho_a)``, and the columns should to ``b exp(-g / rho_b)``. Everything has
    the batch axis of the problem, if it has one.

    Args:
        problem: The problem as posed.
        f: Potential of ``x``.
        g: Potential of ``y``.
        marginal_error: L1 distance between the plan's columns and what they should be.
        n_steps: Passes over the cost.
        statuses: Why the solve of each item ended.
        solver: What solved it, in words.
    """

    problem: CloudProblem
    f: Float[Tensor, "*batch n"]
    g: Float[Tensor, "*batch m"]
    marginal_error: Float[Tensor, "*batch"]
    n_steps: Int[Tensor, "*batch"]
    statuses: tuple[Status, ...]
    solver: str

    @classmethod
    def joined(cls, problem: CloudProblem, plans: "Sequence[CloudPlan]") -> "CloudPlan":
        """Return the plan of a problem from those of its items."""
        names = ("f", "g", "marginal_error", "n_steps")
        stacked = [torch.stack([getattr(plan, name) for plan in plans]) for name in names]
        f, g, error, n_steps = stacked if problem.batched else [array[0] for array in stacked]
        statuses = tuple(status for plan in plans for status in plan.statuses)
        return cls(problem, f, g, error, n_steps, statuses, plans[0].solver)

    def items(self) -> "list[CloudPlan]":
        """Return the plan of every item of the batch, or the only one."""
        arrays = [self.f, self.g, self.marginal_error, self.n_steps]
        if not self.problem.batched:
            arrays = [array.unsqueeze(0) for array in arrays]
        return [
            CloudPlan(item, f, g, error, n_steps, (status,), self.solver)
            for item, f, g, error, n_steps, status in zip(
                self.problem.items(), *arrays, self.statuses, strict=True
            )
        ]

    @property
    def converged(self) -> Bool[Tensor, "*batch"]:
        """Whether the marginal error fell below the tolerance."""
        flags = torch.tensor([status is Status.CONVERGED for status in self.statuses], device=self.f.device)
        return flags if self.problem.batched else flags[0]

    @property
    def status(self) -> Status:
        """Why the solve ended; for a batch, the first reason that is not convergence."""
        failures = [status for status in self.statuses if status is not Status.CONVERGED]
        return failures[0] if failures else Status.CONVERGED

    @property
    def value(self) -> Float[Tensor, "*batch"]:
        """Optimal value by duality, in units of cost, without gradient (:func:`cloud_value`)."""
        return dual_value(self.problem, self.f, self.g)

    @cached_property
    def _epsilon(self) -> float | Tensor:
        return column(self.problem.epsilon)

    @cached_property
    def _bias(self) -> Tensor:
        return self.g / self._epsilon + self.problem.column_weights.detach().log()

    @cached_property
    def _absent(self) -> Tensor | None:
        """Which columns have no weight; None if all have some."""
        absent = self.problem.column_weights.detach() == 0
        return absent.unsqueeze(-2) if bool(absent.any()) else None

    def row_blocks(self) -> Iterator[tuple[slice, Float[Tensor, "*batch r m"]]]:
        """Yield the rows of the plan a few at a time, each block in memory that the next one overwrites."""
        problem = self.problem
        tiles = make_tiles(problem.x, problem.y, problem.epsilon, problem.cost)
        for rows in tiles.slices():
            yield rows, self._masses(tiles.score(rows, self._bias), rows)

    def rows(self, rows: slice) -> Float[Tensor, "*batch r m"]:
        """Return some rows of the plan as a matrix of masses.

        Raises:
            ProblemError: if the slice has a step or leaves the plan.
        """
        n = self.f.shape[-1]
        start, stop, step = rows.indices(n)
        if step != 1 or stop <= start:
            raise ProblemError(f"expected consecutive rows of a plan with {n}, got {rows}")
        problem, part = self.problem, slice(start, stop)
        tiles = make_tiles(problem.x[..., part, :], problem.y, problem.epsilon, problem.cost)
        return self._masses(tiles.score(slice(0, stop - start), self._bias), part)

    def _masses(self, score: Tensor, rows: slice) -> Tensor:
        score += (self.f[..., rows] / self._epsilon).unsqueeze(-1)
        masses = exp_flushed(score).mul_(self.problem.row_weights.detach()[..., rows].unsqueeze(-1))
        return masses.masked_fill_(self._absent, 0) if self._absent is not None else masses

    def apply(self, v: Float[Tensor, "*batch m k"]) -> Float[Tensor, "*batch n k"]:
        """Return ``pi v``."""
        return torch.cat([block @ v for _, block in self.row_blocks()], -2)

    def apply_transposed(self, u: Float[Tensor, "*batch n k"]) -> Float[Tensor, "*batch m k"]:
        """Return ``pi^T u``."""
        total = u.new_zeros(*self.g.shape, u.shape[-1])
        for rows, block in self.row_blocks():
            total += block.mT @ u[..., rows, :]
        return total

    def marginals(self) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch m"]]:
        """Return the plan's own row and column masses."""
        rows, columns = torch.empty_like(self.f), torch.zeros_like(self.g)
        for part, block in self.row_blocks():
            rows[..., part] = block.sum(-1)
            columns += block.sum(-2)
        return rows, columns

    def barycentric_projection(
        self, y: Float[Tensor, "*batch m k"] | None = None
    ) -> Float[Tensor, "*batch n k"]:
        """Return for each row the mean of what it is coupled with, of the columns' points or of features ``y``."""
        return self.transport_map(self.problem.x.detach(), y)

    def transport_map(
        self, points: Float[Tensor, "*batch p d"], y: Float[Tensor, "*batch m k"] | None = None
    ) -> Float[Tensor, "*batch p k"]:
        """Return where points, seen or unseen, are sent: the mean of what they are coupled with (the entropic map)."""
        problem = self.problem
        target = problem.y.detach() if y is None else y
        tiles = make_tiles(points, problem.y, problem.epsilon, problem.cost)
        images = []
        for rows in tiles.slices():
            score = tiles.score(rows, self._bias)
            kernel = exp_flushed(score.sub_(score.amax(-1, keepdim=True)))
            images.append((kernel @ target) / kernel.sum(-1, keepdim=True))
        return torch.cat(images, -2)

    def potential(self, points: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch p"]:
        """Return the potential ``f`` at points, seen or unseen: the soft c-transform of ``g``."""
        problem = self.problem
        tiles = make_tiles(points, problem.y, problem.epsilon, problem.cost)
        soft, _ = soft_transform(tiles, self._bias, torch.zeros_like(points[..., 0]))
        return column(problem.dampings[0]) * self._epsilon * soft

    @cached_property
    def _divergence(self) -> Tensor:
        """``sum pi log(pi / (a x b))``."""
        problem = self.problem
        total, log_b = torch.zeros_like(self.marginal_error), problem.column_weights.detach().log()
        tiles = make_tiles(problem.x, problem.y, problem.epsilon, problem.cost)
        for rows in tiles.slices():
            score = tiles.score(rows, self._bias)
            log_density = score - log_b.unsqueeze(-2) + (self.f[..., rows] / self._epsilon).unsqueeze(-1)
            if self._absent is not None:
                log_density.masked_fill_(self._absent, 0)
            total += (self._masses(score, rows) * log_density).sum((-2, -1))
        return total

    @cached_property
    def _marginals(self) -> tuple[Tensor, Tensor]:
        return self.marginals()

    @property
    def information(self) -> Float[Tensor, "*batch"]:
        """Mutual information between the two clouds in nats: ``KL(pi | a x b)``.

        With ``rho`` it is that of the plan over its own mass, against its own marginals (:class:`infot.ot.Plan`).
        """
        if self.problem.marginal_prices is None:
            return self._divergence
        rows, columns = self._marginals
        mass = rows.sum(-1)
        weights = (self.problem.row_weights.detach(), rows), (self.problem.column_weights.detach(), columns)
        left = [(own * (safe_log(own) - safe_log(given))).sum(-1) for given, own in weights]
        return (self._divergence - left[0] - left[1]) / mass + mass.log()

    @property
    def transport_cost(self) -> Float[Tensor, "*batch"]:
        """``<C, pi>``: what moving the mass costs, without the smoothing."""
        rows, columns = self._marginals
        return weighted(rows, self.f) + weighted(columns, self.g) - self.problem.epsilon * self._divergence
