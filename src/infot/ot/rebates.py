"""Rebates on what parts of the latent carry, and smooth terms of the user's own, on top of any smoothing.

The general form of the method: a smoothing ``Omega`` less ``sum_k lambda_k S(marginal of pi on (block k, data))`` with
S convex. Such a sum has no conjugate in closed form (it would be an inf-convolution), so it is solved by
:class:`infot.ot.PerturbedCostLoop` or :class:`infot.ot.ConditionalGradient`, which replace the term by its tangent, a
perturbation of the ground cost.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log
from infot.ot.regularisers import Regulariser

__all__ = ["Augmented", "ChiSquare", "Composite", "Information", "Rebate", "Rebated"]


_SOLVERS = "use PerturbedCostLoop for Rebated, ConditionalGradient for any"


class Composite(Regulariser, ABC):
    """A base regulariser plus a smooth term that is known by its value and its tangent."""

    base: Regulariser

    @abstractmethod
    def term(self, density: Float[Tensor, "B n m"], a: Float[Tensor, "B n"]) -> Float[Tensor, "B m"]:
        """Return the term of every column."""

    @abstractmethod
    def tangent(self, density: Float[Tensor, "B n m"], a: Float[Tensor, "B n"]) -> Float[Tensor, "B n m"]:
        """Return minus the term's derivative in the density (against ``a``): by how much the cost is lowered."""

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Return base and term of every column."""
        return self.base.value(density, a) + self.term(density, a)

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Refuse: the conjugate of a sum is an inf-convolution."""
        raise ProblemError(f"{type(self).__name__} has no conjugate in closed form; {_SOLVERS}")

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Refuse likewise."""
        raise ProblemError(f"{type(self).__name__} has no density in closed form; {_SOLVERS}")


class Gain(ABC):
    """A convex function of the density of (block, datum), zero at one."""

    @abstractmethod
    def value(self, r: Tensor) -> Tensor:
        """Return the gain, entry by entry."""

    @abstractmethod
    def slope(self, r: Tensor) -> Tensor:
        """Return its derivative."""


@dataclass(frozen=True)
class Information(Gain):
    """``r log r - r + 1``: the mutual information between block and data."""

    def value(self, r: Tensor) -> Tensor:
        """Return ``r log r - r + 1``."""
        return r * safe_log(r) - r + 1

    def slope(self, r: Tensor) -> Tensor:
        """Return ``log r``."""
        return safe_log(r)


@dataclass(frozen=True)
class ChiSquare(Gain):
    """``(r - 1)^2 / 2``: half of Pearson's chi square between block and data."""

    def value(self, r: Tensor) -> Tensor:
        """Return ``(r - 1)^2 / 2``."""
        return (r - 1).square() / 2

    def slope(self, r: Tensor) -> Tensor:
        """Return ``r - 1``."""
        return r - 1


@dataclass(frozen=True)
class Rebate:
    """What a nat through a block is cheaper by.

    Args:
        axes: Axes of the latent grid that make up the block.
        price: The rebate ``lambda``, in units of cost, non-negative.
        gain: How the dependence between block and data is measured.
    """

    axes: tuple[int, ...]
    price: float
    gain: Gain = Information()


@dataclass(frozen=True)
class Rebated(Composite):
    """A smoothing less rebates on the marginals of (block, data), for latents on a product grid.

    Convex for entropic smoothing and information while the prices sum to at most epsilon; otherwise a difference of
    convex functions, solved to a stationary point. :class:`infot.ot.Cardinality` as a base is not convex itself: a turn
    may be a whole solve that stalls, as it may without rebates.

    Args:
        base: The smoothing.
        sizes: Sizes of the latent grid, for instance ``(K_1, K_2, m)``: rows are all combinations, the last fastest.
        rebates: What is cheaper.

    Raises:
        ProblemError: if a rebate names an axis that the grid lacks or has a negative price.
    """

    base: Regulariser
    sizes: tuple[int, ...]
    rebates: tuple[Rebate, ...]

    def __post_init__(self) -> None:
        """Refuse rebates that the grid does not have."""
        for rebate in self.rebates:
            if any(axis not in range(len(self.sizes)) for axis in rebate.axes) or rebate.price < 0:
                raise ProblemError(
                    f"expected rebates on axes 0 to {len(self.sizes) - 1} with prices >= 0, got axes {rebate.axes} "
                    f"and price {rebate.price}"
                )

    @property
    def strength(self) -> float:
        """What the rebates leave of the base's, if all of them are on information; otherwise none is known."""
        if not all(isinstance(rebate.gain, Information) for rebate in self.rebates):
            return -math.inf
        left = self.base.strength - sum(rebate.price for rebate in self.rebates)
        rounding = 1e-12 * self.base.strength  # prices that sum to the base's leave nothing, but for this
        return 0.0 if abs(left) <= rounding else left

    def _marginal(self, density: Tensor, a: Tensor, rebate: Rebate) -> tuple[Tensor, Tensor]:
        """Return block weights and density of (block, datum), with the other axes kept at size one."""
        weights = a.reshape(a.shape[0], *self.sizes, 1)
        others = tuple(1 + axis for axis in range(len(self.sizes)) if axis not in rebate.axes)
        total = weights.sum(others, keepdim=True) if others else weights
        masses = weights * density.reshape(density.shape[0], *self.sizes, density.shape[-1])
        joint = masses.sum(others, keepdim=True) if others else masses
        return total, joint / total.clamp_min(torch.finfo(a.dtype).tiny)

    def term(self, density: Tensor, a: Tensor) -> Tensor:
        """Return minus the rebates of every column."""
        result = density.new_zeros(density.shape[0], density.shape[-1])
        for rebate in self.rebates:
            weights, r = self._marginal(density, a, rebate)
            result = result - rebate.price * (weights * rebate.gain.value(r)).flatten(1, -2).sum(1)
        return result

    def tangent(self, density: Tensor, a: Tensor) -> Tensor:
        """Return the sum of price times slope: what the ground cost is lowered by."""
        result = density.new_zeros(density.shape[0], *self.sizes, density.shape[-1])
        for rebate in self.rebates:
            _, r = self._marginal(density, a, rebate)
            result = result + rebate.price * rebate.gain.slope(r)
        return result.reshape(density.shape)


@dataclass(frozen=True)
class Augmented(Composite):
    """A base regulariser plus a smooth convex term of the user's own.

    Args:
        base: The smoothing.
        term_of: From density ``(B, n, m)`` and row weights ``(B, n)`` to the term of every column, ``(B, m)``.
        slope_of: From the same to its derivative, divided by the row weights, ``(B, n, m)``.
    """

    base: Regulariser
    term_of: Callable[[Tensor, Tensor], Tensor]
    slope_of: Callable[[Tensor, Tensor], Tensor]

    def term(self, density: Tensor, a: Tensor) -> Tensor:
        """Return the user's term of every column."""
        return self.term_of(density, a)

    def tangent(self, density: Tensor, a: Tensor) -> Tensor:
        """Return minus the user's derivative."""
        return -self.slope_of(density, a)
