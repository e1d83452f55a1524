"""How well every chart of the code explains every datum."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot.models.charts import Charts
from infot.models.encoders import GaussianNoise
from infot.objectives.ground import FLAT
from infot.objectives.refinement import draw

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
    n, k = len(data), len(charts)
    chart = torch.arange(k, device=data.device).repeat(n)
    drawn = draw(nets["generator"], charts, chart, (law.mean * gate).flatten(0, 1))
    costs = (eye(drawn).view(n, k, -1) - eye(data).unsqueeze(1)).square().sum(-1)
    return (costs + law.information() @ (prices * gate)).T
