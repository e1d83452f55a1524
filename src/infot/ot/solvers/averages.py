"""A cloud against itself in the kernel domain: averages of the potential with its transform, one product a step.

Between a measure and itself both potentials of the optimal plan are one. With ``K = exp(-C / epsilon)`` and
``s = exp(f / epsilon)``, the symmetric plan ``a_i s_i K_ij s_j a_j`` has the row masses ``a s K (a s)``: one product
gives the residual of the potential, ``-epsilon log(s K (a s))``, and moves it on (:func:`averaging_move`). A second
product, which tells how far a plan with one exact side is off on the other, is worth its time only near the end.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from infot.numerics import exp_flushed, from_loop, inner, largest_exponent, namespace
from infot.ot.solvers.cloud_cost import SelfCost
from infot.ot.solvers.compiled.seam import compiled_for
from infot.ot.solvers.drive import AVERAGING, averaging_move
from infot.ot.solvers.patience import Patience
from infot.ot.status import Status

__all__ = ["Averaged", "SelfKernel", "average"]

_NEAR = 100.0  # the symmetric plan may be off by so many tolerances where one with an exact side is within it
_WATCH, _PATIENCE = 10, 50


@dataclass(frozen=True)
class Averaged:
    """Where averages ended; arrays are those of inner loops.

    Args:
        f: Potential in units of epsilon, ``(B, n)``.
        g: Its transform.
        scaling: ``exp(f)`` relative to the kernel's anchor.
        loads: Weights times ``exp(g)``, likewise, so that columns are exact.
        row_mass: Row masses of the plan between these two, relative to the weights.
        error: L1 error of these, ``(B,)``.
        n_steps: Steps taken.
        otherwise: Why items that did not converge ended.
    """

    f: Any
    g: Any
    scaling: Any
    loads: Any
    row_mass: Any
    error: Any
    n_steps: int
    otherwise: Status


class SelfKernel:
    """The symmetric kernel of a cloud, near an anchor that is absorbed on both sides.

    Args:
        costs: The cost of the cloud to itself.
        a: Weights of the points, all above zero, ``(B, n)``, an array of inner loops.
        epsilon: Price of a nat, in units of cost.
        buffer: Memory for the kernel, ``(B, n, n)``, likewise; it is overwritten.
    """

    def __init__(self, costs: SelfCost, a: Any, *, epsilon: float, buffer: Any) -> None:
        self.a, self.matrix = a, buffer
        self._costs, self._epsilon = costs, epsilon
        self._exponents = from_loop(buffer)
        self._largest = largest_exponent(self._exponents.dtype)
        self._xp = namespace(a)
        self._tiny = self._xp.asarray(torch.finfo(self._exponents.dtype).tiny, dtype=a.dtype)
        self._anchor = self._absorb(None)

    def _absorb(self, f: Any) -> Any:
        """Write the kernel with a potential absorbed, and return it."""
        given = None if f is None else f * self._epsilon
        anchor, _ = self._costs.exponents(given, self._epsilon, self.matrix)
        exp_flushed(self._exponents)
        return anchor

    def masses(self, f: Any) -> tuple[Any, Any]:
        """Return the scaling at a potential and the row masses of its symmetric plan, relative to the weights."""
        scaling = f - self._anchor
        if abs(scaling).max() > self._largest:
            self._anchor = self._absorb(f)
            scaling *= 0
        scaling = self._xp.exp(scaling)
        masses = self._xp.matmul((self.a * scaling)[:, None], self.matrix)[:, 0]
        masses *= scaling
        masses += self._tiny
        return scaling, masses

    def completed(self, scaling: Any, masses: Any) -> tuple[Any, Any]:
        """Return the weights of the columns that make them exact, and the row masses that then result."""
        loads = self.a * scaling
        loads /= masses
        row_mass = self._xp.matmul(self.matrix, loads[..., None])[..., 0]
        row_mass *= scaling
        return loads, row_mass

    def averaged(self, tolerance: float, max_steps: int) -> Averaged | None:
        """Return where averages end, if there is a compiled loop for them."""
        module = compiled_for(self.matrix, "averages")
        if module is None:
            return None
        a = np.ascontiguousarray(self.a[0])
        numbers = tuple(map(a.dtype.type, (self._largest, self._tiny, *AVERAGING)))
        wanted, limits = (float(tolerance), _NEAR * tolerance), (0.0, max_steps, _WATCH, _PATIENCE)
        f, move, watch, progress = np.zeros_like(a), np.empty_like(a), module.fresh_watch(), (0, True)
        while True:
            anchor = self._anchor[0]
            end, step, f, move, residual, *found, error = module.iterate(
                self.matrix[0], a, f, move, anchor, numbers, wanted, watch, progress, limits
            )
            if end != module.FAR:
                break
            self._anchor = self._absorb(f[None])
            progress = step, True
        scaling, loads, row_mass = (x[None] for x in found)
        otherwise = Status.STALLED if end == module.STALLED else Status.MAX_STEPS
        g = (f + residual)[None]
        return Averaged(f[None], g, scaling, loads, row_mass, np.array([error]), step, otherwise)


def average(kernel: SelfKernel, *, tolerance: float, max_steps: int) -> Averaged:
    """Average until the rows of the plan with exact columns are within the tolerance.

    Args:
        kernel: The kernel.
        tolerance: L1 error to reach.
        max_steps: Limit on the steps.
    """
    ended = kernel.averaged(tolerance, max_steps)
    if ended is not None:
        return ended
    a, patience, otherwise = kernel.a, Patience(_PATIENCE), Status.MAX_STEPS
    f, move, step = 0 * a, None, 0
    log = namespace(a).log
    # what leaves the finite numbers is seen in the error and told by the status
    with np.errstate(all="ignore"):
        while True:
            step += 1
            scaling, masses = kernel.masses(f)
            error = _error(masses, a)
            worst = _worst(error)
            over = step == max_steps or not worst < float("inf")
            if step % _WATCH == 0 and patience.exhausted(error):
                over, otherwise = True, Status.STALLED
            residual = log(masses)
            residual *= -1
            # where the plan is almost a permutation, the first one may be optimal already
            if over or step == 1 or worst <= _NEAR * tolerance:
                loads, row_mass = kernel.completed(scaling, masses)
                error = _error(row_mass, a)
                if over or _worst(error) <= tolerance:
                    g = f + residual
                    return Averaged(f, g, scaling, loads, row_mass, error, step, otherwise)
            move = averaging_move(residual, move)
            f = f + move


def _error(masses: Any, a: Any) -> Any:
    """Return the L1 error of masses that are given relative to the weights, ``(B,)``."""
    return inner(abs(masses - 1), a)


def _worst(error: Any) -> float:
    return float(error[0]) if len(error) == 1 else float(error.max())
