"""Averages of a cloud against itself; see :mod:`infot.ot.solvers.averages`."""

from typing import Any

import numpy as np

from infot.ot.solvers.compiled.compiler import compiled
from infot.ot.solvers.compiled.ending import FAR, GOING, OVER, STALLED, ending, fresh_watch
from infot.ot.solvers.compiled.transcendental import exponentials, logarithms

__all__ = ["FAR", "STALLED", "fresh_watch", "iterate"]


@compiled
def iterate(
    kernel: Any,
    a: Any,
    f: Any,
    move: Any,
    anchor: Any,
    numbers: Any,
    wanted: Any,
    watch: Any,
    progress: Any,
    limits: Any,
) -> Any:
    """Average until the end or until the potential is too far from the anchor.

    Args:
        kernel: The kernel, ``(n, n)``.
        a: Weights.
        f: Potential, in units of epsilon.
        move: The last move; nothing before the first step.
        anchor: What is absorbed on both sides.
        numbers: The farthest a potential may be from the anchor, the smallest normal number, the share of the first
            residual and of later ones, and that of the last move.
        wanted: L1 error to reach by a plan with an exact side, and that of the symmetric plan up to which such a one is
            looked at.
        watch: See :func:`infot.ot.solvers.compiled.ending.ending`, as is ``limits``.
        progress: Steps taken before, and whether the potential is the anchor.
        limits: See there; its tolerance is zero.

    Returns:
        How it ended, the steps taken, the potential, the last move, the residual, the scaling, the weights of the
        columns, the row masses and the L1 error.
    """
    farthest, tiny, at_first, of_residual, of_move = numbers
    (tolerance, near_enough), (step, there) = wanted, progress
    while True:
        near, scaling, mass, residual, error = _masses(kernel, a, f, anchor, farthest, tiny, there)
        if not near:
            return FAR, step, f, move, residual, scaling, mass, mass, error
        step, there = step + 1, False
        end = ending(error, step, watch, limits)
        # where the plan is almost a permutation, the first one may be optimal already
        if end != GOING or step == 1 or error <= near_enough:
            loads, row_mass, error = _completed(kernel, a, scaling, mass)
            if end != GOING or error <= tolerance:
                end = OVER if end == GOING else end
                return end, step, f, move, residual, scaling, loads, row_mass, error
        following = np.empty_like(f)
        for i in range(f.size):
            move[i] = at_first * residual[i] if step == 1 else of_residual * residual[i] + of_move * move[i]
            following[i] = f[i] + move[i]
        f = following


@compiled
def _masses(kernel: Any, a: Any, f: Any, anchor: Any, farthest: Any, tiny: Any, there: bool) -> Any:
    """Return whether a potential is near the anchor, scaling, masses of the symmetric plan, residual and error."""
    one = kernel.dtype.type(1)
    scaling, weighted, error = np.empty_like(a), np.empty_like(a), one - one
    for i in range(a.size):
        shift = one - one if there else f[i] - anchor[i]
        if abs(shift) > farthest:
            return False, scaling, weighted, weighted, error
        scaling[i] = shift
    exponentials(scaling)
    for i in range(a.size):
        weighted[i] = a[i] * scaling[i]
    mass, residual = np.dot(weighted, kernel), weighted
    for i in range(a.size):
        mass[i] = mass[i] * scaling[i] + tiny
    logarithms(mass, residual)
    for i in range(a.size):
        residual[i] = -residual[i]
        error += abs(mass[i] - one) * a[i]
    return True, scaling, mass, residual, error


@compiled
def _completed(kernel: Any, a: Any, scaling: Any, mass: Any) -> Any:
    """Return the weights of the columns that make them exact, the row masses that then result, and their error."""
    one = kernel.dtype.type(1)
    loads, error = np.empty_like(a), one - one
    for i in range(a.size):
        loads[i] = a[i] * scaling[i] / mass[i]
    row_mass = np.dot(kernel, loads)
    for i in range(a.size):
        row_mass[i] *= scaling[i]
        error += abs(row_mass[i] - one) * a[i]
    return loads, row_mass, error
