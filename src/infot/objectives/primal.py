"""The primal plan: the transport plan held by an encoder of the noise and a balanced assignment of data to codes."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from infot import ot
from infot.errors import ConfigError
from infot.models.encoders import GaussianNoise
from infot.models.latents import LatentSpace
from infot.objectives.base import Batch, Objective, Partners, PlanCoder
from infot.ot.schedules import Schedule
from infot.random import Streams

__all__ = ["PrimalCoder", "PrimalPlan", "noise_gate", "score_codes"]

ONSET_RAMP = 0.1  # share of training over which a noise coordinate comes into play
CODER_SAMPLE = 4096  # data points on which the coder's potential is solved
CODER_TOLERANCE = 1e-4  # L1 marginal error of that solve
SCORE_CHUNK = 256  # data points scored at once outside training
RIGID = 10.0  # relaxation at which frequencies as good as keep the prior
NEGLIGIBLE = 0.02  # codes of smaller probability give a datum no gradient


def noise_gate(onsets: Float[Tensor, " d"], progress: float) -> Float[Tensor, " d"]:
    """Return how far each noise coordinate is in play at ``progress``: 0 before its onset, 1 after a short ramp."""
    return ((progress - onsets) / ONSET_RAMP).clamp(0, 1) * (onsets > 0) + (onsets <= 0).float()


def score_codes(
    nets: nn.ModuleDict,
    code_values: Float[Tensor, "k code_dim"],
    law: GaussianNoise,
    data: Tensor,
    *,
    epsilon: float,
    gate: Float[Tensor, " d"],
) -> tuple[Float[Tensor, "k n"], Float[Tensor, "k n"]]:
    """Score every code as an explanation of every datum, with the noise at the mean of its law.

    .. math:: A(c, x) = |G(c, \\mu_{c,x}) - x|^2 + \\varepsilon \\, KL(q(e | c, x) | \\zeta_e)

    Args:
        nets: Holds ``generator``.
        code_values: Every value of the code.
        law: Laws of the noise, arrays ``(n, k, d)``.
        data: Data, shape ``(n, *shape)``.
        epsilon: Price of a nat through the noise, in units of cost.
        gate: How far each noise coordinate is in play, in [0, 1].

    Returns:
        The scores A, and the transport costs alone.
    """
    n, k = len(data), len(code_values)
    code = code_values.repeat(n, 1)
    drawn = nets["generator"](code, (law.mean * gate).flatten(0, 1))
    costs = (drawn.view(n, k, -1) - data.reshape(n, 1, -1)).square().sum(-1)
    prices = epsilon * (law.information() @ gate)
    return (costs + prices).T, costs.T


class PrimalPlan(Objective):
    r"""Hold the plan as ``π(c, e | x) = r(c | x) q(e | c, x)`` and minimise it together with the generator.

    .. math:: \min_{G, q, r} E_x \sum_c r(c|x) \left( E_q |G(c,e)-x|^2 + \varepsilon KL(q(e|c,x) | \zeta_e) \right)
        + \varepsilon_c I(c; x), \qquad E_x\, r(c|x) = \zeta_c

    Given generator and encoder, the assignment r solves an entropic problem over codes x batch with both marginals
    fixed; its gradient drops out by the envelope theorem. Only codes of noticeable probability are drawn again with
    gradients. Method, section 6, route 4.

    Args:
        latents: A code of categorical blocks, and normal noise.
        cost_scale: Mean of ``|x - x'|²`` over pairs of data, the unit of both epsilons.
        epsilon: Price of a nat through the noise, relative to ``cost_scale``, over progress.
        epsilon_code: Price of a nat through the code, relative to ``cost_scale``, over progress.
        onsets: Progress at which each noise coordinate comes into play, shape ``(noise_dim,)``; all from the start if
            omitted.
        relaxation: Price of a nat by which the code frequencies of one batch leave the prior, relative to
            ``cost_scale``, over progress; every batch keeps the prior if None. High while codes form, for balance
            keeps them apart, and low afterwards, for classes are of unequal size.
        tolerance: L1 marginal error of the assignment.
        max_steps: Limit on the steps of the assignment's solver.

    Raises:
        ConfigError: If a block of the code is continuous, or ``onsets`` has another size than the noise.
    """

    players = ("model",)

    def __init__(
        self,
        latents: LatentSpace,
        *,
        cost_scale: float,
        epsilon: Schedule,
        epsilon_code: Schedule,
        onsets: Tensor | None = None,
        relaxation: Schedule | None = None,
        tolerance: float = 1e-2,
        max_steps: int = 100,
    ) -> None:
        if latents.n_codes is None:
            raise ConfigError("the primal plan assigns data to code values: use categorical code blocks only")
        self.onsets = torch.zeros(latents.noise_dim) if onsets is None else onsets
        if self.onsets.shape != (latents.noise_dim,):
            raise ConfigError(
                f"expected {latents.noise_dim} onsets, one a noise coordinate, got {len(self.onsets)}"
            )
        self.cost_scale = cost_scale
        self.epsilon, self.epsilon_code = epsilon, epsilon_code
        self.code_values, self.code_weights = latents.code_values(), latents.code_weights()
        self.relaxation = relaxation
        self.tolerance, self.max_steps = tolerance, max_steps

    def parameters_of(self, player: str, nets: nn.ModuleDict) -> list[nn.Parameter]:
        """Return the parameters of generator and encoder, which one optimiser steps."""
        return [*nets["generator"].parameters(), *nets["encoder"].parameters()]

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the transport cost plus the price of the noise under the batch's best assignment, and diagnostics."""
        data = batch.data
        epsilon = self.cost_scale * self.epsilon(batch.progress)
        epsilon_code = self.cost_scale * self.epsilon_code(batch.progress)
        gate = noise_gate(self.onsets, batch.progress).to(data)
        codes = self.code_values.to(data)
        laws = nets["encoder"](data)
        with torch.no_grad():
            scores, _ = score_codes(nets, codes, laws, data, epsilon=epsilon, gate=gate)
        plan = self._assign(scores, epsilon_code, self._rho(batch.progress))
        shares = plan.conditional()
        picked, rows = (shares > NEGLIGIBLE).nonzero(as_tuple=True)
        law = laws.pick(rows, picked)
        drawn = nets["generator"](codes[picked], law.sample(streams("noise")) * gate)
        weights = shares[picked, rows] / len(data)
        transport = weights @ (drawn - data[rows]).flatten(1).square().sum(1)
        information = weights @ (law.information() @ gate)
        loss = (transport + epsilon * information) / self.cost_scale
        info = {
            "loss": loss,
            "transport_cost": transport,
            "plan_information": plan.mutual_information("latent"),
            "noise_information": information,
            "marginal_error": plan.marginal_error,
            "solver_steps": plan.n_steps,
            "epsilon": torch.tensor(epsilon),
            "epsilon_code": torch.tensor(epsilon_code),
        }
        return loss, {name: value.detach() for name, value in info.items()}

    def _rho(self, progress: float) -> float | None:
        """Return the price of leaving the prior, in units of cost."""
        if self.relaxation is None:
            return None
        return self.cost_scale * self.relaxation(progress)

    def _assign(self, scores: Float[Tensor, "k n"], epsilon_code: float, rho: float | None) -> ot.Plan:
        """Assign the batch to codes, as often as the batch seems to hold them, drawn towards the prior."""
        prior = self.code_weights.to(scores)
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
    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> "PrimalCoder":
        """Return a coder at the final prices, balanced on ``data`` (a sample of it, when it is large)."""
        coder = PrimalCoder(
            nets["generator"],
            nets["encoder"],
            code_values=self.code_values.to(data),
            code_weights=self.code_weights.to(data),
            epsilon=self.cost_scale * self.epsilon(1.0),
            epsilon_code=self.cost_scale * self.epsilon_code(1.0),
        )
        order = torch.randperm(len(data), generator=streams("coder"))[:CODER_SAMPLE]
        coder.settle(data[order.to(data.device)], self._rho(1.0))
        return coder


