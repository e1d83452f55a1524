"""The transport plan between latents and data, and everything that can be read off it."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log
from infot.ot.density import density_of, smoothing_of, spread_over_noise
from infot.ot.information import block_information, blocks_of, code_masses
from infot.ot.problem import OTProblem
from infot.ot.regularisers import price
from infot.ot.rounding import round_to_marginals
from infot.ot.solution import Solution
from infot.ot.status import Status
from infot.ot.unbalanced import departure, target

__all__ = ["Plan"]


@dataclass(frozen=True, eq=False)
class Plan:
    """A transport plan, held by its potentials; arrays are made on request.

    They carry gradients only where ``solve(..., gradient=...)`` asked for them.

    The plan is ``pi = a x b * density`` with ``density = exp((f + g - C + lambda log r) / epsilon)`` for entropic and
    structured regularisers. Its rows sum to ``a`` to rounding; what is missing lies on the side of ``b``.
    Everything has the batch axis of the problem, if it has one.

    Args:
        problem: The problem as posed.
        solution: What the solver found.
        graph: The problem with batch axes and gradients, in plans made differentiable; left out otherwise.
    """

    problem: OTProblem
    solution: Solution
    graph: OTProblem | None = None

    @cached_property
    def _batch(self) -> OTProblem:
        return self.problem.as_batch() if self.graph is None else self.graph

    def _out(self, value: Tensor) -> Tensor:
        return value if self.problem.batched else value[0]

    @property
    def f(self) -> Float[Tensor, "*batch n"]:
        """Potential of the latents, in units of cost."""
        return self._out(self.solution.f)

    @property
    def g(self) -> Float[Tensor, "*batch m"]:
        """Potential of the data, in units of cost."""
        return self._out(self.solution.g)

    @property
    def value(self) -> Float[Tensor, "*batch"]:
        """Optimal value of the regularised problem, by duality, in units of cost."""
        return self._out(self.solution.value)

    @property
    def n_steps(self) -> Int[Tensor, "*batch"]:
        """Steps that the solver took."""
        return self._out(self.solution.n_steps)

    @property
    def converged(self) -> Bool[Tensor, "*batch"]:
        """Whether the marginal error, and the residual if there is one, fell below the tolerance."""
        flags = [status is Status.CONVERGED for status in self.solution.statuses]
        return self._out(torch.tensor(flags, device=self.solution.f.device))

    @property
    def status(self) -> Status:
        """Why the solve ended; for a batch, the first reason that is not convergence."""
        failures = [status for status in self.solution.statuses if status is not Status.CONVERGED]
        return failures[0] if failures else Status.CONVERGED

    @cached_property
    def _density(self) -> Tensor:
        return density_of(self._batch, self.solution)

    @cached_property
    def _matrix(self) -> Tensor:
        if self.solution.masses is not None:
            return self.solution.masses
        if self.solution.factors is not None:
            rows, kernel, columns = self.solution.factors
            matrix = (kernel * rows.unsqueeze(-1)).mul_(columns.unsqueeze(-2))
            return matrix.reshape(self._batch.cost.shape)
        weights = self._batch.row_weights.unsqueeze(-1) * self._batch.column_weights.unsqueeze(-2)
        return weights * self._density

    def density(self) -> Float[Tensor, "*batch n m"]:
        """Return the density of the plan against ``a x b``."""
        return self._out(self._density)

    def matrix(self) -> Float[Tensor, "*batch n m"]:
        """Return the plan as a matrix of masses; rows sum to ``a``, columns to ``b`` up to the marginal error."""
        return self._out(self._matrix)

    def apply(self, v: Float[Tensor, "*batch m d"]) -> Float[Tensor, "*batch n d"]:
        """Return ``pi v``, without making the matrix where the solver left its factors."""
        return self._out(self._apply(v if self.problem.batched else v.unsqueeze(0)))

    def _apply(self, v: Tensor) -> Tensor:
        if self.solution.factors is None:
            return self._matrix @ v
        rows, kernel, columns = self.solution.factors
        weighted = columns.unsqueeze(-1) * v.unsqueeze(-3)
        return (rows.unsqueeze(-1) * (kernel @ weighted)).flatten(1, 2)

    def apply_transposed(self, u: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch m d"]:
        """Return ``pi^T u``, likewise."""
        return self._out(self._apply_transposed(u if self.problem.batched else u.unsqueeze(0)))

    def _apply_transposed(self, u: Tensor) -> Tensor:
        if self.solution.factors is None:
            return self._matrix.mT @ u
        rows, kernel, columns = self.solution.factors
        grouped = rows.unsqueeze(-1) * u.reshape(*rows.shape, -1)
        return (columns.unsqueeze(-1) * (kernel.mT @ grouped)).sum(1)

    def marginals(self) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch m"]]:
        """Return the plan's own row and column masses."""
        return self._out(self._matrix.sum(-1)), self._out(self._matrix.sum(-2))

    def _targets(self) -> tuple[Tensor, Tensor]:
        """Return the marginals that the plan should have: the weights, or what the potentials ask at the price rho."""
        a, b, prices = self._batch.row_weights, self._batch.column_weights, self._batch.marginal_prices
        if prices is None:
            return a, b
        return target(self.solution.f, a, prices[0]), target(self.solution.g, b, prices[1])

    @cached_property
    def _marginal_error(self) -> Tensor:
        rows, columns = self._targets()
        rows = (self._matrix.sum(-1) - rows).abs().sum(-1)
        columns = (self._matrix.sum(-2) - columns).abs().sum(-1)
        return torch.maximum(rows, columns)

    @property
    def marginal_error(self) -> Float[Tensor, "*batch"]:
        """L1 distance between the plan's marginals and what they should be, the larger side.

        They should be the weights, and with ``rho`` what the potentials ask for: ``a exp(-f / rho_a)``.
        """
        return self._out(self._marginal_error)

    @property
    def residual(self) -> Float[Tensor, "*batch"] | None:
        """What the solver held against the tolerance beside the marginal error, None where that was all.

        ``solution.residual.name`` says what it is; :class:`infot.ot.PerturbedCostLoop` and
        :class:`infot.ot.ConditionalGradient` have one.
        """
        return None if self.solution.residual is None else self._out(self.solution.residual.value)

    @property
    def transport_cost(self) -> Float[Tensor, "*batch"]:
        """``<C, pi>``: what moving the mass costs, without the regulariser."""
        return self._out((self._matrix * self._batch.cost).sum((-2, -1)))

    @property
    def primal_value(self) -> Float[Tensor, "*batch"]:
        """``<C, pi> + Omega(pi)`` of this plan; at least :attr:`value` up to what the marginals miss."""
        batch = self._batch
        charge = batch.regulariser.value(self._density, batch.row_weights)
        total = (self._matrix * batch.cost).sum((-2, -1)) + (batch.column_weights * charge).sum(-1)
        prices = batch.marginal_prices
        if prices is not None:
            a, b = batch.row_weights, batch.column_weights
            total = total + departure((b.unsqueeze(-2) * self._density).sum(-1), a, prices[0])
            total = total + departure((a.unsqueeze(-1) * self._density).sum(-2), b, prices[1])
        return self._out(total)

    @cached_property
    def _code_density(self) -> Tensor:
        blocks, batch = blocks_of(self.problem), self._batch
        weights = batch.row_weights.reshape(-1, blocks.n_codes, blocks.n_noise)
        total = weights.sum(-1, keepdim=True)
        conditional = torch.where(total > 0, weights / total, 1 / blocks.n_noise)
        grouped = self._density.reshape(*conditional.shape, -1)
        return (conditional.unsqueeze(-1) * grouped).sum(2)

    def code_density(self) -> Float[Tensor, "*batch K m"]:
        """Return ``r(c, x)``: the density of (code, datum) under the plan against independence."""
        return self._out(self._code_density)

    def _information(self, block: str | tuple[int, ...]) -> Tensor:
        return block_information(self._batch, self.solution, self._matrix, block)

    def mutual_information(self, block: str | tuple[int, ...] = "code") -> Float[Tensor, "*batch"]:
        r"""Return the information in nats that a block of the latent carries about the data, ``I(block; x)``.

        .. math:: I(\mathrm{block}; x) = \sum_{c, x} \pi(c, x) \log \frac{\pi(c, x)}{\zeta(c)\,\nu(x)},

        with :math:`\pi(c, x)` the plan summed over the rest of the latent. Of ordered blocks ``(0,)`` is the first,
        ``(0, 1)`` the first two together, and by the chain rule :math:`I(c_2; x \mid c_1)` is the difference.

        With ``rho`` it is that of the plan over its own mass, against its own marginals: the information in a pair
        drawn from what is transported. What the value charges is another number, the divergence from ``a x b``.

        Args:
            block: ``"code"`` for everything but the noise, ``"latent"`` for all, or axes of the latent grid, as in
                :class:`infot.ot.Rebate`: any of them under :class:`infot.ot.Rebated`, the first ones of ``blocks``
                otherwise.

        Raises:
            ProblemError: if the plan has no blocks, or no such block.
        """
        return self._out(self._information(block))

    def conditional_information(self, block: str | tuple[int, ...] = "code") -> Float[Tensor, "*batch"]:
        """Return ``I(rest; x | block)`` in nats: what the rest of the latent says about the data once a block is known.

        Args:
            block: See :meth:`mutual_information`; for the code the rest is the noise.

        Raises:
            ProblemError: if the plan has no blocks, or no such block.
        """
        return self._out(self._information("latent") - self._information(block))

    def conditional(self, given: str = "data") -> Float[Tensor, "*batch n m"]:
        """Return ``pi(z | x)``, whose columns sum to one, or with ``given="latent"`` ``pi(x | z)``, whose rows do."""
        if given not in ("data", "latent"):
            raise ProblemError(f"expected given='data' or 'latent', got {given!r}")
        side, dim = (
            (self._batch.row_weights.unsqueeze(-1), -2)
            if given == "data"
            else (self._batch.column_weights.unsqueeze(-2), -1)
        )
        masses = side * self._density
        return self._out(masses / masses.sum(dim, keepdim=True).clamp_min(torch.finfo(masses.dtype).tiny))

    def barycentric_projection(self, y: Float[Tensor, "*batch m d"]) -> Float[Tensor, "*batch n d"]:
        """Return for each latent the mean of the data it is coupled with, ``E[y | z]``."""
        if y.shape[-2] != self.problem.cost.shape[-1]:
            raise ProblemError(f"expected {self.problem.cost.shape[-1]} data points, got {tuple(y.shape)}")
        return self.conditional("latent") @ y.to(self.solution.f.dtype)

    def sample(self, n: int, rng: torch.Generator) -> tuple[Int[Tensor, "*batch n"], Int[Tensor, "*batch n"]]:
        """Draw pairs (row, column) from the plan.

        Args:
            n: How many pairs.
            rng: CPU generator that the draws come from.
        """
        # by inverting the cumulated masses: torch.multinomial takes 2^24 pairs at most
        total = self._matrix.flatten(1).clamp_min(0).cpu().double().cumsum(-1)
        heights = torch.rand(len(total), n, dtype=torch.float64, generator=rng) * total[:, -1:]
        index = torch.searchsorted(total, heights, right=True).to(self._matrix.device)
        width = self._matrix.shape[-1]
        return self._out(index // width), self._out(index % width)

    def support(self, threshold: float = 1e-3) -> Bool[Tensor, "*batch n m"]:
        """Return which pairs carry more than a share ``threshold`` of the mass of their column."""
        columns = self._batch.column_weights.unsqueeze(-2)
        return self._out(self._matrix > threshold * columns)

    def coupled_codes(self, threshold: float = 1e-3) -> Float[Tensor, "*batch"]:
        """Return the share of (code, datum) pairs with weight that are coupled: how sparse the plan is in the code."""
        columns = self._batch.column_weights.unsqueeze(-2)
        masses, weights = code_masses(self._batch, self._matrix)
        coupled, present = masses > threshold * columns, (columns > 0) & (weights > 0).unsqueeze(-1)
        return self._out((coupled & present).sum((-2, -1)) / present.sum((-2, -1)).to(self.solution.f.dtype))

    def entropy(self) -> Float[Tensor, "*batch"]:
        """Return ``-sum pi log pi`` in nats."""
        return self._out(-(self._matrix * safe_log(self._matrix)).sum((-2, -1)))

    def round(self) -> Float[Tensor, "*batch n m"]:
        """Return the plan as a matrix with exact marginals, moved no farther than twice the marginal error.

        Raises:
            ProblemError: if the marginals have a price, so that there is nothing to round to.
        """
        batch = self._batch
        if batch.rho is not None:
            raise ProblemError("expected kept marginals to round to, got a problem with rho")
        return self._out(round_to_marginals(self._matrix, batch.row_weights, batch.column_weights))

    def perturbed_cost(self) -> Float[Tensor, "*batch n m"]:
        """Return ``C - lambda log r``: the cost whose ordinary entropic plan is this one (method, section 3)."""
        cost = self._batch.cost
        if self.solution.perturbation is None:
            return self._out(cost)
        return self._out(cost - spread_over_noise(self.solution.perturbation, cost.shape[-2]))

    @property
    def epsilon(self) -> float | Float[Tensor, " B"]:
        """The price of a nat through the noise; one for each item where those of a batch have prices of their own.

        Raises:
            ProblemError: if the regulariser is not entropic.
        """
        return price(smoothing_of(self.problem.regulariser), self.solution.value)
