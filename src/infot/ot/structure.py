"""The structured regulariser: entropic smoothing with a rebate on the information that the code carries.

With blocks ``z = (c, e)`` the charge is ``epsilon I(e; x | c) + epsilon_code I(c; x)``; with ordered blocks
``z = (c_1, ..., c_d, e)`` it is ``sum_k epsilon_k I(c_k; x | c_<k) + epsilon I(e; x | c)``. Both are solved exactly by
a nested soft minimum (method, sections 2 to 4).
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log, weighted_logsumexp
from infot.ot.regularisers import Entropic, Regulariser

__all__ = ["Blocks", "Nest", "Structured", "check_axes"]


@dataclass(frozen=True)
class Blocks:
    """How the rows of a cost are laid out: code values times noise draws, the noise running fastest.

    Args:
        code: ``(K, m)`` for K codes with m noise draws each, row ``k * m + j``; ``(K_1, ..., K_d, m)`` for d ordered
            code blocks, nested: each value of a block has its own draws of the blocks after it.

    Raises:
        ProblemError: if there are fewer than two sizes or one is not positive.

    Example:
        >>> Blocks(code=(10, 25)).n_rows
        250
    """

    code: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse layouts that are none."""
        if len(self.code) < 2 or any(size < 1 for size in self.code):
            raise ProblemError(f"expected at least two positive sizes (codes, noise draws), got {self.code}")

    @property
    def n_rows(self) -> int:
        """Number of latents."""
        return math.prod(self.code)

    @property
    def n_codes(self) -> int:
        """Number of code values, over all code blocks."""
        return math.prod(self.code[:-1])

    @property
    def n_noise(self) -> int:
        """Number of noise draws for each code value."""
        return self.code[-1]

    def of_rows(self, device: torch.device | None = None) -> Int[Tensor, " n"]:
        """Return the code of every row.

        Example:
            >>> Blocks(code=(2, 3)).of_rows().tolist()
            [0, 0, 0, 1, 1, 1]
        """
        return torch.arange(self.n_rows, device=device) // self.n_noise

    def check_first(self, axes: tuple[int, ...]) -> None:
        """Make sure that axes are the first ones of the layout, in any order.

        Raises:
            ProblemError: if they are not, or are no axes.
        """
        check_axes(axes, len(self.code))
        if sorted(axes) != list(range(len(axes))):
            raise ProblemError(
                f"expected the first axes, (0, ..., k), got {axes}: in blocks {self.code} each value has its own "
                "draws of what comes after it, so a later block means nothing alone"
            )


def check_axes(axes: tuple[int, ...], count: int) -> None:
    """Make sure that axes name a block of a latent grid.

    Raises:
        ProblemError: if they do not.
    """
    if len(set(axes)) < len(axes) or any(axis not in range(count) for axis in axes):
        raise ProblemError(f"expected distinct axes from 0 to {count - 1}, got {axes}")


