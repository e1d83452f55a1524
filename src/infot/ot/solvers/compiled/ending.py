"""When an iteration of one item ends; see :class:`infot.ot.solvers.patience.Patience` and `fixed_point`."""

import math
from typing import Any

import numpy as np

from infot.ot.solvers.compiled.compiler import compiled

__all__ = ["FAR", "GOING", "OVER", "STALLED", "ending", "fresh_watch"]

FAR, GOING, OVER, STALLED = range(4)
_BEST, _IDLE = range(2)


def fresh_watch() -> Any:
    """Return what a watch over the errors remembers before it has seen any: the least one, and since when."""
    return np.array([math.inf, 0.0])


@compiled
def ending(error: Any, step: int, watch: Any, limits: Any) -> int:
    """Say whether an iteration is over, has stalled, or goes on.

    Args:
        error: The error.
        step: How many there were.
        watch: What the watch remembers; it is overwritten.
        limits: Tolerance, most steps, steps between two looks at whether anything still betters, and how many of these
            without that are borne.
    """
    tolerance, most, between, patience = limits
    if not tolerance < error < math.inf or step == most:
        return OVER
    if step % between != 0:
        return GOING
    if error < 0.999 * watch[_BEST]:
        watch[_BEST], watch[_IDLE] = min(error, watch[_BEST]), 0
        return GOING
    watch[_IDLE] += 1
    return STALLED if watch[_IDLE] >= patience else GOING
