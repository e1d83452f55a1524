"""Marginals at a price: ``rho_a KL(pi 1 | a) + rho_b KL(pi^T 1 | b)`` in place of equalities.

Here ``KL(p | q) = sum p log(p / q) - p + q``. At the optimum the marginals are ``a exp(-f / rho_a)`` and
``b exp(-g / rho_b)`` (Chizat, Peyre, Schmitzer, Vialard, arXiv 1607.05816), and the dual is
``sum a phi_a(f) + sum b phi_b(g) - epsilon sum a b (exp((f + g - C) / epsilon) - 1)`` with
``phi(f) = -rho (exp(-f / rho) - 1)``, which is ``f`` at infinite rho.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log

__all__ = [
    "Price",
    "Rho",
    "check_rho",
    "departure",
    "gain",
    "inverse_price",
    "relative_target",
    "relaxation",
    "target",
]

Price = float | Tensor
Rho = Price | tuple[Price, Price] | None


def check_rho(rho: Rho, batch: torch.Size) -> tuple[Price, Price] | None:
    """Return the prices of the two sides, or None where both marginals are kept.

    Args:
        rho: One price, or one a side; each is a number, or a tensor with one for every item of the batch.
        batch: Batch axes of the problem.

    Raises:
        ProblemError: if a price is not positive, or a tensor of prices does not fit the batch.
    """
    if rho is None:
        return None
    pair = rho if isinstance(rho, tuple) else (rho, rho)
    prices = [torch.as_tensor(price) for price in pair]
    if len(pair) != 2 or not all(bool((price > 0).all()) for price in prices):
        raise ProblemError(
            f"expected a positive rho, or a pair of them, in units of cost, got {rho}; infinite keeps a marginal"
        )
    for price in prices:
        if price.shape not in (torch.Size(), batch):
            raise ProblemError(
                f"expected a rho, or one for each item of the batch {tuple(batch)}, got {tuple(price.shape)}"
            )
    return None if all(bool((price == math.inf).all()) for price in prices) else pair


def _column(price: Price, like: Tensor) -> Tensor:
    """Return a price as an array that broadcasts against ``(B, n)``."""
    return torch.as_tensor(price, dtype=like.dtype, device=like.device).reshape(-1, 1)


def inverse_price(rho: Price, like: Float[Tensor, "B n"]) -> Float[Tensor, "#B 1"]:
    """Return ``1 / rho``, zero where rho is infinite."""
    return 1 / _column(rho, like)


def relaxation(rho: Price, epsilon: float, like: Float[Tensor, "B n"]) -> Float[Tensor, "#B 1"]:
    """Return ``rho / (rho + epsilon)``, the damping of a soft minimum at a price; one where rho is infinite."""
    return 1 / (1 + epsilon * inverse_price(rho, like))


def target(f: Float[Tensor, "B n"], a: Float[Tensor, "B n"], rho: Price) -> Float[Tensor, "B n"]:
    """Return the marginal that a potential asks for, ``a exp(-f / rho)``; nothing where a weight is zero."""
    return a * relative_target(f, rho)


def relative_target(f: Float[Tensor, "B n"], rho: Price) -> Float[Tensor, "B n"]:
    """Return ``exp(-f / rho)``, kept from overflowing."""
    exponent = -f * inverse_price(rho, f)
    return torch.exp(exponent.clamp_max(0.9 * math.log(torch.finfo(f.dtype).max)))


def gain(f: Float[Tensor, "B n"], rho: Price) -> Float[Tensor, "B n"]:
    """Return ``phi(f) = -rho (exp(-f / rho) - 1)``, and ``f`` where rho is infinite."""
    price = _column(rho, f)
    finite = torch.where(price.isfinite(), price, 1.0)
    return torch.where(price.isfinite(), -finite * torch.expm1(-f / finite), f)


def departure(relative: Float[Tensor, "B n"], a: Float[Tensor, "B n"], rho: Price) -> Float[Tensor, " B"]:
    """Return ``rho KL(a relative | a)``, the masses given relative to the weights.

    Nothing where rho is infinite, for then the marginal error tells.
    """
    price = _column(rho, relative)
    terms = relative * safe_log(relative) - relative + 1
    return torch.where(price.isfinite(), price, 0.0).squeeze(-1) * (a * terms).sum(-1)
