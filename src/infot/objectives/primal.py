"""The primal plan: the transport plan held by an encoder of the noise and a balanced assignment of data to codes."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from infot import ot
from infot.errors import ConfigError
from infot.models.charts import Charts
from infot.models.latents import LatentSpace
from infot.models.placed_noise import find_moments, follow_noise
from infot.models.priors import follow_codes, learned_latents
from infot.objectives.base import Batch, Objective
from infot.objectives.chart_scores import score_charts
from infot.objectives.ground import PIXELS, Ground
from infot.objectives.primal_coder import PrimalCoder
from infot.objectives.refinement import draw
from infot.ot.schedules import Schedule
from infot.random import Streams

__all__ = ["PrimalPlan", "noise_gate"]

ONSET_RAMP = 0.1  # share of training over which a noise coordinate comes into play
CODER_SAMPLE = 4096  # data points on which the coder's potential is solved
RIGID = 10.0  # relaxation at which frequencies as good as keep the prior
PAIRS = 4  # charts of a datum that are drawn again with gradients, at most, on average


def noise_gate(onsets: Float[Tensor, " d"], progress: float) -> Float[Tensor, " d"]:
    """Return how far each noise coordinate is in play at ``progress``: 0 before its onset, 1 after a short ramp."""
    return ((progress - onsets) / ONSET_RAMP).clamp(0, 1) * (onsets > 0) + (onsets <= 0).float()


class PrimalPlan(Objective):
    r"""Hold the plan as ``π(c, e | x) = r(c | x) q(e | c, x)`` and minimise it together with the generator.

    .. math:: \min_{G, q, r} E_x \sum_c r(c|x) \left( E_q |h(G(c,e))-h(x)|^2
        + \varepsilon KL(q(e|c,x) | \zeta_e) \right) + \varepsilon_c I(c; x), \qquad E_x\, r(c|x) = \zeta_c

    Given generator and encoder, the assignment r solves an entropic problem over codes x batch with both marginals
    fixed; its gradient drops out by the envelope theorem. It is estimated, without bias, from a few codes of each
    datum: a code of probability r is drawn with probability min(1, 4 r). Method, section 6, route 4.

    Where the networks hold a ``prior`` (:class:`~infot.models.priors.LearnedPrior`), that is the prior of the
    categorical blocks, and it follows the frequencies of the batches. Where they place the noise by a law
    (:class:`~infot.models.placed_noise.PlacedGenerator`), it follows the noise of the batches once all of it is in
    play, and the price of the noise is that of leaving the law.

    A continuous code has one or more charts (:class:`~infot.models.charts.Charts`): the assignment chooses the chart,
    the encoder the place within it, as it does for the noise, at prices of their own.

    Args:
        latents: The code, and normal noise.
        cost_scale: Mean of ``|x - x'|²`` over pairs of data, the unit of both epsilons.
        epsilon: Price of a nat through the noise, relative to ``cost_scale``, over progress.
        epsilon_code: Price of a nat through the choice of a chart, relative to ``cost_scale``, over progress.
        epsilons_within: Price of a nat through each coordinate within a chart, relative to ``cost_scale``.
        onsets: Progress at which each noise coordinate comes into play, shape ``(noise_dim,)``; all from the start if
            omitted.
        relaxation: Price of a nat by which the code frequencies of one batch leave the prior, relative to
            ``cost_scale``, over progress; every batch keeps the prior if None. High while codes form, for balance
            keeps them apart, and low afterwards, for classes are of unequal size.
        tolerance: L1 marginal error of the assignment.
        max_steps: Limit on the steps of the assignment's solver.
        ground: Where points are seen (h); the cost is the squared distance there, whatever the ground's own.

    Raises:
        ConfigError: If ``onsets`` has another size than the noise, or ``epsilons_within`` than the charts.
    """

    players = ("model",)

    def __init__(
        self,
        latents: LatentSpace,
        *,
        cost_scale: float,
        epsilon: Schedule,
        epsilon_code: Schedule,
        epsilons_within: Sequence[Schedule] = (),
        onsets: Tensor | None = None,
        relaxation: Schedule | None = None,
        tolerance: float = 1e-2,
        max_steps: int = 100,
        ground: Ground = PIXELS,
    ) -> None:
        self.latents, self.charts = latents, Charts.of(latents.code)
        if len(epsilons_within) != self.charts.n_normals:
            raise ConfigError(
                f"expected a price for each of the {self.charts.n_normals} continuous coordinates of the code, "
                f"got {len(epsilons_within)}"
            )
        self.epsilons_within = tuple(epsilons_within)
        self.onsets = torch.zeros(latents.noise_dim) if onsets is None else onsets
        if self.onsets.shape != (latents.noise_dim,):
            raise ConfigError(
                f"expected {latents.noise_dim} onsets, one a noise coordinate, got {len(self.onsets)}"
            )
        self.cost_scale = cost_scale
        self.epsilon, self.epsilon_code = epsilon, epsilon_code
        self.relaxation = relaxation
        self.tolerance, self.max_steps = tolerance, max_steps
        self.ground = ground

    def parameters_of(self, player: str, nets: nn.ModuleDict) -> list[nn.Parameter]:
        """Return the parameters of generator and encoder, which one optimiser steps."""
        return [*nets["generator"].parameters(), *nets["encoder"].parameters()]

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the transport cost plus the price of the noise under the batch's best assignment, and diagnostics."""
        data = batch.data
        prices, epsilon_code = self.prices(batch.progress, data), self._epsilon_code(batch.progress)
        gate = self._gate(batch.progress, data)
        laws, eye = nets["encoder"](data), self.ground.eye(nets, batch.progress)
        with torch.no_grad():
            scores = score_charts(nets, self.charts, laws, data, prices=prices, gate=gate, eye=eye)
        prior = self._charts(nets).weights.to(scores)
        plan = self._assign(scores, prior, epsilon_code, self._rho(batch.progress))
        rows, picked, weights = _thin(plan.conditional().T, streams("pairs"))
        law = laws.pick(rows, picked)
        latent = law.sample(streams("noise")) * gate
        drawn = draw(nets["generator"], self.charts, picked, latent)
        transport = weights @ (eye(drawn) - eye(data)[rows]).square().sum(1)
        nats = weights @ (law.information() * gate)
        loss = (transport + nats @ prices) / self.cost_scale
        within = nats[: self.charts.n_normals].sum()
        info = {
            "loss": loss,
            "transport_cost": transport,
            "plan_information": plan.mutual_information("latent") + within,
            "noise_information": nats.sum() - within,
            "marginal_error": plan.marginal_error,
            "solver_steps": plan.n_steps,
            "epsilon": prices[-1],
            "epsilon_code": torch.tensor(epsilon_code),
        }
        if "prior" in nets:
            info["code_frequencies"] = plan.problem.row_weights
        if bool((gate == 1).all()):
            info |= find_moments(nets, law, picked, weights)
        info |= self.ground.judge(nets, drawn.detach(), data[rows], weights)
        return loss, {name: value.detach() for name, value in info.items()}

    def follow(self, player: str, nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
        """Move what is learned of the prior and of the ground cost towards what the batch shows.

        Frequencies of charts, law of the noise, sharpness of the ground.
        """
        follow_codes(nets, found)
        follow_noise(nets, found)
        self.ground.follow(nets, found)

    def _charts(self, nets: nn.ModuleDict) -> Charts:
        """Return the charts under the prior that the networks have learned, where they have."""
        return Charts.of(learned_latents(self.latents, nets).code) if "prior" in nets else self.charts

    def prices(self, progress: float, like: Tensor) -> Float[Tensor, " d"]:
        """Return the price of a nat through each coordinate of the code and of the noise, in units of cost."""
        within = [epsilon(progress) for epsilon in self.epsilons_within]
        prices = torch.tensor(within + [self.epsilon(progress)] * len(self.onsets))
        return self.cost_scale * prices.to(like)

    def _epsilon_code(self, progress: float) -> float:
        return self.cost_scale * self.epsilon_code(progress)

    def _gate(self, progress: float, like: Tensor) -> Float[Tensor, " d"]:
        """Return how far each coordinate is in play: those of the code always are."""
        return torch.cat([torch.ones(self.charts.n_normals), noise_gate(self.onsets, progress)]).to(like)

    def _rho(self, progress: float) -> float | None:
        """Return the price of leaving the prior, in units of cost."""
        if self.relaxation is None:
            return None
        return self.cost_scale * self.relaxation(progress)

    def _assign(
        self, scores: Float[Tensor, "k n"], prior: Float[Tensor, " k"], epsilon_code: float, rho: float | None
    ) -> ot.Plan:
        """Assign the batch to codes, as often as the batch seems to hold them, drawn towards the prior."""
        price = RIGID * self.cost_scale if rho is None else rho
        frequencies = ot.relaxed_frequencies(scores, prior, epsilon=epsilon_code, rho=price).to(scores)
        return ot.balanced_assignment(
            scores,
            prior if rho is None else frequencies,
            epsilon=epsilon_code,
            tolerance=self.tolerance,
            max_steps=self.max_steps,
            # The potential of the relaxed problem belongs to the prior; the plan below is written against frequencies.
            start=-price * (frequencies / prior).log()
            if rho is None
            else -(price + epsilon_code) * (frequencies / prior).log(),
            on_failure="return",
        )

    @torch.no_grad()
    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> PrimalCoder:
        """Return a coder at the final prices, balanced on ``data`` (a sample of it, when it is large)."""
        coder = PrimalCoder(
            nets["generator"],
            nets["encoder"],
            charts=self._charts(nets),
            prices=self.prices(1.0, data),
            epsilon_code=self._epsilon_code(1.0),
            eye=self.ground.eye(nets, 1.0),
        )
        order = torch.randperm(len(data), generator=streams("coder"))[:CODER_SAMPLE]
        coder.settle(data[order.to(data.device)], self._rho(1.0))
        return coder


def _thin(
    shares: Float[Tensor, "n k"], rng: torch.Generator
) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"], Float[Tensor, " p"]]:
    """Choose pairs (row, column) with probability ``min(1, PAIRS * share)``; their weights keep every mean of a row.

    Returns:
        Rows, columns, and weights whose expectation over all pairs of a row is its shares over the number of rows.
    """
    chances = (PAIRS * shares).clamp_max(1)
    rows, columns = (torch.rand(shares.shape, generator=rng).to(shares) < chances).nonzero(as_tuple=True)
    return rows, columns, shares[rows, columns] / chances[rows, columns] / len(shares)
