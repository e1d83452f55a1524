"""The iteration of a plain entropic problem; see :mod:`infot.ot.solvers.flat_kernel` and `fixed_point`."""

from typing import Any

import numpy as np

from infot.ot.solvers.compiled.compiler import compiled
from infot.ot.solvers.compiled.ending import FAR, GOING, STALLED, ending, fresh_watch
from infot.ot.solvers.compiled.extrapolation import empty_history, next_point
from infot.ot.solvers.compiled.transcendental import exponentials, logarithms

__all__ = ["FAR", "STALLED", "empty_history", "fresh_watch", "iterate"]


@compiled
def iterate(
    kernel: Any,
    weights: Any,
    f: Any,
    absorbed: Any,
    numbers: Any,
    history: Any,
    watch: Any,
    progress: Any,
    limits: Any,
) -> Any:
    """Iterate until the end or until the potential is too far from the anchor.

    Args:
        kernel: The kernel, ``(n, m)``.
        weights: Weights of the rows, ``(n,)``, and of the columns, ``(m,)``.
        f: Potential of the rows.
        absorbed: The anchor, in units of epsilon, and what has been taken off each column.
        numbers: Epsilon, its inverse, the farthest a potential may be from the anchor, the smallest normal number.
        history: See :func:`infot.ot.solvers.compiled.extrapolation.empty_history`; it is overwritten.
        watch: See :func:`infot.ot.solvers.compiled.ending.ending`, as is ``limits``.
        progress: Steps taken before, and whether the potential is the anchor.
        limits: See there.

    Returns:
        How it ended, the steps taken, the potential, row and column factor, ``g``, the row masses and the L1 error.
    """
    step, there = progress
    while True:
        near, scaling, loads, g, row_mass, move, error, value = _evaluate(
            kernel, weights, f, absorbed, numbers, there
        )
        if not near:
            return FAR, step, f, scaling, loads, g, row_mass, error
        step, there = step + 1, False
        end = ending(error, step, watch, limits)
        if end != GOING:
            return end, step, f, scaling, loads, g, row_mass, error
        f = next_point(history, f, move, move, error, value)


@compiled
def _evaluate(kernel: Any, weights: Any, f: Any, absorbed: Any, numbers: Any, there: bool) -> Any:
    """Evaluate the semi-dual near an anchor, or at it, which rounding of large potentials would not tell.

    Returns:
        Whether the potential is near enough (if not, the rest is nothing), row and column factor, ``g``, the row
        masses, the step of Sinkhorn's algorithm, the L1 error and the value.
    """
    (a, b), (anchor, soft), (epsilon, rate, farthest, tiny) = weights, absorbed, numbers
    one = epsilon / epsilon
    scaling, weighted, step, g = np.empty_like(a), np.empty_like(a), np.empty_like(a), np.empty_like(b)
    error = value = one - one
    for i in range(a.size):
        shift = one - one if there else f[i] * rate - anchor[i]
        if abs(shift) > farthest:
            return False, scaling, g, g, step, step, error, value
        scaling[i] = shift
    exponentials(scaling)
    for i in range(a.size):
        weighted[i] = a[i] * scaling[i]
    totals = np.dot(weighted, kernel)
    totals += tiny
    logarithms(totals, g)
    loads = b / totals
    row_mass = np.dot(kernel, loads)
    for i in range(a.size):
        row_mass[i] = row_mass[i] * scaling[i] + tiny
    logarithms(row_mass, step)
    for i in range(a.size):
        step[i] *= -epsilon
        error += abs(row_mass[i] - one) * a[i]
        value += a[i] * f[i]
    for j in range(b.size):
        g[j] = -epsilon * (g[j] + soft[j])
        value += b[j] * g[j]
    return True, scaling, loads, g, row_mass, step, error, value