@dataclass(frozen=True)
class Nest:
    """Weights and temperatures of a nested soft minimum, outermost block first.

    Args:
        sizes: Sizes of the code blocks, outermost first; empty for plain smoothing.
        epsilons: Price of a nat through each code block.
        epsilon: Price of a nat through the noise.
        conditionals: For each code block its weights given the blocks before it, ``(B, K_1, ..., K_k)``; those of the
            first block sum to the total weight, which is one where marginals are kept.
        noise: Weights of the noise given the code, ``(B, K, n / K)``.
        code_weights: Weights of the codes, ``(B, K)``.
    """

    sizes: tuple[int, ...]
    epsilons: tuple[float, ...]
    epsilon: float
    conditionals: tuple[Tensor, ...]
    noise: Float[Tensor, "B K m"]
    code_weights: Float[Tensor, "B K"]

    @classmethod
    def of(
        cls, regulariser: "Entropic | Structured", a: Float[Tensor, "B n"], blocks: Blocks | None = None
    ) -> "Nest":
        """Split the weights of the latents along the blocks of a regulariser.

        Args:
            regulariser: Entropic or structured.
            a: Weights of the latents.
            blocks: Codes of an entropic problem, which then cost the same as the noise.
        """
        if isinstance(regulariser, Structured):
            sizes, epsilons, epsilon = (
                regulariser.blocks.code,
                regulariser.epsilons_code,
                regulariser.base.epsilon,
            )
        elif blocks is not None:
            sizes, epsilons, epsilon = (
                (blocks.n_codes, blocks.n_noise),
                (regulariser.epsilon,),
                regulariser.epsilon,
            )
        else:
            return cls((), (), regulariser.epsilon, (), a.unsqueeze(1), a.sum(-1, keepdim=True))
        levels = [a.reshape(-1, *sizes)]
        conditionals = []
        for size in reversed(sizes[1:]):
            total = levels[-1].sum(-1, keepdim=True)
            absent = total <= 0
            shares = levels[-1] / total.masked_fill(absent, 1.0)
            conditionals.append(shares.masked_fill(absent, 1 / size))
            levels.append(total.squeeze(-1))
        conditionals.append(levels[-1])
        noise, codes = conditionals[0].flatten(1, -2), levels[1].flatten(1)
        return cls(sizes[:-1], epsilons, epsilon, tuple(reversed(conditionals[1:])), noise, codes)

    def scaled(self, factor: float) -> "Nest":
        """Return the nest at a multiple of all prices."""
        prices = tuple(factor * price for price in self.epsilons)
        return replace(self, epsilon=factor * self.epsilon, epsilons=prices)

    @property
    def n_codes(self) -> int:
        """Number of code values."""
        return math.prod(self.sizes)

    @property
    def damping(self) -> float:
        """The smallest price of a nat: the step of the contraction on the latent potentials."""
        return min((*self.epsilons, self.epsilon))

    def outer(self, soft: Float[Tensor, "B K m"]) -> tuple[Float[Tensor, "B m"], Float[Tensor, "B K m"]]:
        """Return ``g`` and the log-density of (code, datum), from the soft maximum over the noise ``S = -A``.

        ``S_(k-1) = epsilon_k log E exp(S_k / epsilon_k)``, ``g = -S_0``, and the log-density is the sum of
        ``(S_k - S_(k-1)) / epsilon_k``.
        """
        batch, _, n_data = soft.shape
        if len(self.sizes) == 1:
            scaled = soft / self.epsilons[0]
            top = weighted_logsumexp(scaled, self.conditionals[0].unsqueeze(-1), dim=1)
            return -self.epsilons[0] * top, scaled - top.unsqueeze(1)
        if not self.sizes:
            return -soft.squeeze(1), torch.zeros_like(soft)
        level = soft.reshape(batch, *self.sizes, n_data)
        log_density = torch.zeros_like(level)
        for depth in range(len(self.sizes), 0, -1):
            epsilon, weights = self.epsilons[depth - 1], self.conditionals[depth - 1].unsqueeze(-1)
            above = epsilon * weighted_logsumexp(level / epsilon, weights, dim=depth)
            part = (level - above.unsqueeze(depth)) / epsilon
            log_density = log_density + part.reshape(
                *part.shape[:-1], *[1] * (len(self.sizes) - depth), n_data
            )
            level = above
        return -level, log_density.reshape(batch, -1, n_data)

    def inner(self, score: Float[Tensor, "B n m"]) -> Float[Tensor, "B K m"]:
        """Return the soft maximum over the noise, ``S = epsilon log E_e exp(score / epsilon)``."""
        batch, n_rows, n_data = score.shape
        grouped = score.reshape(batch, self.n_codes, n_rows // self.n_codes, n_data)
        return self.epsilon * weighted_logsumexp(grouped / self.epsilon, self.noise.unsqueeze(-1), dim=2)


@dataclass(frozen=True)
class Structured(Regulariser):
    """``epsilon I(e; x | c) + epsilon_code I(c; x)``: information through the code is cheaper than through the noise.

    Args:
        base: The smoothing, whose epsilon is the price of a nat through the noise.
        blocks: The layout of the latents.
        epsilon_code: Price of a nat through the code, in units of cost: a number, or one for each ordered code
            block. Above zero every solver takes it; zero and below (information rewarded) are solved by
            :class:`PerturbedCostLoop`.

    Raises:
        ProblemError: if the base is not Entropic, a price exceeds its epsilon or their number does not fit the blocks.
    """

    base: Entropic
    blocks: Blocks
    epsilon_code: float | tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse other bases, prices that the blocks do not have or that make information dearer through the code."""
        if not isinstance(self.base, Entropic):
            raise ProblemError(
                f"Structured takes an Entropic base, got {type(self.base).__name__}; Rebated takes any base"
            )
        prices = self.epsilons_code
        if len(prices) != len(self.blocks.code) - 1:
            raise ProblemError(
                f"expected {len(self.blocks.code) - 1} values of epsilon_code for blocks {self.blocks.code}, "
                f"got {self.epsilon_code}"
            )
        limits = (*prices, self.base.epsilon)
        if any(not low <= high for low, high in pairwise(limits)):
            raise ProblemError(
                f"expected epsilon_code to rise from block to block up to epsilon={self.base.epsilon}, "
                f"got {self.epsilon_code}; information through the code must not be dearer"
            )

    @property
    def epsilons_code(self) -> tuple[float, ...]:
        """Price of a nat through each code block, outermost first."""
        return self.epsilon_code if isinstance(self.epsilon_code, tuple) else (self.epsilon_code,)

    @property
    def convex(self) -> bool:
        """Whether the nested soft minimum applies: every price above zero."""
        return min(self.epsilons_code) > 0

    @property
    def strength(self) -> float:
        """The smallest price of a nat: the rest is convex in the plan."""
        return min(self.epsilons_code)

    def times(self, factor: float) -> "Structured":
        """Return the regulariser with every price multiplied by ``factor``."""
        prices = tuple(factor * price for price in self.epsilons_code)
        return Structured(self.base.times(factor), self.blocks, prices)

    def with_share(self, share: float) -> "Structured":
        """Return the regulariser with only a share of the rebates: 0 makes every block as dear as the noise.

        Example:
            >>> Structured(Entropic(2.0), Blocks(code=(2, 3)), epsilon_code=1.0).with_share(0.5).epsilons_code
            (1.5,)
        """
        full = self.base.epsilon
        return replace(
            self, epsilon_code=tuple(full - share * (full - price) for price in self.epsilons_code)
        )

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Return the charge of every column, with the terms of its mass that make it zero at density one.

        A column's mass is charged at the price of the outermost block.
        """
        nest = Nest.of(self, a)
        grouped = density.reshape(density.shape[0], nest.n_codes, -1, density.shape[-1])
        level = (nest.noise.unsqueeze(-1) * grouped).sum(2)
        informed = nest.noise.unsqueeze(-1) * grouped * (safe_log(grouped) - safe_log(level).unsqueeze(2))
        weights = a.reshape(a.shape[0], nest.n_codes, -1).sum(-1).unsqueeze(-1)
        total = nest.epsilon * (weights * informed.sum(2)).sum(1)
        level = level.reshape(level.shape[0], *nest.sizes, level.shape[-1])
        outside = weights.reshape(level.shape[0], *nest.sizes, 1)
        for depth in range(len(nest.sizes), 0, -1):
            share = nest.conditionals[depth - 1].unsqueeze(-1)
            above = (share * level).sum(depth)
            informed = level * (safe_log(level) - safe_log(above).unsqueeze(depth))
            total = total + nest.epsilons[depth - 1] * (outside * informed).flatten(1, -2).sum(1)
            level, outside = above, outside.sum(depth)
        return total + nest.epsilons[0] * (level * safe_log(level) - level + outside)

    def tangent(self, density: Float[Tensor, "B n m"], a: Float[Tensor, "B n"]) -> Float[Tensor, "B K m"]:
        """Return what the rebates lower the cost of (code, datum) by, at the plan of this density.

        ``sum_k epsilon_k I(c_k; x | c_<k) + epsilon I(e; x | c)`` is ``epsilon I(z; x)`` less, for each depth k, the
        rise of the price after it times ``I(c_<=k; x)``; the tangent sums rise times log-density.
        """
        nest = Nest.of(self, a)
        grouped = density.reshape(density.shape[0], nest.n_codes, -1, density.shape[-1])
        level = (nest.noise.unsqueeze(-1) * grouped).sum(2).reshape(-1, *nest.sizes, density.shape[-1])
        prices = (*self.epsilons_code, self.base.epsilon)
        total = torch.zeros_like(level)
        for depth in range(len(nest.sizes), 0, -1):
            rise = prices[depth] - prices[depth - 1]
            ones = [1] * (len(nest.sizes) - depth)
            total = total + rise * safe_log(level).reshape(*level.shape[:-1], *ones, level.shape[-1])
            level = (nest.conditionals[depth - 1].unsqueeze(-1) * level).sum(depth)
        return total.flatten(1, -2)

    def _soft(self, slack: Tensor, a: Tensor) -> tuple[Nest, Tensor, Tensor, Tensor]:
        nest = Nest.of(self, a)
        soft = nest.inner(slack)
        return nest, soft, *nest.outer(soft)

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``epsilon_code (exp(-g / epsilon_code) - 1)`` with ``g`` the nested soft minimum of every column.

        Where marginals have a price, the total of ``a`` stands for the 1.
        """
        nest, _, g, _ = self._soft(slack, a)
        return nest.epsilons[0] * (torch.expm1(-g / nest.epsilons[0]) + (1 - a.sum(-1, keepdim=True)))

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return the density of (latent, datum): code against datum, times noise given the code."""
        nest, soft, g, log_density = self._soft(slack, a)
        outer = log_density - g.unsqueeze(1) / nest.epsilons[0]
        grouped = slack.reshape(slack.shape[0], nest.n_codes, -1, slack.shape[-1])
        log_all = outer.unsqueeze(2) + (grouped - soft.unsqueeze(2)) / nest.epsilon
        return log_all.exp().reshape(slack.shape)

    def potential(self, score: Tensor, a: Tensor) -> Tensor:
        """Return the nested soft minimum ``g`` of every column."""
        return self._soft(score, a)[2]
