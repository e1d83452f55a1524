"""When to give up: no item has bettered its error for a number of steps."""

from typing import Any

from infot.numerics import namespace

__all__ = ["Patience"]


class Patience:
    """Watch the errors of a batch.

    Args:
        steps: How many steps without a better error are borne.
    """

    def __init__(self, steps: int) -> None:
        self._steps, self._idle = steps, 0
        self._best: Any = None

    def exhausted(self, error: Any) -> bool:
        """Take note of the errors of a step, ``(B,)``, and say whether to give up."""
        if self._best is None or bool((error < 0.999 * self._best).any()):
            self._idle = 0
            self._best = error if self._best is None else namespace(error).minimum(error, self._best)
        else:
            self._idle += 1
        return self._idle >= self._steps
