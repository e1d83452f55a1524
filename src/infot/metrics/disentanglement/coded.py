"""Representations beside the factors they were made from: what every metric of disentanglement is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from infot.errors import ProblemError
from infot.metrics.base import Array, as_array

__all__ = ["Coded", "Represent", "represented", "sample_factors"]

Represent = Callable[[np.ndarray], Array]
"""Give factors, int64 (n, K), and get the representation of the data made from them, (n, D)."""

ROWS = 8192
"""Most rows that a representation is asked for at once: images are rendered behind it."""


@dataclass(frozen=True, eq=False)
class Coded:
    """Codes of data whose factors are known.

    Args:
        codes: Representation of each datum, shape (n, D): numbers, such as the means of an encoder. A categorical
            code counts as one dimension, the index of its value.
        factors: Factors of each datum as classes, whole numbers from 0, shape (n, K); each takes two values or more.

    Raises:
        ProblemError: If the lengths differ, values are not finite, factors are no classes, or one is constant.

    Example:
        >>> data = Coded(np.array([[0.1], [0.9]]), np.array([[0, 1], [1, 0]]))
        >>> data.n, data.n_codes, data.n_factors
        (2, 1, 2)
    """

    codes: np.ndarray
    factors: np.ndarray

    def __post_init__(self) -> None:
        codes = as_array(self.codes, "codes", ndim=2)
        factors = as_array(self.factors, "factors", ndim=2)
        if len(codes) != len(factors):
            raise ProblemError(f"codes and factors must have one length, got {len(codes)} and {len(factors)}")
        if (factors < 0).any() or (factors != np.floor(factors)).any():
            raise ProblemError(
                "factors must hold whole numbers from 0, the class of each factor, "
                f"got values in [{factors.min()}, {factors.max()}]"
            )
        constant = np.flatnonzero((factors == factors[0]).all(axis=0))
        if len(constant):
            raise ProblemError(
                f"factor {constant[0]} has the same value in all {len(factors)} data: leave it out"
            )
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "factors", factors.astype(np.int64))

    @property
    def n(self) -> int:
        """Number of data."""
        return len(self.codes)

    @property
    def n_codes(self) -> int:
        """Number D of code dimensions."""
        return self.codes.shape[1]

    @property
    def n_factors(self) -> int:
        """Number K of factors."""
        return self.factors.shape[1]

    @classmethod
    def draw(cls, represent: Represent, sizes: Sequence[int], n: int, rng: np.random.Generator) -> "Coded":
        """Represent data of independent, uniformly drawn factors.

        Args:
            represent: The representation.
            sizes: Number of values of each factor.
            n: How many data.
            rng: Source of randomness.
        """
        factors = sample_factors(sizes, n, rng)
        return cls(represented(represent, factors), factors)


def sample_factors(sizes: Sequence[int], n: int, rng: np.random.Generator) -> Int[np.ndarray, "n K"]:
    """Draw ``n`` rows of independent factors, factor k uniform on 0 … sizes[k] − 1.

    Raises:
        ProblemError: If a factor has fewer than two values.
    """
    if len(sizes) == 0 or min(sizes) < 2:
        raise ProblemError(f"expected factors of at least 2 values each, got sizes {tuple(sizes)}")
    return rng.integers(np.asarray(sizes), size=(n, len(sizes)))


def represented(represent: Represent, factors: Int[np.ndarray, "n K"]) -> Float[np.ndarray, "n D"]:
    """Return the representation of many factors, a few thousand at a time.

    Raises:
        ProblemError: If the representation has another length, or is not finite.
    """
    parts = []
    for start in range(0, len(factors), ROWS):
        part = factors[start : start + ROWS]
        codes = as_array(represent(part), "codes", ndim=2)
        if len(codes) != len(part):
            raise ProblemError(f"represent must give a code for each of {len(part)} rows, got {codes.shape}")
        parts.append(codes)
    return np.concatenate(parts)
