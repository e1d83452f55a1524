"""The factors that images are made from: their names, how many values each has, and draws of them."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from infot.errors import DataError

__all__ = ["FactorSpace"]


@dataclass(frozen=True)
class FactorSpace:
    """Number all combinations of K factors; the last factor changes fastest.

    A combination is a row of int64, with entry k in 0..sizes[k]-1.

    Attributes:
        names: Name of each factor.
        sizes: Number of values of each factor.

    Example:
        >>> space = FactorSpace(("shape", "x"), (3, 4))
        >>> len(space), space.at(torch.tensor([0, 5, 11])).tolist()
        (12, [[0, 0], [1, 1], [2, 3]])
        >>> space.index_of(torch.tensor([[1, 1]]))
        tensor([5])
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.names or len(self.names) != len(self.sizes) or min(self.sizes) < 1:
            raise DataError(
                "expected a name and a positive size for each factor; "
                f"got names {self.names} and sizes {self.sizes}."
            )

    def __len__(self) -> int:
        """Number of combinations."""
        return prod(self.sizes)

    def index_of(self, factors: Tensor) -> Tensor:
        """Return the number of each combination; ``factors`` int64 (n, K), returns int64 (n,).

        Raises:
            DataError: A factor out of range, or an array of another shape or dtype.
        """
        self.check(factors)
        index = torch.zeros(len(factors), dtype=torch.int64, device=factors.device)
        for k, size in enumerate(self.sizes):
            index = index * size + factors[:, k]
        return index

    def at(self, index: Tensor) -> Tensor:
        """Return the combinations with the given numbers; ``index`` int64 (n,), returns int64 (n, K).

        Raises:
            DataError: A number that is not in 0..len-1.
        """
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(self):
            raise DataError(
                f"expected numbers of combinations from 0 to {len(self) - 1}; "
                f"got {int(index.min())} to {int(index.max())}."
            )
        columns: list[Tensor] = []
        for size in reversed(self.sizes):
            columns.append(index % size)
            index = index // size
        return torch.stack(columns[::-1], dim=1)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw ``n`` combinations, all equally likely, with replacement; returns int64 (n, K)."""
        return torch.stack([torch.randint(size, (n,), generator=rng) for size in self.sizes], dim=1)

    def sample_holding(self, factor: int, value: int | Tensor, n: int, rng: torch.Generator) -> Tensor:
        """Draw ``n`` combinations with one factor held and the others free.

        A pair of calls with the same ``value`` (n,) and one ``rng`` gives pairs that share the factor and nothing else.

        Args:
            factor: Which factor to hold, counted from 0.
            value: Its value, one for all or one for each row (n,).
            n: Number of rows.
            rng: Source of randomness.

        Returns:
            Combinations, int64 (n, K).

        Raises:
            DataError: No such factor or value.
        """
        if not 0 <= factor < len(self.sizes):
            raise DataError(
                f"expected a factor from 0 to {len(self.sizes) - 1} ({', '.join(self.names)}); got {factor}."
            )
        factors = self.sample(n, rng)
        factors[:, factor] = value
        self.check(factors)
        return factors

    def check(self, factors: Tensor) -> None:
        """Make sure that ``factors`` are combinations, int64 (n, K), each factor in its range.

        Raises:
            DataError: They are not.
        """
        if factors.dtype != torch.int64 or factors.ndim != 2 or factors.shape[1] != len(self.sizes):
            raise DataError(
                f"expected factors as int64 of shape (n, {len(self.sizes)}), a column for each of "
                f"{', '.join(self.names)}; got {factors.dtype} of shape {tuple(factors.shape)}."
            )
        outside = (factors < 0) | (factors >= torch.tensor(self.sizes, device=factors.device))
        if bool(outside.any()):
            row, k = (int(entry) for entry in outside.nonzero()[0])
            raise DataError(
                f"expected {self.names[k]} from 0 to {self.sizes[k] - 1}; got {int(factors[row, k])} in row {row}."
            )
