"""The energy distance of batches, with entropic transport as the distance between two of them."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from infot import ot

__all__ = ["BatchEnergy", "batch_energy"]


class BatchEnergy(NamedTuple):
    """The energy distance of two halves of samples and two of data.

    Attributes:
        distance: The distance, differentiable in the points; plans are held.
        transport: Mean transport cost between a half of samples and a half of data.
        plan: The six plans; the first four couple samples with data.
    """

    distance: Float[Tensor, ""]
    transport: Float[Tensor, ""]
    plan: ot.Plan


def batch_energy(
    x: Float[Tensor, "n d"],
    y: Float[Tensor, "n d"],
    *,
    cost: ot.Cost,
    epsilon: float,
    tolerance: float,
    max_steps: int,
) -> BatchEnergy:
    r"""Return the energy distance of independent halves, free of the bias of a batch held against itself.

    .. math:: \tfrac12 [W(x, y) + W(x, y') + W(x', y) + W(x', y')] - W(x, x') - W(y, y')

    where W is the transport cost of the entropic plan. Salimans, Zhang, Radford and Metaxas, arXiv 1803.05573, equation
    7 (there twice this value).

    Args:
        x: Samples, an even number.
        y: Data, as many.
        cost: Ground cost.
        epsilon: Smoothing, in units of cost.
        tolerance: L1 marginal error of each solve.
        max_steps: Limit on the steps of each solve.
    """
    x, other_x = x.chunk(2)
    y, other_y = y.chunk(2)
    pairs = [(x, y), (x, other_y), (other_x, y), (other_x, other_y), (x, other_x), (y, other_y)]
    costs = torch.stack([cost(left, right) for left, right in pairs])
    plan = ot.solve(
        ot.OTProblem(cost=costs.detach(), regulariser=ot.Entropic(epsilon)),
        tolerance=tolerance,
        max_steps=max_steps,
        on_failure="return",  # the reached error is logged with every step
    )
    transport = (plan.matrix() * costs).sum((1, 2))
    return BatchEnergy(transport[:4].sum() / 2 - transport[4:].sum(), transport[:4].mean(), plan)
