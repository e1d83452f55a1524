"""Blocks of latent coordinates, each with a prior of its own."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from infot.errors import ConfigError

__all__ = ["Block", "Categorical", "Circle", "Empty", "Normal", "Uniform"]


class Block(ABC):
    """A group of latent coordinates with a prior of its own.

    An encoder describes a value by a *chart*, one of finitely many, and standard normal coordinates within it:
    categorical blocks have charts alone, continuous ones coordinates, circles both.
    """

    @property
    @abstractmethod
    def dim(self) -> int:
        """Width of the block as networks see it."""

    @abstractmethod
    def quantile(self, uniform: Tensor) -> Tensor:
        """Map independent uniforms on (0, 1), shape ``(..., n_uniforms)``, to values of the prior, ``(..., dim)``."""

    @property
    def n_uniforms(self) -> int:
        """Number of uniforms that make one value."""
        return self.dim

    @property
    def n_normals(self) -> int:
        """Number of coordinates within a chart."""
        return self.dim

    def chart_weights(self) -> Tensor:
        """Return the prior over the charts, shape ``(n_charts,)``."""
        return torch.ones(1)

    @abstractmethod
    def place(self, chart: Tensor, normals: Tensor) -> Tensor:
        """Map standard normal coordinates in a chart to values of the prior, differentiably.

        Args:
            chart: Indices of charts, shape ``(n,)``.
            normals: Coordinates, shape ``(n, n_normals)``.

        Returns:
            Values, shape ``(n, dim)``.
        """

    @property
    @abstractmethod
    def n_coordinates(self) -> int:
        """How many numbers tell a value: 1 for a categorical block or an angle, one for each other dimension."""

    def coordinates(self, values: Tensor) -> Tensor:
        """Return the numbers that tell values ``(n, dim)``, shape ``(n, n_coordinates)``; see there."""
        return values

    @abstractmethod
    def centre(self) -> Tensor:
        """Return the value from which the others are looked at, shape ``(dim,)``."""

    @abstractmethod
    def sweeps(self, steps: int) -> Tensor:
        """Return values along each coordinate, from end to end, the other ones at the centre.

        Args:
            steps: Values on a sweep; a categorical block is swept once, over all of its values.

        Returns:
            Shape ``(n_coordinates, steps, dim)``.
        """

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw ``n`` independent values, shape ``(n, dim)``."""
        return self.quantile(_inside(torch.rand(n, self.n_uniforms, generator=rng, dtype=torch.float64)))

    def stratified(self, n: int, rng: torch.Generator, *, groups: int = 1) -> Tensor:
        """Draw ``groups`` Latin hypercubes of ``n`` values each, shape ``(groups, n, dim)``.

        Within a group every coordinate has exactly one value in each of ``n`` slices of equal probability, so the
        group follows the prior as closely as ``n`` points allow; every single value keeps the prior (McKay, Beckman,
        Conover, Technometrics 21(2), 1979).
        """
        shape = (groups, n, self.n_uniforms)
        strata = torch.rand(shape, generator=rng).argsort(dim=1)
        return self.quantile(_inside((strata + torch.rand(shape, generator=rng, dtype=torch.float64)) / n))


