"""Refinement of an encoder's answer: descend on what the plan pays for a datum, from where the encoder puts it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from infot.models.charts import Charts
from infot.objectives.ground import FLAT

__all__ = ["code_and_noise", "draw", "refine"]

STEPS = 40
RATE = 0.05  # first step of a coordinate, in standard deviations of the prior; falls linearly to 0
DECAYS = (0.9, 0.999)  # Adam's, for each coordinate of each datum by itself
TINY = 1e-12  # of a gradient, in units of cost


def draw(
    generator: nn.Module, charts: Charts, chart: Int[Tensor, " n"], latent: Float[Tensor, "n d"]
) -> Tensor:
    """Generate from the coordinates of the code within its chart, and the noise, side by side in ``latent``."""
    return generator(*code_and_noise(charts, chart, latent))


def code_and_noise(
    charts: Charts, chart: Int[Tensor, " n"], latent: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, "n code_dim"], Float[Tensor, "n noise_dim"]]:
    """Return the code and the noise whose coordinates within ``chart`` stand side by side in ``latent``."""
    normals, noise = latent.split([charts.n_normals, latent.shape[1] - charts.n_normals], dim=1)
    return charts.codes(chart, normals), noise


def refine(
    generator: nn.Module,
    charts: Charts,
    chart: Int[Tensor, " n"],
    latent: Float[Tensor, "n d"],
    data: Tensor,
    prices: Float[Tensor, " d"],
    eye: nn.Module = FLAT,
) -> Float[Tensor, "n d"]:
    """Lower ``|h(G(c, e)) - h(x)|² + Σ_i p_i e_i² / 2`` by Adam, each datum by itself, from the encoder's mean.

    An encoder spreads one answer over all data; where a thing lies and how it is turned can be told more sharply by
    looking at the datum at hand (semi-amortised inference, Kim et al., arXiv 1802.02550). No datum ends dearer than it
    started.

    Args:
        generator: Draws data from code and noise.
        charts: The charts of the code.
        chart: Chart of each datum.
        latent: Where to start, the code within its chart and the noise side by side.
        data: Data, shape ``(n, *shape)``.
        prices: Price of a nat through each coordinate, in units of cost.
        eye: Where points are seen, the h between whose values the cost is measured.
    """
    seen = eye(data)
    first, second = torch.zeros_like(latent), torch.zeros_like(latent)
    here, best = latent.clone(), latent.clone()
    lowest = torch.full((len(latent),), torch.inf).to(latent)
    for step in range(STEPS + 1):
        with torch.enable_grad():
            here = here.requires_grad_()
            drawn = draw(generator, charts, chart, here)
            paid = (eye(drawn) - seen).square().sum(1) + here.square() @ prices / 2
            (slope,) = torch.autograd.grad(paid.sum(), here)
        here = here.detach()
        better = paid.detach() < lowest
        best[better], lowest = here[better], torch.where(better, paid.detach(), lowest)
        first = DECAYS[0] * first + (1 - DECAYS[0]) * slope
        second = DECAYS[1] * second + (1 - DECAYS[1]) * slope.square()
        rate = RATE * (1 - step / STEPS) / (1 - DECAYS[0] ** (step + 1))
        here = here - rate * first / ((second / (1 - DECAYS[1] ** (step + 1))).sqrt() + TINY)
    return best
