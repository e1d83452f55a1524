"""The transport problems of an objective that holds its plan on samples: of a turn, and of the coder's bank."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from infot import ot
from infot.models.latents import Latent
from infot.models.priors import learned_latents
from infot.objectives.base import Batch
from infot.objectives.ground import PIXELS, Ground
from infot.objectives.latent_batch import LatentBatch, LatentGrid
from infot.objectives.plan_settings import PlanSettings, Prices
from infot.objectives.sample_coder import SampleCoder
from infot.ot.resolution import finest_price
from infot.random import Streams

__all__ = ["Bank", "PlanProblems", "Side", "TurnProblems"]

CODER_NOISE = 128  # noise draws a code in the bank from which codes are read
CODER_CODES = 64  # code draws in that bank where the code cannot be listed
CODER_DATA = 4096  # data points against which the bank's potentials are solved


@dataclass(frozen=True, eq=False)
class Side:
    """A latent batch before points of one kind.

    Attributes:
        latents: The latents.
        generated: What they generate, ``(n, *shape)``; gradients reach the generator.
        targets: The points they are coupled with, ``(m, *shape)``.
        prices: Prices of a nat, in units of cost, none finer than rounding of these costs.
        problem: The structured problem; its row weights hold the batch's code frequencies.
    """

    latents: LatentBatch
    generated: Tensor
    targets: Tensor
    prices: Prices
    problem: ot.OTProblem

    @property
    def code_masses(self) -> Tensor:
        """How often the batch holds each code value, ``(k,)``."""
        return self.problem.row_weights.view(self.latents.blocks.n_codes, -1).sum(1)


@dataclass(frozen=True, eq=False)
class TurnProblems:
    """What a turn of the generator solves.

    Attributes:
        to_data: Latents before data.
        to_own: The same latents before the generator's own samples, drawn independently like data, without gradients;
            its problem has only the self term's share of the structure.
        share: That share.
    """

    to_data: Side
    to_own: Side
    share: float


@dataclass(frozen=True, eq=False)
class Bank:
    """A large bank of latents before data at the final prices, from which a coder is made.

    Attributes:
        side: Latents, generated points, data, prices and problem.
        eye: What maps points to places.
        cost: Cost between places.
    """

    side: Side
    eye: nn.Module
    cost: ot.Cost

    def coder(self, f: Tensor) -> SampleCoder:
        """Return the coder whose latents have the potentials ``f``."""
        latents, prices = self.side.latents, self.side.prices
        return SampleCoder(
            points=self.side.generated,
            code_values=latents.latent.code[:: latents.blocks.n_noise],
            weights=self.side.code_masses,
            f=f,
            prices=torch.tensor([prices.epsilon, prices.code[0]]),
            eye=self.eye,
            cost=self.cost,
        )


@dataclass(frozen=True)
class PlanProblems:
    """Draws the transport problems that an objective's plans solve.

    Where the networks hold a ``prior`` (:class:`~infot.models.priors.LearnedPrior`), that is the prior of the code.

    Args:
        grid: How latent batches are drawn.
        settings: The plans' settings.
        ground: Ground cost between points.
    """

    grid: LatentGrid
    settings: PlanSettings
    ground: Ground = PIXELS

    def grid_of(self, nets: nn.ModuleDict) -> LatentGrid:
        """Return how latent batches are drawn under the prior that the networks have learned, where they have."""
        return replace(self.grid, latents=learned_latents(self.grid.latents, nets))

    def of_data(self, nets: nn.ModuleDict, batch: Batch, streams: Streams) -> Side:
        """Return a latent batch before the batch's data, without gradients."""
        with torch.no_grad():
            return self._to_data(nets, self.grid_of(nets).draw(streams("latent")), batch)

    def of_turn(self, nets: nn.ModuleDict, batch: Batch, streams: Streams) -> TurnProblems:
        """Return a latent batch before the batch's data and before as many samples, drawn one by one as data are.

        For plans that are solved on the batch: chance has both hold a mode now more, now less often.
        """
        rng, grid = streams("latent"), self.grid_of(nets)
        latents = grid.draw(rng)
        own = grid.latents.sample(len(batch.data), rng)
        return self._turn(nets, batch, latents, own)

    def of_even_turn(self, nets: nn.ModuleDict, batch: Batch, streams: Streams) -> TurnProblems:
        """Return a latent batch before the batch's data and before samples that hold each code as often as the prior.

        For plans told by a potential of all data, which do not follow what a batch holds by chance: no more may those
        to the own samples, or samples are pushed from modes that nothing pulls them to. Codes that cannot be listed
        are drawn as by :meth:`of_turn`.
        """
        grid = self.grid_of(nets)
        if grid.latents.n_codes is None:
            return self.of_turn(nets, batch, streams)
        rng = streams("latent")
        latents, own = grid.draw(rng), grid.draw(rng)
        return self._turn(nets, batch, latents, own.latent, own.row_weights(own.code_weights))

    @torch.no_grad()
    def bank(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Bank:
        """Draw the coder's bank before a sample of the data, from the stream ``coder``."""
        rng = streams("coder")
        latents = LatentGrid(self.grid_of(nets).latents, CODER_NOISE, CODER_CODES).draw(rng)
        chosen = data[torch.randperm(len(data), generator=rng)[:CODER_DATA].to(data.device)]
        prices, eye = self.settings.prices(1.0, self.grid).of_joint_code(), self.ground.eye(nets, 1.0)
        return Bank(self._before(nets, latents, chosen, prices, eye), eye, self.ground.cost)

    def _turn(
        self,
        nets: nn.ModuleDict,
        batch: Batch,
        latents: LatentBatch,
        own: Latent,
        weights: Tensor | None = None,
    ) -> TurnProblems:
        """Return the problems of a turn; ``weights`` are those of own samples that hold codes as the prior does."""
        to_data = self._to_data(nets, latents, batch)
        with torch.no_grad():
            others = nets["generator"](*(part.to(batch.data.device) for part in own))
        share = self.settings.self_structure(batch.progress)
        structured = to_data.prices.structured(latents).with_share(share)
        eye = self.ground.eye(nets, batch.progress)
        cost = self.ground.cost(eye(to_data.generated), eye(others).detach())
        if weights is None:
            problem = self._problem(latents, cost, structured, to_data.prices.relaxation)
        else:
            problem = replace(self._problem(latents, cost, structured, None), b=weights.to(cost))
        return TurnProblems(to_data, replace(to_data, targets=others, problem=problem), share)

    def _to_data(self, nets: nn.ModuleDict, latents: LatentBatch, batch: Batch) -> Side:
        prices, eye = self.settings.prices(batch.progress, self.grid), self.ground.eye(nets, batch.progress)
        return self._before(nets, latents, batch.data, prices, eye)

    def _before(
        self, nets: nn.ModuleDict, latents: LatentBatch, targets: Tensor, prices: Prices, eye: nn.Module
    ) -> Side:
        generated = nets["generator"](*(part.to(targets.device) for part in latents.latent))
        cost = self.ground.cost(eye(generated), eye(targets))
        prices = prices.times(self.ground.unit(cost)).at_least(finest_price(cost))
        problem = self._problem(latents, cost, prices.structured(latents), prices.relaxation)
        return Side(latents, generated, targets, prices, problem)

    def _problem(
        self, latents: LatentBatch, cost: Tensor, structured: ot.Structured, rho: float | None
    ) -> ot.OTProblem:
        weights = self._row_weights(latents, cost, structured, rho)
        return ot.OTProblem(cost=cost, a=weights, regulariser=structured)

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
