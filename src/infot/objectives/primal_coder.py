"""Codes read off the primal plan."""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from infot import ot
from infot.models.charts import Charts
from infot.models.encoders import GaussianNoise
from infot.objectives.base import Coder, Partners, PlanCoder, Reading
from infot.objectives.chart_scores import score_charts
from infot.objectives.ground import FLAT
from infot.objectives.refinement import draw, refine

__all__ = ["PrimalCoder"]

CODER_TOLERANCE = 1e-4  # L1 marginal error of the solve for the potential
SCORE_CHUNK = 256  # data points scored at once


class PrimalCoder(PlanCoder):
    r"""Read codes off the primal plan: ``r(c | x) ∝ ζ_c exp((h_c - A(c, x)) / ε_c)``, with no randomness.

    Args:
        generator: The trained generator.
        encoder: The trained encoder.
        charts: The charts of the code.
        prices: Price of a nat through each coordinate of the code within its chart and of the noise, units of cost.
        epsilon_code: Price of a nat through the choice of a chart, in units of cost.
        eye: Where points are seen; the cost is the squared distance there.
    """

    code_values: Tensor
    log_weights: Tensor
    potential: Tensor
    prices: Tensor
    epsilon_code: Tensor

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        *,
        charts: Charts,
        prices: Tensor,
        epsilon_code: float,
        eye: nn.Module = FLAT,
    ) -> None:
        super().__init__()
        self.eye = eye
        self.charts = charts
        self.nets = nn.ModuleDict({"generator": generator, "encoder": encoder})
        weights, every = charts.weights.to(prices), torch.arange(len(charts), device=prices.device)
        middle = charts.codes(every, prices.new_zeros(len(charts), charts.n_normals))
        self.register_buffer("code_values", middle)
        self.register_buffer("log_weights", weights.log())
        self.register_buffer("potential", torch.zeros_like(weights))
        self.register_buffer("prices", prices)
        self.register_buffer("epsilon_code", prices.new_tensor(epsilon_code))

    @property
    def routes(self) -> Mapping[str, Coder]:
        """Return the one route there is: the plan is held by the encoder."""
        return {"plan": self, "encoder": self}

    @torch.no_grad()
    def settle(self, data: Tensor, rho: float | None) -> None:
        """Solve for the potential h under which ``data`` use the charts as often as the plan allows.

        Args:
            data: Data, shape ``(n, *shape)``.
            rho: Price of a nat by which frequencies leave the prior, in units of cost; None keeps the prior.
        """
        scores, prior, epsilon_code = self.scores(data), self.log_weights.exp(), float(self.epsilon_code)
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
        """Return A(c, x) of every chart and datum, in units of cost."""
        return torch.cat([self._score(chunk) for chunk in x.split(SCORE_CHUNK)], dim=1)

    @torch.no_grad()
    def posterior(self, x: Tensor) -> Float[Tensor, "n k"]:
        """Return r(c | x) over the charts; see :class:`~infot.objectives.base.Coder`."""
        scores = self.scores(x)
        return torch.softmax(self.log_weights + (self.potential - scores.T) / self.epsilon_code, dim=1)

    @torch.no_grad()
    def read(self, x: Tensor) -> Reading:
        """Return the posterior over the charts and the code: its mean, or where it is continuous its likeliest place.

        The mean of a continuous code over charts would lie between them: half a square's turn, where no square is.
        """
        if self.charts.n_normals == 0:
            return super().read(x)
        posterior, chart, latent = self._likeliest(x)
        return Reading(posterior, self.charts.codes(chart, latent[:, : self.charts.n_normals]))

    @torch.no_grad()
    def laws(self, x: Tensor) -> GaussianNoise | None:
        """Return q(code within the chart | c, x) at the likeliest chart; see :class:`~infot.objectives.base.Coder`."""
        n = self.charts.n_normals
        if n == 0:
            return None
        rows, chart = torch.arange(len(x), device=x.device), self.posterior(x).argmax(1)
        mean, log_std = self.nets["encoder"](x).pick(rows, chart)
        return GaussianNoise(mean[:, :n], log_std[:, :n])

    @torch.no_grad()
    def noise(self, x: Tensor) -> tuple[Int[Tensor, " n"], Float[Tensor, "n d"]]:
        """Return the likeliest chart of each datum (its index) and the likeliest noise given both."""
        _, chart, latent = self._likeliest(x)
        return chart, latent[:, self.charts.n_normals :]

    @torch.no_grad()
    def partners(self, x: Tensor, count: int) -> Partners:
        """Return what each datum's likeliest charts generate at the mean of their law; see :class:`Partners`."""
        posterior = self.posterior(x)
        mass, chart = posterior.topk(min(count, posterior.shape[1]), dim=1)
        latent = self.nets["encoder"](x).mean[torch.arange(len(x), device=x.device).unsqueeze(1), chart]
        points = draw(self.nets["generator"], self.charts, chart.flatten(), latent.flatten(0, 1))
        return Partners(points.view(*chart.shape, *x.shape[1:]), chart, mass)

    @torch.no_grad()
    def plan(self, x: Tensor) -> ot.Plan:
        """Return the plan between charts and ``x``, the cost being the scores A, which hold the part of the noise."""
        problem = ot.OTProblem(
            cost=self.scores(x),
            a=self.log_weights.exp(),
            regulariser=ot.Entropic(float(self.epsilon_code)),
            blocks=ot.Blocks((len(self.code_values), 1)),
        )
        return ot.carried_plan(problem, self.potential)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """Return G(c, e) at each datum's likeliest chart, as near as refinement comes, shape of ``x``."""
        _, chart, latent = self._likeliest(x)
        pairs = zip(chart.split(SCORE_CHUNK), latent.split(SCORE_CHUNK), strict=True)
        return torch.cat([draw(self.nets["generator"], self.charts, *pair) for pair in pairs]).view_as(x)

    def _likeliest(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the posterior, the likeliest chart, and where in it the datum's code and noise are."""
        posterior = self.posterior(x)
        chart = posterior.argmax(1)
        parts = zip(x.split(SCORE_CHUNK), chart.split(SCORE_CHUNK), strict=True)
        return posterior, chart, torch.cat([self._located(*part) for part in parts])

    def _located(self, x: Tensor, chart: Tensor) -> Tensor:
        rows = torch.arange(len(x), device=x.device)
        start = self.nets["encoder"](x).pick(rows, chart).mean
        return refine(self.nets["generator"], self.charts, chart, start, x, self.prices, self.eye)

    def _score(self, x: Tensor) -> Tensor:
        law = self.nets["encoder"](x)
        gate = torch.ones_like(self.prices)
        return score_charts(self.nets, self.charts, law, x, prices=self.prices, gate=gate, eye=self.eye)
