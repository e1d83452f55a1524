"""What is said when a solve misses its tolerance."""

import warnings
from dataclasses import dataclass

from infot.errors import ConvergenceError, ConvergenceWarning, ProblemError
from infot.ot.status import Status

__all__ = ["Outcome", "check_wishes", "tell"]


@dataclass(frozen=True)
class Outcome:
    """How a solve ended.

    Args:
        solver: What solved it.
        error: L1 marginal error reached.
        n_steps: Steps taken.
        status: Why it ended.
        residual: Name and value of what was held against the tolerance beside it, if anything.
    """

    solver: str
    error: float
    n_steps: int
    status: Status
    residual: tuple[str, float] | None = None


def check_wishes(tolerance: float, max_steps: int, on_failure: str) -> None:
    """Refuse settings that ask for nothing a solver can do.

    Raises:
        ProblemError: if one is outside its range.
    """
    if not tolerance > 0 or max_steps < 1:
        raise ProblemError(f"expected tolerance > 0 and max_steps >= 1, got {tolerance} and {max_steps}")
    if on_failure not in ("warn", "raise", "return"):
        raise ProblemError(f"expected on_failure='warn', 'raise' or 'return', got {on_failure!r}")


def tell(outcome: Outcome, on_failure: str, tolerance: float) -> None:
    """Warn or raise, with the error reached, the reason and the remedy, unless only a return is wanted.

    Raises:
        ConvergenceError: if ``on_failure`` is "raise" and the solve did not converge.
    """
    if on_failure == "return" or outcome.status is Status.CONVERGED:
        return
    beside = "" if outcome.residual is None else ", {} {:.3g}".format(*outcome.residual)
    message = (
        f"{outcome.solver}: L1 marginal error {outcome.error:.3g}{beside} after {outcome.n_steps} steps, "
        f"tolerance {tolerance:.3g}: {outcome.status.value}"
    )
    if on_failure == "raise":
        raise ConvergenceError(message)
    warnings.warn(message, ConvergenceWarning, stacklevel=4)
