"""The kernel of plain entropic problems: an evaluation is one iteration of Sinkhorn's algorithm."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import exp_flushed, from_loop, largest_exponent, namespace, to_loop
from infot.ot.solvers.anderson import extrapolation_settings
from infot.ot.solvers.compiled.seam import compiled_for
from infot.ot.solvers.kernel import Evaluation, Kernel, Leg, Stage
from infot.ot.status import Status

__all__ = ["CostRows", "FlatKernel", "GivenCost"]


class CostRows(ABC):
    """Costs that can be written out: a matrix that is there, or one that is made from points when it is needed."""

    @abstractmethod
    def exponents(self, f: Any, epsilon: float, out: Any) -> tuple[Any, Any]:
        """Write ``(f - C) / epsilon`` to ``out`` and return ``f / epsilon``.

        Args:
            f: Potential of the rows, an array of inner loops; None takes ``min_x C``.
            epsilon: The price, in units of cost.
            out: Where to write, ``(B, n, m)``, an array of inner loops.

        Returns:
            ``f / epsilon``, ``(B, n)``, and what has been taken off each column already, ``(B, m)``, None if nothing
            has; arrays of inner loops.
        """


class GivenCost(CostRows):
    """A cost matrix that is there.

    Args:
        cost: The costs.
    """

    def __init__(self, cost: Float[Tensor, "B n m"]) -> None:
        self._cost = cost

    def exponents(self, f: Any, epsilon: float, out: Any) -> tuple[Any, None]:
        """Write the exponents in one pass, after one more for the least cost of each row if ``f`` is None."""
        potential = self._cost.amin(-1) if f is None else from_loop(f)
        scaled = potential * (1 / epsilon)
        torch.sub(scaled.unsqueeze(-1), self._cost, alpha=1 / epsilon, out=from_loop(out))
        return to_loop(scaled), None


class FlatKernel(Kernel):
    """Evaluate an entropic problem near an anchor.

    Args:
        costs: The costs.
        a: Weights of the rows, ``(B, n)``, an array of inner loops.
        b: Weights of the columns, ``(B, m)``, likewise.
        epsilon: Price of a nat, in units of cost.
        buffer: Memory for the kernel, ``(B, n, m)``, likewise; it is overwritten.
    """

    def __init__(self, costs: CostRows, a: Any, b: Any, *, epsilon: float, buffer: Any) -> None:
        self.a, self.b = a, b
        self.epsilon = epsilon
        self._costs, self._kernel = costs, buffer
        self._exponents = from_loop(buffer)
        self.matrix = buffer[:, None]
        self._absent = from_loop(a <= 0).unsqueeze(-1) if a.min() <= 0 else None
        self._largest = largest_exponent(self._exponents.dtype)
        self._xp = namespace(a)
        # arrays without axes take half the time of Python's numbers beside small arrays
        self._rate, self._downwards, self._tiny = (
            self._xp.asarray(number, dtype=a.dtype)
            for number in (1 / epsilon, -epsilon, torch.finfo(self._exponents.dtype).tiny)
        )

    def anchor(self, f: Any) -> Any:
        """Absorb a potential; see :meth:`Kernel.anchor`."""
        scaled, soft = self._costs.exponents(f, self.epsilon, self._kernel)
        exponents = self._exponents
        if soft is None:
            held = exponents if self._absent is None else exponents.masked_fill(self._absent, -torch.inf)
            top = held.amax(-2)
            soft = to_loop(top)
            if abs(soft).max() > self._largest / 2:
                exponents.sub_(top.unsqueeze(-2))
            else:  # the largest of every column is within reach: nothing need be taken off
                soft *= 0
        if self._absent is not None:
            exponents.clamp_(max=self._largest)
        exp_flushed(exponents)
        self._soft, self._anchor = soft, scaled
        return scaled * self.epsilon

    def evaluate(self, f: Any, error: Any) -> Evaluation:
        """Evaluate the semi-dual in two products with the kernel."""
        xp, kernel = self._xp, self._kernel
        shift = f * self._rate
        shift -= self._anchor
        if abs(shift).max() > self._largest:
            self.anchor(f)
            shift *= 0
        scaling = xp.exp(shift)
        totals = xp.matmul((self.a * scaling)[:, None], kernel)[:, 0]
        totals += self._tiny
        loads = self.b / totals
        row_mass = xp.matmul(kernel, loads[..., None])[..., 0]
        row_mass *= scaling
        row_mass += self._tiny
        g = xp.log(totals)
        g += self._soft
        g *= self._downwards
        return Evaluation(f, g, row_mass, (scaling[:, None], loads[:, None]))

    def steps(self, now: Evaluation) -> tuple[Any, None]:
        """Return ``-epsilon log(row mass)``: Sinkhorn's half step."""
        step = self._xp.log(now.row_mass)
        step *= self._downwards
        return step, None

    def iterated(self, leg: Leg) -> Stage | None:
        """Return where an extrapolated iteration ends, if there is a compiled loop for it."""
        module = compiled_for(self._kernel, "flat")
        if module is None:
            return None
        a, b, f = (np.ascontiguousarray(x[0]) for x in (self.a, self.b, leg.f))
        number, epsilon = a.dtype.type, self.epsilon
        numbers = tuple(map(number, (epsilon, 1 / epsilon, self._largest, self._tiny)))
        history = module.empty_history(leg.memory, a, extrapolation_settings(np.finfo(a.dtype)))
        watch, progress = module.fresh_watch(), (leg.used, True)
        while True:
            absorbed = self._anchor[0], self._soft[0]
            end, step, f, *found, error = module.iterate(
                self._kernel[0], (a, b), f, absorbed, numbers, history, watch, progress, leg.limits
            )
            if end != module.FAR:
                break
            self.anchor(f[None])
            progress = step, True
        scaling, loads, g, row_mass = found
        factors = scaling[None, None], loads[None, None]
        last = Evaluation(f[None], g[None], row_mass[None], factors)
        otherwise = Status.STALLED if end == module.STALLED else Status.MAX_STEPS
        return Stage(last, self, np.array([error]), np.array([step]), otherwise)
