"""Regularisers whose plans have exact zeros: quadratic, group lasso, cardinality; and the user's own."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.regularisers import Regulariser
from infot.ot.structure import Blocks

__all__ = ["Cardinality", "GroupLasso", "Pointwise", "Quadratic"]

_BISECTIONS = 100


def _mean(values: Tensor, a: Tensor) -> Tensor:
    return (a.unsqueeze(-1) * values).sum(-2)


def _check_gamma(gamma: float) -> None:
    if not 0 < gamma < float("inf"):
        raise ProblemError(f"expected a positive, finite gamma, got {gamma}; it is in units of cost")


@dataclass(frozen=True)
class Quadratic(Regulariser):
    """``gamma / 2 * |density|^2`` in L2 of ``a x b``: a plan with few couplings.

    ``omega(d) = gamma/2 E_a d^2``, ``omega*(s) = E_a max(s, 0)^2 / (2 gamma)``, ``density = max(s, 0) / gamma``
    (Blondel, Seguy, Rolet, "Smooth and sparse optimal transport", arXiv 1710.06276, against the product measure).

    Args:
        gamma: Strength, in units of cost, positive.
    """

    gamma: float

    def __post_init__(self) -> None:
        """Refuse what does not smooth."""
        _check_gamma(self.gamma)

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Return ``gamma/2 E_a d^2`` of every column."""
        return self.gamma / 2 * _mean(density.square(), a)

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``E_a max(s, 0)^2 / (2 gamma)`` of every column."""
        return _mean(slack.clamp_min(0).square(), a) / (2 * self.gamma)

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``max(s, 0) / gamma``."""
        return slack.clamp_min(0) / self.gamma

    def potential(self, score: Tensor, a: Tensor) -> Tensor:
        """Return ``g`` in closed form: the threshold of a weighted projection on the simplex, by sorting."""
        ordered, order = score.sort(dim=-2, descending=True)
        weights = a.unsqueeze(-1).expand_as(score).gather(-2, order)
        candidates = (self.gamma - (weights * ordered).cumsum(-2)) / weights.cumsum(-2)
        inside = (ordered + candidates > 0) & (weights > 0)
        return torch.where(inside, candidates, torch.inf).amin(-2)


