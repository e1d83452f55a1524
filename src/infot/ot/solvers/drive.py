"""From an evaluation to the next potential: accelerated steps, or averages for a measure against itself."""

from abc import ABC, abstractmethod
from typing import Any

from infot.numerics import inner, namespace
from infot.ot.solvers.anderson import Anderson
from infot.ot.solvers.kernel import Evaluation, Kernel

__all__ = ["AVERAGING", "FAR_START", "AcceleratedDrive", "AveragingDrive", "Drive", "averaging_move"]

_RHO = 3 - 8**0.5
AVERAGING = 0.5, 4 * _RHO, _RHO**2  # shares of the first residual, of later ones, and of the last move
FAR_START = 0.5  # L1 error of a cold start that is worth an opening


class Drive(ABC):
    """What moves an iteration on; made anew for each set of prices."""

    memory: int = 0
    """Memory of Anderson's extrapolation; 0 where there is none."""

    @abstractmethod
    def next(self, now: Evaluation, error: Any) -> Any:
        """Return the next potential, ``(B, n)``, after an evaluation and its errors, ``(B,)``."""

    def opening(self, f: Any, error: Any, left: int) -> tuple[Any, int]:
        """Return where to go from a cold start with ``left`` steps to take, and the steps taken there."""
        return f, 0


class AcceleratedDrive(Drive):
    """Steps of the kernel under Anderson's extrapolation.

    Args:
        kernel: What is evaluated.
        a: Weights of the rows.
        memory: Memory of the extrapolation.
    """

    def __init__(self, kernel: Kernel, a: Any, *, memory: int) -> None:
        self._kernel, self._a = kernel, a
        self.memory = memory
        self._anderson: Anderson | None = None

    def next(self, now: Evaluation, error: Any) -> Any:
        """Return the next potential."""
        safe, bold = self._kernel.steps(now)
        if self._anderson is None:
            self._anderson = Anderson(self.memory, self._a)
        return self._anderson.next(now.f, safe, error, _semidual(self._a, self._kernel.b, now), bold=bold)

    def opening(self, f: Any, error: Any, left: int) -> tuple[Any, int]:
        """Return where the kernel's opening leads the items whose start is far off."""
        far, steps = error > FAR_START, self._kernel.openings
        if self.memory == 0 or not 0 < steps < left or not bool(far.any()):
            return f, 0
        return namespace(f).where(far[..., None], self._kernel.opening(f, error), f), steps


def _semidual(a: Any, b: Any, now: Evaluation) -> Any:
    """Return the value of the semi-dual, ``(B,)``, which safe steps never lower."""
    return inner(a, now.f) + inner(b, now.g)


class AveragingDrive(Drive):
    r"""Averages of the potential with its transform, for a measure against itself (Feydy et al., arXiv 1810.08278).

    With the residual :math:`r = g - f` the first step is :math:`r / 2`, and the others are those of the second-order
    Richardson iteration, :math:`d \leftarrow \rho^2 d + 4 \rho\, r` with :math:`\rho = 3 - \sqrt 8`. It is the limit of
    Chebyshev's for a system of spectrum [1, 2], which :math:`I + \pi` has at every epsilon where the kernel is positive
    semidefinite: errors fall sixfold a step. Other kernels converge too, more slowly.

    Args:
        kernel: What is evaluated.
        a: Weights of the rows.
    """

    def __init__(self, kernel: Kernel, a: Any) -> None:
        self._last: Any = None

    def next(self, now: Evaluation, error: Any) -> Any:
        """Return the next potential."""
        self._last = averaging_move(now.g - now.f, self._last)
        return now.f + self._last


def averaging_move(residual: Any, last: Any) -> Any:
    """Return the move of :class:`AveragingDrive` after the last one, None before the first; overwrites ``residual``."""
    if last is None:
        residual *= AVERAGING[0]
    else:
        residual *= AVERAGING[1]
        residual += AVERAGING[2] * last
    return residual
