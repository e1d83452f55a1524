"""A problem whose regulariser has a factor is the problem at the cost divided by it."""

import torch
from torch import Tensor

from infot.ot.problem import OTProblem
from infot.ot.regularisers import Scaled

__all__ = ["without_factor"]


def without_factor(batch: OTProblem) -> tuple[OTProblem, Tensor | None]:
    """Return the problem at the cost over its regulariser's factor, ``(B, 1)``, whose plan is the same."""
    factor = None
    while isinstance(batch.regulariser, Scaled):
        own = _like(batch.regulariser.factor, batch.cost).reshape(-1, 1)
        own = own.expand(batch.cost.shape[0], 1)
        prices = batch.marginal_prices
        rho = None if prices is None else tuple(_like(price, own).reshape(-1, 1) / own for price in prices)
        cost = batch.cost / own.unsqueeze(-1)
        batch = batch.derived(cost=cost, regulariser=batch.regulariser.base, rho=rho)
        factor = own if factor is None else factor * own
    return batch, factor


def _like(number: float | Tensor, like: Tensor) -> Tensor:
    return torch.as_tensor(number, dtype=like.dtype, device=like.device)
