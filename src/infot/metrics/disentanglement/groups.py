"""Codes of data that share a factor: drawn afresh from a renderer, or picked from a sample."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from infot.errors import ProblemError
from infot.metrics.disentanglement.coded import Coded, Represent, represented, sample_factors

__all__ = ["FreshGroups", "Groups", "PooledGroups"]


class Groups(ABC):
    """Where the metrics that hold a factor (FactorVAE, β-VAE) get their codes from.

    Attributes:
        n_factors: Number K of factors.
    """

    n_factors: int

    @classmethod
    @abstractmethod
    def of(cls, represent: Represent, sizes: Sequence[int], data: Coded) -> "Groups":
        """Return the groups of a representation, of which ``data`` is a sample."""

    @abstractmethod
    def holding(
        self, held: Int[np.ndarray, " m"], size: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "m size D"]:
        """Draw m groups of ``size`` codes; in group i all data share one value of factor ``held[i]``.

        Args:
            held: Which factor each group holds.
            size: Data in a group.
            rng: Source of randomness.
        """

    @abstractmethod
    def pairs(
        self, held: Int[np.ndarray, " m"], size: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "m size 2 D"]:
        """Draw m groups of ``size`` pairs; in group i the two of a pair share their value of factor ``held[i]``."""


class FreshGroups(Groups):
    """Draw every group anew from the law of the factors, as published; many data are represented.

    Args:
        represent: Gives the codes of factors.
        sizes: Number of values of each factor.
    """

    def __init__(self, represent: Represent, sizes: Sequence[int]) -> None:
        self.represent = represent
        self.sizes = tuple(sizes)
        self.n_factors = len(self.sizes)

    @classmethod
    def of(cls, represent: Represent, sizes: Sequence[int], data: Coded) -> "FreshGroups":
        """Draw from the renderer; the sample is not used."""
        return cls(represent, sizes)

    def holding(
        self, held: Int[np.ndarray, " m"], size: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "m size D"]:
        """Draw groups; see :meth:`Groups.holding`."""
        factors = sample_factors(self.sizes, len(held) * size, rng).reshape(len(held), size, -1)
        groups = np.arange(len(held))
        factors[groups, :, held] = factors[groups, 0, held][:, None]
        return self._codes(factors)

    def pairs(
        self, held: Int[np.ndarray, " m"], size: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "m size 2 D"]:
        """Draw groups of pairs; see :meth:`Groups.pairs`."""
        factors = sample_factors(self.sizes, len(held) * size * 2, rng).reshape(len(held), size, 2, -1)
        groups = np.arange(len(held))
        factors[groups, :, 1, held] = factors[groups, :, 0, held]
        return self._codes(factors)

    def _codes(self, factors: np.ndarray) -> np.ndarray:
        codes = represented(self.represent, factors.reshape(-1, self.n_factors))
        return codes.reshape(*factors.shape[:-1], -1)


class PooledGroups(Groups):
    """Pick every group from a sample: nothing further is represented, and no renderer is needed.

    A group is drawn without replacement from the data that share a value, so that it is distributed as a fresh one;
    several groups may share data.

    Args:
        data: The sample.
    """

    def __init__(self, data: Coded) -> None:
        self.data = data
        self.n_factors = data.n_factors
        self._order = np.argsort(data.factors, axis=0, kind="stable")
        counts = [np.bincount(factor) for factor in data.factors.T]
        self._starts = [np.concatenate([[0], np.cumsum(count)]) for count in counts]

    @classmethod
    def of(cls, represent: Represent, sizes: Sequence[int], data: Coded) -> "PooledGroups":
        """Pick from the sample; the renderer is not used."""
        return cls(data)

    def holding(
        self, held: Int[np.ndarray, " m"], size: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "m size D"]:
        """Pick groups; see :meth:`Groups.holding`.

        Raises:
            ProblemError: If fewer than ``size`` data share a value that is drawn.
        """
        seeds = rng.integers(self.data.n, size=len(held))
        rows = [self._alike(k, row, size, rng) for k, row in zip(held.tolist(), seeds.tolist(), strict=True)]
        return self.data.codes[np.stack(rows)]

    def pairs(
        self, held: Int[np.ndarray, " m"], size: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "m size 2 D"]:
        """Pick groups of pairs; see :meth:`Groups.pairs`. The two of a pair may be one datum."""
        first = rng.integers(self.data.n, size=(len(held), size))
        second = np.empty_like(first)
        for i, k in enumerate(held):
            values, starts = self.data.factors[first[i], k], self._starts[k]
            second[i] = self._order[rng.integers(starts[values], starts[values + 1]), k]
        return self.data.codes[np.stack([first, second], axis=2)]

    def _alike(self, factor: int, row: int, size: int, rng: np.random.Generator) -> np.ndarray:
        value, starts = int(self.data.factors[row, factor]), self._starts[factor]
        start, end = int(starts[value]), int(starts[value + 1])
        if end - start < size:
            raise ProblemError(
                f"only {end - start} data of the sample have value {value} of factor {factor}, and a group needs "
                f"{size}: give more data, ask for smaller groups or draw them afresh (FreshGroups)"
            )
        return self._order[start + rng.choice(end - start, size, replace=False), factor]
