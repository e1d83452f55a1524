"""The informative OT GAN on a sample plan: exact structured transport between a latent batch and a data batch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.priors import follow_codes, learned_latents
from infot.objectives.base import Batch, Coder, Objective
from infot.objectives.latent_batch import LatentBatch, LatentGrid
from infot.objectives.sample_coder import SampleCoder
from infot.ot.schedules import Schedule
from infot.random import Streams

__all__ = ["PlanSettings", "SamplePlan"]

CODER_NOISE = 128  # noise draws a code in the bank from which codes are read
CODER_CODES = 64  # code draws in that bank where the code cannot be listed
CODER_DATA = 4096  # data points against which the bank's potentials are solved
CODER_TOLERANCE = 1e-3  # L1 marginal error of that solve
CODER_STEPS = 2000


@dataclass(frozen=True)
class PlanSettings:
    """What decides the plans of a run.

    Attributes:
        epsilon: Price of a nat through the noise, in units of cost.
        epsilon_code_ratio: Price of a nat through the (first) code block, relative to ``epsilon``.
        self_structure: How structured the self term is: 0 plain, 1 as the plan to the data (method, section 5).
        relaxation: Price of a nat by which a batch's code frequencies leave the prior, in units of cost; None keeps
            the prior in every batch. High while codes form, so that they share the data out; low afterwards.
        tolerance: L1 marginal error of each solve.
        max_steps: Limit on the steps of each solve.
    """

    epsilon: Schedule
    epsilon_code_ratio: Schedule
    self_structure: Schedule
    relaxation: Schedule | None
    tolerance: float
    max_steps: int


class Prices(NamedTuple):
    """Prices of a nat at one moment, in units of cost: through the noise, through each code block, off the prior."""

    epsilon: float
    code: tuple[float, ...]
    relaxation: float | None


class SamplePlan(Objective):
    r"""Minimise the structured divergence between generated and real samples.

    With :math:`W` the structured transport value of :math:`(z, x)` (method, equation P), :math:`z'` a second,
    independent latent batch drawn one by one like data, and :math:`W_\tau` the value whose structure is only the share
    :math:`\tau` of it, the generator descends

    .. math:: \nabla_\theta \left[ \langle \pi, C(G_\theta(z), x) \rangle
              - \langle \pi', C(G_\theta(z), \bar G(z')) \rangle \right]

    with both plans held (envelope theorem). Where the two batches hold a code more or less often, its rows count
    in both terms with the smaller of the two frequencies: pull and push stay in balance code by code. At
    :math:`\tau = 0` the code is under pressure to inform; at :math:`\tau = 1` both terms have one law where
    :math:`G_\#\zeta = \nu`, so the data's law is stationary without bias.
    With ``epsilon_code_ratio`` 1 this is the plain Sinkhorn divergence.

    Where the networks hold a ``prior`` (:class:`~infot.models.priors.LearnedPrior`), that is the prior of the code, and
    it follows the frequencies of the batches.

    Args:
        grid: How latent batches are drawn.
        settings: The plans' settings.
        cost: Ground cost between points.
    """

    def __init__(self, grid: LatentGrid, settings: PlanSettings, cost: ot.Cost | None = None) -> None:
        self.grid = grid
        self.settings = settings
        self.cost = ot.SquaredEuclidean() if cost is None else cost

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the excess of the transport cost to the data over that to the generator's own samples."""
        generator, rng = nets[player], streams("latent")
        grid = self._grid(nets)
        latents = grid.draw(rng)
        own = grid.latents.sample(len(batch.data), rng)
        device = batch.data.device
        generated = generator(*(part.to(device) for part in latents.latent)).flatten(1)
        with torch.no_grad():
            others = generator(*(part.to(device) for part in own)).flatten(1)
        prices = self.prices(batch.progress)
        share = self.settings.self_structure(batch.progress)
        structured = _structured(latents, prices)
        to_data = self._plan(
            latents, self.cost(generated, batch.data.flatten(1)), structured, prices.relaxation
        )
        to_own = self._plan(
            latents, self.cost(generated, others), structured.with_share(share), prices.relaxation
        )
        weights = torch.minimum(to_data.problem.row_weights, to_own.problem.row_weights)
        loss = _cost_of(to_data, weights) - _cost_of(to_own, weights)
        info = _info(loss, to_data, prices)
        if "prior" in nets:
            info["code_frequencies"] = _code_masses(to_data.problem.row_weights, latents)
        return loss, info

    def follow(self, player: str, nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
        """Move a learned prior towards the code frequencies of the batch."""
        follow_codes(nets, found)

    def _grid(self, nets: nn.ModuleDict) -> LatentGrid:
        return replace(self.grid, latents=learned_latents(self.grid.latents, nets))

    def prices(self, progress: float) -> Prices:
        """Return the prices at ``progress``; ordered blocks rise geometrically from the first price to epsilon."""
        epsilon = self.settings.epsilon(progress)
        ratio = self.settings.epsilon_code_ratio(progress)
        depth = len(self.grid.latents.code) if self.grid.ordered else 1
        relaxation = self.settings.relaxation
        return Prices(
            epsilon,
            tuple(epsilon * ratio ** (1 - k / depth) for k in range(depth)),
            None if relaxation is None else relaxation(progress),
        )

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Coder:
        """Solve between a large bank of latents and ``data`` at the final prices."""
        rng = streams("coder")
        grid = LatentGrid(learned_latents(self.grid.latents, nets), CODER_NOISE, CODER_CODES)
        latents = grid.draw(rng)
        chosen = data[torch.randperm(len(data), generator=rng)[:CODER_DATA].to(data.device)]
        prices = self.prices(1.0)
        with torch.no_grad():
            points = nets["generator"](*(part.to(chosen.device) for part in latents.latent))
            # Ordered blocks are read jointly: the price of the joint code is that of its first block.
            plan = self._plan(
                latents,
                self.cost(points.flatten(1), chosen.flatten(1)),
                _structured(latents, prices._replace(code=prices.code[:1])),
                prices.relaxation,
                tolerance=CODER_TOLERANCE,
                max_steps=CODER_STEPS,
            )
        weights = _code_masses(plan.problem.row_weights, latents)
        codes = latents.latent.code[:: latents.blocks.n_noise]
        return SampleCoder(
            points=points,
            code_values=codes,
            weights=weights,
            f=plan.f,
            prices=torch.tensor([prices.epsilon, prices.code[0]]),
        )

    def _plan(
        self,
        latents: LatentBatch,
        cost: Tensor,
        structured: ot.Structured,
        rho: float | None,
        *,
        tolerance: float | None = None,
        max_steps: int | None = None,
    ) -> ot.Plan:
        weights = self._row_weights(latents, cost, structured, rho)
        problem = ot.OTProblem(cost=cost, a=weights, regulariser=structured)
        return ot.solve(
            problem,
            tolerance=self.settings.tolerance if tolerance is None else tolerance,
            max_steps=self.settings.max_steps if max_steps is None else max_steps,
            on_failure="return",  # the reached error is logged with every step
        )

    def _row_weights(
        self, latents: LatentBatch, cost: Tensor, structured: ot.Structured, rho: float | None
    ) -> Tensor:
        """Weigh the codes as often as this batch seems to hold them, drawn towards the prior.

        Codes drawn afresh for each batch stand for no class, so they keep their prior.
        """
        weights, epsilon = latents.code_weights.to(cost.device), structured.base.epsilon
        if rho is not None and self.grid.latents.n_codes is not None:
            grouped = cost.detach().view(len(weights), -1, cost.shape[1])
            scores = -epsilon * (-grouped / epsilon).logsumexp(dim=1)
            epsilon_code = structured.epsilons_code[0]
            weights = ot.relaxed_frequencies(scores, weights, epsilon=epsilon_code, rho=rho)
        return latents.row_weights(weights)


def _structured(latents: LatentBatch, prices: Prices) -> ot.Structured:
    return ot.Structured(ot.Entropic(prices.epsilon), blocks=latents.blocks, epsilon_code=prices.code)


def _code_masses(row_weights: Tensor, latents: LatentBatch) -> Tensor:
    return row_weights.view(latents.blocks.n_codes, -1).sum(1)


def _cost_of(plan: ot.Plan, weights: Tensor) -> Tensor:
    """Return the transport cost with the rows of the plan brought to ``weights``."""
    rows = weights / plan.problem.row_weights
    return ((plan.matrix() * rows.unsqueeze(1)) * plan.problem.cost).sum()


def _info(loss: Tensor, plan: ot.Plan, prices: Prices) -> dict[str, Tensor]:
    return {
        "loss": loss.detach(),
        "transport_cost": plan.transport_cost.detach(),
        "plan_information": plan.mutual_information("code"),
        "noise_information": plan.conditional_information("code"),
        "marginal_error": plan.marginal_error,
        "solver_steps": plan.n_steps.float(),
        "epsilon": torch.tensor(prices.epsilon),
        "epsilon_code": torch.tensor(prices.code[0]),
    }
