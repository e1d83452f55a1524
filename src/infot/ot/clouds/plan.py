"""The plan between two clouds, made a few rows at a time when asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import exp_flushed
from infot.ot.clouds.codes import CloudCodes
from infot.ot.clouds.dual import dual_value, weighted
from infot.ot.clouds.nested_pass import nest_of, soft_over_noise
from infot.ot.clouds.problem import CloudProblem, column
from infot.ot.clouds.rounding import RoundedCloudPlan
from infot.ot.clouds.rows import CloudRows, consecutive
from infot.ot.clouds.sums import PlanSums, blocks_of
from infot.ot.clouds.tiles import CodedTiles, Tiles, make_tiles, soft_transform
from infot.ot.status import Status

__all__ = ["CloudPlan"]


@dataclass(frozen=True, eq=False)
class CloudPlan(CloudRows):
    """A plan ``a x b * exp((f + g - C) / epsilon)`` held by its potentials; its rows sum to ``a`` to rounding.

    With codes it is that at the perturbed cost, ``C - lambda log r(c, x)``, which takes K m numbers more. With ``rho``
    the rows sum to ``a exp(-f / rho_a)``, and the columns should to ``b exp(-g / rho_b)``. Everything has the batch
    axis of the problem, if it has one.

    Args:
        problem: The problem as posed.
        f: Potential of ``x``.
        g: Potential of ``y``.
        marginal_error: L1 distance between the plan's columns and what they should be; of a structured plan a bound on
            it, the distance of the rows before they were made exact.
        n_steps: Passes over the cost.
        statuses: Why the solve of each item ended.
        solver: What solved it, in words.
        codes: What structure lowers the cost by; None in plans that are not structured.
    """

    problem: CloudProblem
    f: Float[Tensor, "*batch n"]
    g: Float[Tensor, "*batch m"]
    marginal_error: Float[Tensor, "*batch"]
    n_steps: Int[Tensor, "*batch"]
    statuses: tuple[Status, ...]
    solver: str
    codes: CloudCodes | None = None

    @classmethod
    def joined(cls, problem: CloudProblem, plans: "Sequence[CloudPlan]") -> "CloudPlan":
        """Return the plan of a problem from those of its items."""
        names = ("f", "g", "marginal_error", "n_steps")
        stacked = [torch.stack([getattr(plan, name) for plan in plans]) for name in names]
        f, g, error, n_steps = stacked if problem.batched else [array[0] for array in stacked]
        statuses = tuple(status for plan in plans for status in plan.statuses)
        codes = plans[0].codes
        if problem.batched and codes is not None:
            codes = CloudCodes.joined([plan.codes for plan in plans if plan.codes is not None])
        return cls(problem, f, g, error, n_steps, statuses, plans[0].solver, codes)

    def items(self) -> "list[CloudPlan]":
        """Return the plan of every item of the batch, or the only one."""
        arrays = [self.f, self.g, self.marginal_error, self.n_steps]
        codes = [self.codes] * len(self.statuses)
        if not self.problem.batched:
            arrays = [array.unsqueeze(0) for array in arrays]
        elif self.codes is not None:
            codes = self.codes.items()
        return [
            CloudPlan(item, f, g, error, n_steps, (status,), self.solver, of_item)
            for item, f, g, error, n_steps, status, of_item in zip(
                self.problem.items(), *arrays, self.statuses, codes, strict=True
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
        return dual_value(self.problem, self.f, self.g) if self.codes is None else self.codes.value

    @cached_property
    def _epsilon(self) -> float | Tensor:
        return column(self.problem.epsilon)

    @cached_property
    def _over_rows(self) -> float | Tensor:
        """Epsilon, in a shape that broadcasts against rows."""
        epsilon = self._epsilon
        return epsilon.unsqueeze(-1) if isinstance(epsilon, Tensor) and epsilon.ndim else epsilon

    @cached_property
    def _bias(self) -> Tensor:
        return self.g / self._epsilon + self.problem.column_weights.detach().log()

    @cached_property
    def _absent(self) -> Tensor | None:
        """Which columns have no weight; None if all have some."""
        absent = self.problem.column_weights.detach() == 0
        return absent.unsqueeze(-2) if bool(absent.any()) else None

    @cached_property
    def _tilt(self) -> Tensor | None:
        """What structure adds to the exponents, for every code and column; None where there is none."""
        return None if self.codes is None else self.codes.perturbation / self._over_rows

    @cached_property
    def _codes(self) -> Tensor | None:
        """The code of every row; None where the problem has no blocks."""
        blocks = self.problem.blocks
        return None if blocks is None else blocks.of_rows(self.f.device)

    def _tiles(self, points: Tensor, codes: Tensor | None) -> Tiles:
        """Return the tiles of the cost, perturbed where there is structure, of points on the side of the rows.

        Raises:
            ProblemError: if there is structure, and no code for every point.
        """
        problem = self.problem
        tiles = make_tiles(points, problem.y, problem.epsilon, problem.cost)
        if self._tilt is None:
            return tiles
        if codes is None:
            raise ProblemError("expected the code of each new latent, since the plan is structured")
        batch = self._tilt.shape[:-2]
        if codes.shape not in (points.shape[-2:-1], points.shape[:-1]):
            raise ProblemError(
                f"expected a code for each of {tuple(points.shape[:-1])} points, got {tuple(codes.shape)}"
            )
        if bool((codes < 0).any() | (codes >= self._tilt.shape[-2]).any()):
            raise ProblemError(f"expected codes from 0 to {self._tilt.shape[-2] - 1}, got others")
        return CodedTiles(tiles, codes.expand(*batch, codes.shape[-1]), self._tilt)

    def _own_tiles(self, rows: slice = slice(None)) -> Tiles:
        codes = None if self._codes is None else self._codes[rows]
        return self._tiles(self.problem.x[..., rows, :], codes)

    def row_blocks(self) -> Iterator[tuple[slice, Float[Tensor, "*batch r m"]]]:
        """Yield the rows of the plan a few at a time, each block in memory that the next one overwrites."""
        tiles = self._own_tiles()
        for rows in tiles.slices():
            yield rows, self._masses(tiles.score(rows, self._bias), rows)

    def rows(self, rows: slice) -> Float[Tensor, "*batch r m"]:
        """Return some rows of the plan as a matrix of masses.

        Raises:
            ProblemError: if the slice has a step or leaves the plan.
        """
        part = consecutive(rows, self.f.shape[-1])
        tiles = self._own_tiles(part)
        return self._masses(tiles.score(slice(0, tiles.n), self._bias), part)

    def perturbed_cost(self, rows: slice) -> Float[Tensor, "*batch r m"]:
        """Return some rows of ``C - lambda log r``: the cost whose ordinary plan is this one (method, section 3).

        Raises:
            ProblemError: if the slice has a step or leaves the plan.
        """
        tiles = self._own_tiles(consecutive(rows, self.f.shape[-1]))
        score = tiles.score(slice(0, tiles.n), torch.zeros_like(self.g))
        return -self._over_rows * score

    def _masses(self, score: Tensor, rows: slice) -> Tensor:
        score += (self.f[..., rows] / self._epsilon).unsqueeze(-1)
        masses = exp_flushed(score).mul_(self.problem.row_weights.detach()[..., rows].unsqueeze(-1))
        return masses.masked_fill_(self._absent, 0) if self._absent is not None else masses

    def conditional(self, given: str = "data") -> Iterator[tuple[slice, Float[Tensor, "*batch r m"]]]:
        """Yield ``pi(z | x)``, whose columns sum to one, or with ``given="latent"`` ``pi(x | z)``, whose rows do.

        A few rows at a time, each block in memory that the next one overwrites.

        Raises:
            ProblemError: if it is given something else.
        """
        if given not in ("data", "latent"):
            raise ProblemError(f"expected given='data' or 'latent', got {given!r}")
        return self._given_data() if given == "data" else self._given_latent()

    def _given_latent(self) -> Iterator[tuple[slice, Tensor]]:
        tiles = self._own_tiles()
        for rows in tiles.slices():
            score = tiles.score(rows, self._bias)
            kernel = exp_flushed(score.sub_(score.amax(-1, keepdim=True)))
            if self._absent is not None:
                kernel.masked_fill_(self._absent, 0)
            yield rows, kernel.div_(kernel.sum(-1, keepdim=True))

    def _given_data(self) -> Iterator[tuple[slice, Tensor]]:
        totals = torch.zeros_like(self.g)
        for _, block in self._shares():
            totals += block.sum(-2)
        totals = totals.clamp_min(torch.finfo(totals.dtype).tiny).unsqueeze(-2)
        for rows, block in self._shares():
            yield rows, block.div_(totals)

    def _shares(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield ``a`` times the density, also at columns without weight."""
        a, tiles = self.problem.row_weights.detach(), self._own_tiles()
        for rows, density in self._densities(tiles):
            yield rows, density.mul_(a[..., rows].unsqueeze(-1))

    def _densities(self, tiles: Tiles) -> Iterator[tuple[slice, Tensor]]:
        """Yield the density against ``a x b``, bounded where nothing else bounds it: at weights of zero."""
        g, most = self.g / self._epsilon, torch.finfo(self.g.dtype).max
        for rows in tiles.slices():
            score = tiles.score(rows, g)
            score += (self.f[..., rows] / self._epsilon).unsqueeze(-1)
            yield rows, exp_flushed(score).clamp_max_(most**0.9)

    def code_density(self) -> Float[Tensor, "*batch K m"]:
        """Return ``r(c, x)``: the density of (code, datum) under the plan against independence.

        Raises:
            ProblemError: if the plan has no blocks.
        """
        blocks, density = blocks_of(self.problem), self._of_codes()
        grouped = self.problem.row_weights.detach().unflatten(-1, (blocks.n_codes, blocks.n_noise))
        total = grouped.sum(-1, keepdim=True)
        noise = torch.where(total > 0, grouped / total, 1 / blocks.n_noise).flatten(-2)
        for rows, block in self._densities(self._own_tiles()):
            density.index_add_(
                -2, blocks.of_rows(density.device)[rows], block * noise[..., rows].unsqueeze(-1)
            )
        return density

    def _of_codes(self) -> Tensor:
        """Return zeros for every code and column."""
        return self.g.new_zeros(*self.g.shape[:-1], blocks_of(self.problem).n_codes, self.g.shape[-1])

    def code_posterior(
        self, points: Float[Tensor, "*batch p d"] | None = None
    ) -> Float[Tensor, "*batch p K"]:
        """Return ``pi(c | x)``: which code data are explained by, seen or unseen; rows sum to one.

        Args:
            points: Data; those of the problem if left out.

        Raises:
            ProblemError: if the plan has no blocks.
        """
        blocks_of(self.problem)
        y = self.problem.y.detach() if points is None else points
        if not self.problem.batched:
            return self._posterior_of(y)
        return torch.stack([plan._posterior_of(one) for plan, one in zip(self.items(), y, strict=True)])

    def _posterior_of(self, points: Tensor) -> Tensor:
        nest = nest_of(self.problem)
        log_density = nest.outer(soft_over_noise(self.problem, nest, self.f, points))[1][0]
        return (nest.code_weights[0].unsqueeze(-1) * log_density.exp()).mT

    def barycentric_projection(
        self, y: Float[Tensor, "*batch m k"] | None = None
    ) -> Float[Tensor, "*batch n k"]:
        """Return for each row the mean of what it is coupled with, of the columns' points or of features ``y``."""
        return self.transport_map(self.problem.x.detach(), y, self._codes)

    def transport_map(
        self,
        points: Float[Tensor, "*batch p d"],
        y: Float[Tensor, "*batch m k"] | None = None,
        codes: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*batch p k"]:
        """Return where points, seen or unseen, are sent: the mean of what they are coupled with (the entropic map).

        Args:
            points: Points on the side of the rows.
            y: What the mean is of; the points of the columns if left out.
            codes: Code of each point, ``(p,)`` or ``(B, p)``, for structured plans.

        Raises:
            ProblemError: if codes are missing or do not fit.
        """
        target = self.problem.y.detach() if y is None else y
        tiles = self._tiles(points, codes)
        images = []
        for rows in tiles.slices():
            score = tiles.score(rows, self._bias)
            kernel = exp_flushed(score.sub_(score.amax(-1, keepdim=True)))
            images.append((kernel @ target) / kernel.sum(-1, keepdim=True))
        return torch.cat(images, -2)

    def potential(
        self, points: Float[Tensor, "*batch p d"], codes: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*batch p"]:
        """Return the potential ``f`` at points, seen or unseen: the soft c-transform of ``g``.

        Args:
            points: Points on the side of the rows.
            codes: Code of each point, ``(p,)`` or ``(B, p)``, for structured plans.

        Raises:
            ProblemError: if codes are missing or do not fit.
        """
        tiles = self._tiles(points, codes)
        soft, _ = soft_transform(tiles, self._bias, torch.zeros_like(points[..., 0]))
        return column(self.problem.dampings[0]) * self._epsilon * soft

    @cached_property
    def _sums(self) -> PlanSums:
        rows_of, columns = torch.empty_like(self.f), torch.zeros_like(self.g)
        divergence, log_b = torch.zeros_like(self.marginal_error), self.problem.column_weights.detach().log()
        of_codes = None if self._codes is None else self._of_codes()
        tiles = self._own_tiles()
        for rows in tiles.slices():
            score = tiles.score(rows, self._bias)
            log_density = score - log_b.unsqueeze(-2) + (self.f[..., rows] / self._epsilon).unsqueeze(-1)
            if self._absent is not None:
                log_density.masked_fill_(self._absent, 0)
            block = self._masses(score, rows)
            divergence += (block * log_density).sum((-2, -1))
            rows_of[..., rows] = block.sum(-1)
            columns += block.sum(-2)
            if of_codes is not None and self._codes is not None:
                of_codes.index_add_(-2, self._codes[rows], block)
        return PlanSums(self.problem, rows_of, columns, of_codes, divergence)

    @property
    def information(self) -> Float[Tensor, "*batch"]:
        """Mutual information between the two clouds in nats: ``KL(pi | a x b)``.

        With ``rho`` it is that of the plan over its own mass, against its own marginals (:class:`infot.ot.Plan`).
        """
        return self._sums.information("latent")

    def mutual_information(self, block: str | tuple[int, ...] = "code") -> Float[Tensor, "*batch"]:
        """Return the information in nats that a block of the latent carries about the data, ``I(block; x)``.

        See :meth:`infot.ot.Plan.mutual_information`.

        Args:
            block: ``"code"`` for everything but the noise, ``"latent"`` for all, or the first axes of the blocks.

        Raises:
            ProblemError: if the plan has no blocks, or no such block.
        """
        return self._sums.information(block)

    def conditional_information(self, block: str | tuple[int, ...] = "code") -> Float[Tensor, "*batch"]:
        """Return ``I(rest; x | block)`` in nats: what the rest of the latent says about the data once a block is known.

        Args:
            block: See :meth:`mutual_information`; for the code the rest is the noise.

        Raises:
            ProblemError: if the plan has no blocks, or no such block.
        """
        return self._sums.information("latent") - self._sums.information(block)

    def coupled_codes(self, threshold: float = 1e-3) -> Float[Tensor, "*batch"]:
        """Return the share of (code, datum) pairs with weight that are coupled: how sparse the plan is in the code.

        Raises:
            ProblemError: if the plan has no blocks.
        """
        return self._sums.coupled_codes(threshold)

    def entropy(self) -> Float[Tensor, "*batch"]:
        """Return ``-sum pi log pi`` in nats."""
        return self._sums.entropy()

    @property
    def transport_cost(self) -> Float[Tensor, "*batch"]:
        """``<C, pi>``: what moving the mass costs, without the smoothing."""
        sums = self._sums
        cost = weighted(sums.rows, self.f) + weighted(sums.columns, self.g)
        if self.codes is not None and sums.codes is not None:
            cost = cost + (sums.codes * self.codes.perturbation).sum((-2, -1))
        return cost - self.problem.epsilon * sums.divergence

    def round(self) -> RoundedCloudPlan:
        """Return a plan with exact marginals, moved no farther than twice the marginal error in L1.

        Raises:
            ProblemError: if the marginals have a price, so that there is nothing to round to.
        """
        return RoundedCloudPlan.of(self)
