"""Regularisers of a plan, each by its value, its conjugate and the density that the conjugate's gradient gives.

A regulariser charges the density ``d = dpi / d(a x b)`` of a plan one column (one datum) at a time:
``Omega(pi) = sum_x b(x) omega(d(., x))``, where ``omega`` may weigh the rows by ``a``. Its conjugate under the weights,
``omega*(s) = sup_d sum_z a(z) s(z) d(z) - omega(d)``, is taken at the slack ``s = f + g - C``. From these the plan, the
dual value and the semi-dual loss are written once for all regularisers.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log, weighted_logsumexp

__all__ = ["Entropic", "Regulariser", "Scaled", "Unregularised", "price", "unscaled"]

_BISECTIONS = 80


class Regulariser(ABC):
    """A convex charge on the density of a plan, column by column; all arrays carry a leading batch axis."""

    @abstractmethod
    def value(self, density: Float[Tensor, "B n m"], a: Float[Tensor, "B n"]) -> Float[Tensor, "B m"]:
        """Return ``omega`` of every column of the density."""

    @abstractmethod
    def conjugate(self, slack: Float[Tensor, "B n m"], a: Float[Tensor, "B n"]) -> Float[Tensor, "B m"]:
        """Return ``omega*`` of every column of the slack."""

    @abstractmethod
    def density(self, slack: Float[Tensor, "B n m"], a: Float[Tensor, "B n"]) -> Float[Tensor, "B n m"]:
        """Return the density at which the supremum of the conjugate is reached."""

    def potential(self, score: Float[Tensor, "B n m"], a: Float[Tensor, "B n"]) -> Float[Tensor, "B m"]:
        """Return the soft c-transform: ``g`` such that every column of ``density(score + g)`` has mass one under ``a``.

        The default finds it by bisection, since the mass grows with ``g``; a closed form overrides it.
        """
        high = -torch.where((a > 0).unsqueeze(-1), score, -torch.inf).amax(dim=-2)
        step = self._unit_step(score)
        low = high - step
        for _ in range(_BISECTIONS):
            too_much = self._mass(score, low, a) > 1
            too_little = self._mass(score, high, a) < 1
            if not bool((too_much | too_little).any()):
                break
            low, high = torch.where(too_much, low - step, low), torch.where(too_little, high + step, high)
            step = step * 2
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            if bool(((middle == low) | (middle == high)).all()):  # no number is left between them
                break
            above = self._mass(score, middle, a) > 1
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return (low + high) / 2

    @property
    def strength(self) -> float:
        """The largest price ``mu`` of a nat at which ``Omega - mu KL(pi | a x b)`` is known to be convex.

        Zero of what is convex and no more, below zero of what is not; minus infinity where none is known.
        """
        return 0.0

    def times(self, factor: float) -> "Regulariser":
        """Return the regulariser with every price multiplied by a positive factor."""
        return Scaled(self, factor)

    def _mass(self, score: Tensor, g: Tensor, a: Tensor) -> Tensor:
        return (a.unsqueeze(-1) * self.density(score + g.unsqueeze(-2), a)).sum(-2)

    def _unit_step(self, score: Tensor) -> Tensor:
        spread, size = score.amax(-2) - score.amin(-2), score.abs().amax(-2)
        return torch.where(spread > 0, spread, torch.where(size > 0, size, 1.0))


@dataclass(frozen=True)
class Entropic(Regulariser):
    """``epsilon * KL(pi | a x b)``: the smoothing of Sinkhorn's algorithm.

    ``omega(d) = epsilon E_a[d log d - d + 1]``, ``omega*(s) = epsilon E_a[exp(s / epsilon) - 1]``,
    ``density = exp(s / epsilon)``.

    Args:
        epsilon: Price of a nat of information between latent and data, in units of cost, positive.

    Raises:
        ProblemError: if ``epsilon`` is not positive.
    """

    epsilon: float

    def __post_init__(self) -> None:
        """Refuse what does not smooth."""
        if not (self.epsilon > 0 and self.epsilon < float("inf")):
            raise ProblemError(
                f"expected a positive, finite epsilon, got {self.epsilon}; it is in units of cost"
            )

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Return ``epsilon E_a[d log d - d + 1]`` of every column."""
        terms = density * safe_log(density) - density + 1
        return self.epsilon * (a.unsqueeze(-1) * terms).sum(-2)

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``epsilon E_a[exp(s / epsilon) - 1]`` of every column."""
        return self.epsilon * (a.unsqueeze(-1) * torch.expm1(slack / self.epsilon)).sum(-2)

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``exp(s / epsilon)``."""
        return torch.exp(slack / self.epsilon)

    def potential(self, score: Tensor, a: Tensor) -> Tensor:
        """Return ``-epsilon log E_a exp(score / epsilon)``."""
        return -self.epsilon * weighted_logsumexp(score / self.epsilon, a.unsqueeze(-1), dim=-2)

    @property
    def strength(self) -> float:
        """The whole price."""
        return self.epsilon

    def times(self, factor: float) -> "Entropic":
        """Return the smoothing at ``factor * epsilon``."""
        return Entropic(self.epsilon * factor)