@dataclass(frozen=True)
class Categorical(Block):
    """One of ``n`` values, seen by networks as a one-hot vector.

    Args:
        n: Number of values, at least 2.
        weights: Prior probabilities, positive, summing to 1; uniform if omitted.

    Raises:
        ConfigError: If ``n`` < 2 or the weights are no distribution on ``n`` values.
    """

    n: int
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.n < 2:
            raise ConfigError(f"a categorical code needs at least 2 values, got {self.n}")
        if self.weights is None:
            return
        if len(self.weights) != self.n or min(self.weights) <= 0 or abs(sum(self.weights) - 1) > 1e-6:
            raise ConfigError(f"weights must be {self.n} positive numbers that sum to 1, got {self.weights}")

    @property
    def dim(self) -> int:
        return self.n

    def probabilities(self) -> Tensor:
        """Return the prior, shape ``(n,)``."""
        return torch.tensor(self.weights) if self.weights else torch.full((self.n,), 1 / self.n)

    @property
    def n_uniforms(self) -> int:
        return 1

    @property
    def n_normals(self) -> int:
        return 0

    @property
    def n_coordinates(self) -> int:
        return 1

    def coordinates(self, values: Tensor) -> Tensor:
        return values.argmax(dim=1, keepdim=True).to(values)

    def quantile(self, uniform: Tensor) -> Tensor:
        index = torch.searchsorted(self.probabilities().double().cumsum(0), uniform[..., 0].contiguous())
        return torch.nn.functional.one_hot(index.clamp_max(self.n - 1), self.n).float()

    def chart_weights(self) -> Tensor:
        return self.probabilities()

    def centre(self) -> Tensor:
        return torch.eye(self.n)[0]

    def sweeps(self, steps: int) -> Tensor:
        return torch.eye(self.n).unsqueeze(0)

    def place(self, chart: Tensor, normals: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(chart, self.n).to(normals)


@dataclass(frozen=True)
class _Coordinates(Block):
    """``size`` independent coordinates on the line."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(
                f"a {type(self).__name__.lower()} block needs at least 1 dimension, got {self.size}"
            )

    @property
    @abstractmethod
    def reach(self) -> float:
        """How far a sweep goes either way."""

    @property
    def dim(self) -> int:
        return self.size

    @property
    def n_coordinates(self) -> int:
        return self.size

    def centre(self) -> Tensor:
        return torch.zeros(self.size)

    def sweeps(self, steps: int) -> Tensor:
        return torch.einsum("ij,t->itj", torch.eye(self.size), torch.linspace(-self.reach, self.reach, steps))


@dataclass(frozen=True)
class Uniform(_Coordinates):
    """``size`` independent coordinates, uniform on [-1, 1]."""

    @property
    def reach(self) -> float:
        return 0.95  # almost all of the interval

    def quantile(self, uniform: Tensor) -> Tensor:
        return (2 * uniform - 1).float()

    def place(self, chart: Tensor, normals: Tensor) -> Tensor:
        return 2 * torch.special.ndtr(normals) - 1


@dataclass(frozen=True)
class Normal(_Coordinates):
    """``size`` independent standard normal coordinates."""

    @property
    def reach(self) -> float:
        return 2.0  # standard deviations

    def quantile(self, uniform: Tensor) -> Tensor:
        return torch.special.ndtri(uniform).float()

    def place(self, chart: Tensor, normals: Tensor) -> Tensor:
        return normals


@dataclass(frozen=True)
class Circle(Block):
    """An angle, uniform on the circle, seen by networks as its cosine and sine.

    No single chart covers a circle: an encoder that gave one number would have to jump somewhere, and could not search
    the far side. So an angle is told by one of ``sectors`` equal sectors and the place within it.

    Args:
        sectors: Number of charts, at least 2.

    Raises:
        ConfigError: If ``sectors`` < 2.

    Example:
        >>> east, north = Circle(4).place(torch.tensor([0, 1]), torch.zeros(2, 1))
        >>> float(east[0]), float(north[1])
        (1.0, 1.0)
    """

    sectors: int = 4

    def __post_init__(self) -> None:
        if self.sectors < 2:
            raise ConfigError(f"a circle needs at least 2 sectors, got {self.sectors}")

    @property
    def dim(self) -> int:
        return 2

    @property
    def n_uniforms(self) -> int:
        return 1

    @property
    def n_normals(self) -> int:
        return 1

    @property
    def n_coordinates(self) -> int:
        return 1

    def coordinates(self, values: Tensor) -> Tensor:
        """Return the angle in radians, in (-pi, pi]."""
        return torch.atan2(values[:, 1], values[:, 0]).unsqueeze(1)

    def quantile(self, uniform: Tensor) -> Tensor:
        return _on_circle(2 * torch.pi * uniform[..., 0]).float()

    def chart_weights(self) -> Tensor:
        return torch.full((self.sectors,), 1 / self.sectors)

    def centre(self) -> Tensor:
        return torch.tensor([1.0, 0.0])

    def sweeps(self, steps: int) -> Tensor:
        return _on_circle(2 * torch.pi * torch.arange(steps) / steps).unsqueeze(0)

    def place(self, chart: Tensor, normals: Tensor) -> Tensor:
        within = torch.special.ndtr(normals[:, 0]) - 0.5
        return _on_circle(2 * torch.pi / self.sectors * (chart + within))


def _on_circle(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


@dataclass(frozen=True)
class Empty(Block):
    """No coordinates: the noise of a model whose latent is all code."""

    @property
    def dim(self) -> int:
        return 0

    @property
    def n_coordinates(self) -> int:
        return 0

    def quantile(self, uniform: Tensor) -> Tensor:
        return uniform.float()

    def centre(self) -> Tensor:
        return torch.zeros(0)

    def sweeps(self, steps: int) -> Tensor:
        return torch.zeros(0, steps, 0)

    def place(self, chart: Tensor, normals: Tensor) -> Tensor:
        return normals


def _inside(uniform: Tensor) -> Tensor:
    """Keep uniforms off the ends of the unit interval, where quantiles are infinite (beyond 7 standard deviations)."""
    return uniform.clamp(1e-12, 1 - 1e-12)