@dataclass(frozen=True)
class GroupLasso(Regulariser):
    """A quadratic charge and a norm for each group of rows: whole codes are dropped from a datum.

    ``omega(d) = gamma [(1 - share)/2 E_a d^2 + share sum_c a(c) sqrt(E[d^2 | c])]``; the density of a group is
    ``max(0, 1 - gamma share / N) max(s, 0) / (gamma (1 - share))`` with ``N = sqrt(E[max(s, 0)^2 | c])``.

    Args:
        gamma: Strength, in units of cost, positive.
        share: Share of the norms, in [0, 1).
        blocks: Layout of the rows; the groups are the code values.
    """

    gamma: float
    share: float
    blocks: Blocks

    def __post_init__(self) -> None:
        """Refuse what does not smooth."""
        _check_gamma(self.gamma)
        if not 0 <= self.share < 1:
            raise ProblemError(
                f"expected share in [0, 1), got {self.share}; at 1 nothing smooths within a group"
            )

    def _groups(self, values: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return group weights ``(B, K)``, the values by group, and their root mean square ``(B, K, m)``."""
        weights = a.reshape(a.shape[0], self.blocks.n_codes, self.blocks.n_noise)
        total = weights.sum(-1)
        conditional = weights / total.clamp_min(torch.finfo(a.dtype).tiny).unsqueeze(-1)
        grouped = values.reshape(*weights.shape, -1)
        squares = (conditional.unsqueeze(-1) * grouped.square()).sum(2)
        # the root of nothing is nothing, and so is its derivative: autograd would make that NaN
        some = squares > 0
        return total, grouped, torch.where(some, torch.where(some, squares, 1.0).sqrt(), 0.0)

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Return the charge of every column."""
        total, _, norms = self._groups(density, a)
        weights = total.unsqueeze(-1)
        ridge = (1 - self.share) / 2 * (weights * norms.square()).sum(1)
        return self.gamma * (ridge + self.share * (weights * norms).sum(1))

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``sum_c a(c) max(0, N - gamma share)^2 / (2 gamma (1 - share))`` of every column."""
        total, _, norms = self._groups(slack.clamp_min(0), a)
        excess = (norms - self.gamma * self.share).clamp_min(0)
        return (total.unsqueeze(-1) * excess.square()).sum(1) / (2 * self.gamma * (1 - self.share))

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return the density, zero on whole groups whose slack is too small."""
        _, grouped, norms = self._groups(slack.clamp_min(0), a)
        kept = (1 - self.gamma * self.share / norms.clamp_min(torch.finfo(slack.dtype).tiny)).clamp_min(0)
        return (kept.unsqueeze(2) * grouped).reshape(slack.shape) / (self.gamma * (1 - self.share))


@dataclass(frozen=True)
class Cardinality(Regulariser):
    """A quadratic charge under the rule that a datum couples with at most ``k`` latents.

    ``omega*(s)`` keeps the ``k`` largest terms of the quadratic conjugate (Liu, Puigcerver, Blondel,
    "Sparsity-constrained optimal transport", arXiv 2209.15466). The rule is not convex: solvers find the best dual
    bound, and the plan misses its marginals by what :attr:`Plan.marginal_error` tells where that is not attained: at a
    kink of the dual, where data are torn between sets of latents. No solver can do better: a plan of potentials that
    met its marginals would have the bound as its value, and the best plan under the rule may cost more. Generically at
    most ``n - 1`` data are torn, since that many mixtures make ``n`` rows exact (a basic solution has no more), so with
    ``m`` data of equal weight the error is at most ``2 (n - 1) / m``.

    Args:
        k: How many latents a datum may couple with, at least 1.
        gamma: Strength of the quadratic charge, in units of cost, positive.
    """

    k: int
    gamma: float

    def __post_init__(self) -> None:
        """Refuse rules that leave nothing."""
        _check_gamma(self.gamma)
        if self.k < 1:
            raise ProblemError(f"expected k >= 1, got {self.k}; a datum must couple with something")

    @property
    def strength(self) -> float:
        """None at all: mixtures of plans that keep the rule break it."""
        return -math.inf

    def _kept(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return the positive part of the slack where its term is among the ``k`` largest, zero elsewhere."""
        positive = slack.clamp_min(0)
        terms = a.unsqueeze(-1) * positive.square()
        top = terms.topk(min(self.k, slack.shape[-2]), dim=-2).indices
        return torch.zeros_like(positive).scatter(-2, top, positive.gather(-2, top))

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Return the quadratic charge of every column, infinite where the rule is broken."""
        broken = (density > 0).sum(-2) > self.k
        return torch.where(broken, torch.inf, self.gamma / 2 * _mean(density.square(), a))

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return the ``k`` largest terms of ``E_a max(s, 0)^2 / (2 gamma)`` of every column."""
        return _mean(self._kept(slack, a).square(), a) / (2 * self.gamma)

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``max(s, 0) / gamma`` on the kept latents."""
        return self._kept(slack, a) / self.gamma

    def potential(self, score: Tensor, a: Tensor) -> Tensor:
        """Return ``g``; under equal weights that of the ``k`` largest scores alone, which are kept at every ``g``.

        Under others the latents that are kept change with ``g``, where the mass of a column jumps, perhaps across one.
        """
        if not bool((a == a[:, :1]).all()):
            return super().potential(score, a)
        k = min(self.k, score.shape[-2])
        return Quadratic(self.gamma).potential(score.topk(k, dim=-2).values, a[:, :k])


@dataclass(frozen=True)
class Pointwise(Regulariser):
    """The user's own regulariser ``E_a phi(d)``, given by two functions of the slack that act entry by entry.

    Args:
        conjugate_of: ``phi*(s)``, convex and increasing.
        density_of: its derivative, the density; must reach one for some slack. For gradients of plans, in operations
            that torch can differentiate.

    Example:
        >>> power = Pointwise(lambda s: s.clamp_min(0) ** 3 / 3, lambda s: s.clamp_min(0) ** 2)
        >>> power.density(torch.tensor([[[2.0]]]), torch.ones(1, 1)).item()
        4.0
    """

    conjugate_of: Callable[[Tensor], Tensor]
    density_of: Callable[[Tensor], Tensor]

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Return ``E_a phi(d)``, with ``phi(d) = sup_s s d - phi*(s)`` found by bisection on ``density_of(s) = d``.

        Differentiable once in the density.
        """
        high = torch.ones_like(density)
        for _ in range(_BISECTIONS):
            short = self.density_of(high) < density
            if not bool(short.any()):
                break
            high = torch.where(short, 2 * high, high)
        low = -torch.ones_like(density)
        for _ in range(_BISECTIONS):
            long = self.density_of(low) > density
            if not bool(long.any()):
                break
            low = torch.where(long, 2 * low, low)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            above = self.density_of(middle) > density
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return _mean(high * density - self.conjugate_of(high), a)

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``E_a phi*(s)`` of every column."""
        return _mean(self.conjugate_of(slack), a)

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``density_of(s)``."""
        return self.density_of(slack)