class PrimalCoder(PlanCoder):
    r"""Read codes off the primal plan: ``r(c | x) ∝ ζ_c exp((h_c - A(c, x)) / ε_c)``, with no randomness.

    Args:
        generator: The trained generator.
        encoder: The trained encoder.
        code_values: Every value of the code.
        code_weights: Prior over them.
        epsilon: Price of a nat through the noise, in units of cost.
        epsilon_code: Price of a nat through the code, in units of cost.
    """

    code_values: Tensor
    log_weights: Tensor
    potential: Tensor
    prices: Tensor

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        *,
        code_values: Tensor,
        code_weights: Tensor,
        epsilon: float,
        epsilon_code: float,
    ) -> None:
        super().__init__()
        self.nets = nn.ModuleDict({"generator": generator, "encoder": encoder})
        self.register_buffer("code_values", code_values)
        self.register_buffer("log_weights", code_weights.log())
        self.register_buffer("potential", torch.zeros_like(code_weights))
        self.register_buffer("prices", torch.tensor([epsilon, epsilon_code]).to(code_values))

    @torch.no_grad()
    def settle(self, data: Tensor, rho: float | None) -> None:
        """Solve for the potential h under which ``data`` use the codes as often as the plan allows.

        Args:
            data: Data, shape ``(n, *shape)``.
            rho: Price of a nat by which code frequencies leave the prior, in units of cost; None keeps the prior.
        """
        scores, prior, epsilon_code = self.scores(data), self.log_weights.exp(), float(self.prices[1])
        if rho is None:
            plan = ot.balanced_assignment(
                scores, prior, epsilon=epsilon_code, tolerance=CODER_TOLERANCE, max_steps=2000
            )
            self.potential.copy_(plan.f)
            return
        frequencies = ot.relaxed_frequencies(scores, prior, epsilon=epsilon_code, rho=rho)
        self.potential.copy_(-rho * (frequencies.to(prior) / prior).log())

    @torch.no_grad()
    def scores(self, x: Tensor) -> Float[Tensor, "k n"]:
        """Return A(c, x) of every code and datum, in units of cost."""
        return torch.cat([self._score(chunk)[0] for chunk in x.split(SCORE_CHUNK)], dim=1)

    @torch.no_grad()
    def posterior(self, x: Tensor) -> Float[Tensor, "n k"]:
        """Return r(c | x); see :class:`~infot.objectives.base.Coder`."""
        scores = self.scores(x)
        return torch.softmax(self.log_weights + (self.potential - scores.T) / self.prices[1], dim=1)

    @torch.no_grad()
    def noise(self, x: Tensor) -> tuple[Int[Tensor, " n"], Float[Tensor, "n d"]]:
        """Return the likeliest code of each datum (its index) and the mean of the noise given both."""
        codes = self.posterior(x).argmax(1)
        rows = torch.arange(len(x), device=x.device).split(SCORE_CHUNK)
        means = [
            self.nets["encoder"](x[part]).pick(torch.arange(len(part), device=x.device), codes[part]).mean
            for part in rows
        ]
        return codes, torch.cat(means)

    @torch.no_grad()
    def partners(self, x: Tensor, count: int) -> Partners:
        """Return what each datum's likeliest codes generate at the mean of their noise; see :class:`Partners`."""
        posterior = self.posterior(x)
        mass, codes = posterior.topk(min(count, posterior.shape[1]), dim=1)
        law = self.nets["encoder"](x)
        noise = law.mean[torch.arange(len(x), device=x.device).unsqueeze(1), codes]
        points = self.nets["generator"](self.code_values[codes].flatten(0, 1), noise.flatten(0, 1))
        return Partners(points.view(*codes.shape, *x.shape[1:]), codes, mass)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """Return G(c, e) at each datum's likeliest code and the mean of its noise, shape of ``x``."""
        codes, noise = self.noise(x)
        pairs = zip(self.code_values[codes].split(SCORE_CHUNK), noise.split(SCORE_CHUNK), strict=True)
        return torch.cat([self.nets["generator"](code, part) for code, part in pairs]).view_as(x)

    def _score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        law = self.nets["encoder"](x)
        gate = torch.ones(law.mean.shape[-1]).to(x)
        return score_codes(self.nets, self.code_values, law, x, epsilon=float(self.prices[0]), gate=gate)
