"""How well every chart of the code explains every datum."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot.models.charts import Charts
from infot.models.encoders import GaussianNoise
from infot.models.tinted import TintedGenerator
from infot.objectives.ground import FLAT
from infot.objectives.refinement import code_and_noise, draw

__all__ = ["score_charts"]


def score_charts(
    nets: nn.ModuleDict,
    charts: Charts,
    law: GaussianNoise,
    data: Tensor,
    *,
    prices: Float[Tensor, " d"],
    gate: Float[Tensor, " d"],
    eye: nn.Module = FLAT,
) -> Float[Tensor, "k n"]:
    """Score every chart of the code as an explanation of every datum, at the mean of the encoder's law.

    .. math:: A(c, x) = |h(G(c, \\mu_{c,x})) - h(x)|^2 + \\sum_i p_i \\, KL(q(e_i | c, x) | N(0, 1))

    Args:
        nets: Holds ``generator``.
        charts: The charts of the code.
        law: Laws of the code within its chart and of the noise, arrays ``(n, k, d)``.
        data: Data, shape ``(n, *shape)``.
        prices: Price of a nat through each coordinate, in units of cost.
        gate: How far each coordinate is in play, in [0, 1].
        eye: Where points are seen, the h between whose values the cost is measured.
    """
    costs = _costs(nets["generator"], charts, law.mean * gate, data, eye)
    return (costs + law.information() @ (prices * gate)).T


def _costs(
    generator: nn.Module, charts: Charts, latent: Float[Tensor, "n k d"], data: Tensor, eye: nn.Module
) -> Float[Tensor, "n k"]:
    """Return the squared distance of every datum to what every chart draws for it."""
    n, k = len(data), len(charts)
    if isinstance(generator, TintedGenerator) and eye is FLAT:
        # The tint is the first block, so charts that differ in it alone lie k / n_tints apart; they share their laws.
        drawn = k // generator.n_tints
        chart = torch.arange(drawn, device=data.device).repeat(n)
        code, noise = code_and_noise(charts, chart, latent[:, :drawn].flatten(0, 1))
        return generator.distances(code, noise, data).flatten(1)
    chart = torch.arange(k, device=data.device).repeat(n)
    points = draw(generator, charts, chart, latent.flatten(0, 1))
    return (eye(points).view(n, k, -1) - eye(data).unsqueeze(1)).square().sum(-1)
