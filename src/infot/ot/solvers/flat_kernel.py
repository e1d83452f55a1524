"""The kernel of plain entropic problems: an evaluation is one iteration of Sinkhorn's algorithm."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import exp_flushed, from_loop, largest_exponent, namespace, to_loop
from infot.ot.solvers.kernel import Evaluation, Kernel

__all__ = ["CostRows", "FlatKernel", "GivenCost"]


class CostRows(ABC):
    """Costs that can be written out: a matrix that is there, or one that is made from points when it is needed."""

    @abstractmethod
    def exponents(
        self, f: Any, epsilon: float, out: Float[Tensor, "B n m"]
    ) -> tuple[Float[Tensor, "B n"], Float[Tensor, "B m"] | None]:
        """Write ``(f - C) / epsilon`` to ``out`` and return ``f / epsilon``.

        Args:
            f: Potential of the rows, an array of inner loops; None takes ``min_x C``.
            epsilon: The price, in units of cost.
            out: Where to write.

        Returns:
            ``f / epsilon``, and what has been taken off each column already; None if nothing has.
        """


class GivenCost(CostRows):
    """A cost matrix that is there.

    Args:
        cost: The costs.
    """

    def __init__(self, cost: Float[Tensor, "B n m"]) -> None:
        self._cost = cost

    def exponents(self, f: Any, epsilon: float, out: Tensor) -> tuple[Tensor, None]:
        """Write the exponents in one pass, after one more for the least cost of each row if ``f`` is None."""
        potential = self._cost.amin(-1) if f is None else from_loop(f)
        scaled = potential * (1 / epsilon)
        torch.sub(scaled.unsqueeze(-1), self._cost, alpha=1 / epsilon, out=out)
        return scaled, None


class FlatKernel(Kernel):
    """Evaluate an entropic problem near an anchor.

    Args:
        costs: The costs.
        a: Weights of the rows.
        b: Weights of the columns.
        epsilon: Price of a nat, in units of cost.
        buffer: Memory for the kernel, which is overwritten.
    """

    def __init__(
        self,
        costs: CostRows,
        a: Float[Tensor, "B n"],
        b: Float[Tensor, "B m"],
        *,
        epsilon: float,
        buffer: Float[Tensor, "B n m"],
    ) -> None:
        self.a, self.b = to_loop(a), to_loop(b)
        self.epsilon = epsilon
        self._costs, self._buffer = costs, buffer
        self._absent = (a <= 0).unsqueeze(-1) if self.a.min() <= 0 else None
        self._largest = largest_exponent(buffer.dtype)
        self._tiny = torch.finfo(buffer.dtype).tiny
        self._xp = namespace(self.a)

    def anchor(self, f: Any) -> Any:
        """Absorb a potential; see :meth:`Kernel.anchor`."""
        scaled, soft = self._costs.exponents(f, self.epsilon, self._buffer)
        exponents = self._buffer
        if soft is None:
            held = exponents if self._absent is None else exponents.masked_fill(self._absent, -torch.inf)
            soft = held.amax(-2)
            exponents.sub_(soft.unsqueeze(-2))
        if self._absent is not None:
            exponents.clamp_(max=self._largest)
        self.matrix = to_loop(exp_flushed(exponents))[:, None]
        self._soft = to_loop(soft)
        self._anchor = to_loop(scaled)
        return self._anchor * self.epsilon

    def evaluate(self, f: Any, error: Any) -> Evaluation:
        """Evaluate the semi-dual in two products with the kernel."""
        shift = f * (1 / self.epsilon) - self._anchor
        if abs(shift).max() > self._largest:
            self.anchor(f)
            shift = 0 * shift
        scaling = self._xp.exp(shift)
        totals = _left(self.a * scaling, self.matrix)
        totals += self._tiny
        loads = self.b / totals
        row_mass = _right(self.matrix, loads)
        row_mass *= scaling
        g = self._xp.log(totals)
        g += self._soft
        g *= -self.epsilon
        return Evaluation(f, g, row_mass, (scaling[:, None], loads[:, None]))

    def steps(self, now: Evaluation) -> tuple[Any, None]:
        """Return ``-epsilon log(row mass)``: Sinkhorn's half step."""
        step = self._xp.log(now.row_mass + self._tiny)
        step *= -self.epsilon
        return step, None


def _left(rows: Any, matrix: Any) -> Any:
    """Return ``rows @ matrix`` item by item; a single item takes the quicker road of two dimensions."""
    if len(rows) == 1:
        return (rows[0] @ matrix[0, 0])[None]
    return (rows[:, None] @ matrix[:, 0])[:, 0]


def _right(matrix: Any, columns: Any) -> Any:
    """Return ``matrix @ columns``, likewise."""
    if len(columns) == 1:
        return (matrix[0, 0] @ columns[0])[None]
    return (matrix[:, 0] @ columns[..., None])[..., 0]