@dataclass(frozen=True)
class Unregularised(Regulariser):
    """No charge at all: the linear program of Kantorovich, solved by :class:`infot.ot.Exact`."""

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Return zero for every column."""
        return (0 * a.unsqueeze(-1) * density).sum(-2)

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return zero for every column whose slack is nowhere positive, and infinity for the others."""
        highest = torch.where((a > 0).unsqueeze(-1), slack, -torch.inf).amax(-2)
        return torch.where(highest > 0, torch.inf, 0.0).to(slack)

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Refuse: without smoothing potentials do not tell the plan."""
        raise ProblemError("an unregularised plan is not a function of its potentials; use Exact")

    def potential(self, score: Tensor, a: Tensor) -> Tensor:
        """Return the hard c-transform, ``-max score`` over the rows with weight."""
        return -torch.where((a > 0).unsqueeze(-1), score, -torch.inf).amax(-2)

    def times(self, factor: float) -> "Unregularised":
        """Return the same: nothing times a factor is nothing."""
        return self


@dataclass(frozen=True, eq=False)
class Scaled(Regulariser):
    """A regulariser times a factor: ``factor * omega(d)``, ``factor * omega*(s / factor)``, ``density(s / factor)``.

    Solved as the problem of the base at the cost divided by the factor, so every solver of the base takes it.

    Args:
        base: What is scaled.
        factor: By how much, positive; a tensor ``(B,)`` for one factor an item of a batch.
    """

    base: Regulariser
    factor: float | Float[Tensor, " B"]

    def __post_init__(self) -> None:
        """Refuse factors that undo convexity."""
        factor = torch.as_tensor(self.factor)
        if not bool(((factor > 0) & factor.isfinite()).all()):
            raise ProblemError(f"expected a positive, finite factor, got {self.factor}")

    def over(self, x: Tensor) -> Tensor | float:
        """Return the factor in a shape that broadcasts against an array with a batch axis."""
        if not isinstance(self.factor, Tensor):
            return self.factor
        return self.factor.to(x).reshape(-1, *[1] * (x.ndim - 1))

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Return ``factor * omega(d)`` of every column."""
        charge = self.base.value(density, a)
        return self.over(charge) * charge

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return ``factor * omega*(s / factor)`` of every column."""
        conjugate = self.base.conjugate(slack / self.over(slack), a)
        return self.over(conjugate) * conjugate

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Return the base's density at ``s / factor``."""
        return self.base.density(slack / self.over(slack), a)

    def potential(self, score: Tensor, a: Tensor) -> Tensor:
        """Return ``factor * g`` of the base at ``score / factor``."""
        potential = self.base.potential(score / self.over(score), a)
        return self.over(potential) * potential

    @property
    def strength(self) -> float:
        """That of the base times the factor, the least over a batch."""
        factors, strength = torch.as_tensor(self.factor, dtype=torch.float64), self.base.strength
        return min(float(factors.min()) * strength, float(factors.max()) * strength)


def unscaled(regulariser: Regulariser) -> Regulariser:
    """Return what is left of a regulariser without factors."""
    while isinstance(regulariser, Scaled):
        regulariser = regulariser.base
    return regulariser


def price(regulariser: Regulariser, like: Float[Tensor, "*batch n"]) -> float | Tensor:
    """Return the epsilon of an entropic regulariser, with its factors, in a shape that broadcasts against ``like``.

    Raises:
        ProblemError: if the regulariser is not entropic.
    """
    base = unscaled(regulariser)
    if not isinstance(base, Entropic):
        raise ProblemError(f"{type(base).__name__} has no epsilon; only entropic plans have one")
    total: float | Tensor = base.epsilon
    while isinstance(regulariser, Scaled):
        total, regulariser = total * regulariser.over(like), regulariser.base
    return total
