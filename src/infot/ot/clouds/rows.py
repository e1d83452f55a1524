"""What every plan between clouds gives that is made a few rows at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.sampling import pairs_at

__all__ = ["CloudRows", "consecutive"]


def consecutive(rows: slice, n: int) -> slice:
    """Return a slice of rows with its ends filled in.

    Raises:
        ProblemError: if the slice has a step or leaves the plan.
    """
    start, stop, step = rows.indices(n)
    if step != 1 or stop <= start:
        raise ProblemError(f"expected consecutive rows of a plan with {n}, got {rows}")
    return slice(start, stop)


class CloudRows(ABC):
    """A plan between clouds by its rows; memory is linear in the points, and everything takes a pass over the plan."""

    problem: CloudProblem
    """The problem as posed."""

    @abstractmethod
    def row_blocks(self) -> Iterator[tuple[slice, Float[Tensor, "*batch r m"]]]:
        """Yield the rows of the plan a few at a time, each block in memory that the next one overwrites."""

    @abstractmethod
    def rows(self, rows: slice) -> Float[Tensor, "*batch r m"]:
        """Return some rows of the plan as a matrix of masses.

        Raises:
            ProblemError: if the slice has a step or leaves the plan.
        """

    def apply(self, v: Float[Tensor, "*batch m k"]) -> Float[Tensor, "*batch n k"]:
        """Return ``pi v``."""
        return torch.cat([block @ v for _, block in self.row_blocks()], -2)

    def apply_transposed(self, u: Float[Tensor, "*batch n k"]) -> Float[Tensor, "*batch m k"]:
        """Return ``pi^T u``."""
        total = u.new_zeros(*self.problem.column_weights.shape, u.shape[-1])
        for rows, block in self.row_blocks():
            total += block.mT @ u[..., rows, :]
        return total

    def marginals(self) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch m"]]:
        """Return the plan's own row and column masses."""
        a, b = self.problem.row_weights.detach(), self.problem.column_weights.detach()
        rows, columns = torch.empty_like(a), torch.zeros_like(b)
        for part, block in self.row_blocks():
            rows[..., part] = block.sum(-1)
            columns += block.sum(-2)
        return rows, columns

    def sample(self, n: int, rng: torch.Generator) -> tuple[Int[Tensor, "*batch n"], Int[Tensor, "*batch n"]]:
        """Draw pairs (row, column) from the plan, in two passes over it: those that :class:`infot.ot.Plan` draws.

        Args:
            n: How many pairs.
            rng: CPU generator that the draws come from.
        """
        batch = self.problem.x.shape[:-2]
        shares = torch.rand(batch.numel(), n, dtype=torch.float64, generator=rng)
        rows, columns = pairs_at(self.row_blocks, shares).reshape(2, *batch, n).to(self.problem.x.device)
        return rows, columns

    def support(self, threshold: float = 1e-3) -> Int[Tensor, "*batch m"]:
        """Return how many rows carry more than a share ``threshold`` of the mass of each column.

        These are the sums of the columns of :meth:`infot.ot.Plan.support`.
        """
        limits = threshold * self.problem.column_weights.detach()
        total = torch.zeros_like(limits, dtype=torch.long)
        for _, block in self.row_blocks():
            total += (block > limits.unsqueeze(-2)).sum(-2)
        return total
