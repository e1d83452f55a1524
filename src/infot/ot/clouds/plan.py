"""The plan between two clouds, made a few rows at a time when asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.codes import CloudCodes
from infot.ot.clouds.dual import dual_value, weighted
from infot.ot.clouds.exponents import Exponents
from infot.ot.clouds.nested_pass import nest_of, soft_over_noise
from infot.ot.clouds.problem import CloudProblem, column
from infot.ot.clouds.rounding import RoundedCloudPlan
from infot.ot.clouds.rows import CloudRows, consecutive
from infot.ot.clouds.sums import PlanSums, blocks_of
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
    def _exponents(self) -> Exponents:
        return Exponents(
            self.problem, self.f, self.g, None if self.codes is None else self.codes.perturbation
        )

    def row_blocks(self) -> Iterator[tuple[slice, Float[Tensor, "*batch r m"]]]:
        """Yield the rows of the plan a few at a time, each block in memory that the next one overwrites."""
        return self._exponents.masses()

    def rows(self, rows: slice) -> Float[Tensor, "*batch r m"]:
        """Return some rows of the plan as a matrix of masses.

        Raises:
            ProblemError: if the slice has a step or leaves the plan.
        """
        return self._exponents.masses_of(consecutive(rows, self.f.shape[-1]))

    def perturbed_cost(self, rows: slice) -> Float[Tensor, "*batch r m"]:
        """Return some rows of ``C - lambda log r``: the cost whose ordinary plan is this one (method, section 3).

        Raises:
            ProblemError: if the slice has a step or leaves the plan.
        """
        return self._exponents.cost_of(consecutive(rows, self.f.shape[-1]))

    def conditional(self, given: str = "data") -> Iterator[tuple[slice, Float[Tensor, "*batch r m"]]]:
        """Yield ``pi(z | x)``, whose columns sum to one, or with ``given="latent"`` ``pi(x | z)``, whose rows do.

        A few rows at a time, each block in memory that the next one overwrites.

        Raises:
            ProblemError: if it is given something else.
        """
        if given not in ("data", "latent"):
            raise ProblemError(f"expected given='data' or 'latent', got {given!r}")
        return self._exponents.given_data() if given == "data" else self._exponents.given_rows()

    def code_density(self) -> Float[Tensor, "*batch K m"]:
        """Return ``r(c, x)``: the density of (code, datum) under the plan against independence.

        Raises:
            ProblemError: if the plan has no blocks.
        """
        blocks_of(self.problem)
        return self._exponents.code_density()

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
        return self.transport_map(self.problem.x.detach(), y, self._exponents.codes)

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
        return torch.cat([kernel @ target for _, kernel in self._exponents.couplings(points, codes)], -2)

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
        soft = self._exponents.soft(points, codes)
        return column(self.problem.dampings[0]) * column(self.problem.epsilon) * soft

    @cached_property
    def _sums(self) -> PlanSums:
        return self._exponents.sums()

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
