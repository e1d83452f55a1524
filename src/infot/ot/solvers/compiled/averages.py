"""One step of the averages of a cloud against itself; see :mod:`infot.ot.solvers.averages`."""

import math
from typing import Any

import numpy as np

from infot.ot.solvers.compiled.compiler import compiled

__all__ = ["completed", "masses"]


@compiled
def masses(kernel: Any, a: Any, f: Any, anchor: Any, farthest: Any, tiny: Any) -> Any:
    """Return whether a potential is near the anchor, and the scaling, the masses of the symmetric plan and their error.

    Args:
        kernel: The kernel, ``(n, n)``.
        a: Weights.
        f: Potential, in units of epsilon.
        anchor: What is absorbed on both sides.
        farthest: The farthest a potential may be from it.
        tiny: The smallest normal number.
    """
    one = kernel.dtype.type(1)
    scaling, weighted, error = np.empty_like(a), np.empty_like(a), np.zeros(1, a.dtype)
    for i in range(a.size):
        shift = f[i] - anchor[i]
        if abs(shift) > farthest:
            return False, scaling, weighted, weighted, error
        scaling[i] = math.exp(shift)
        weighted[i] = a[i] * scaling[i]
    mass, residual = np.dot(weighted, kernel), weighted
    for i in range(a.size):
        mass[i] = mass[i] * scaling[i] + tiny
        residual[i] = -math.log(mass[i])
    for i in range(a.size):
        error[0] += abs(mass[i] - one) * a[i]
    return True, scaling, mass, residual, error


@compiled
def completed(kernel: Any, a: Any, scaling: Any, mass: Any) -> Any:
    """Return the weights of the columns that make them exact, the row masses that then result, and their error."""
    one = kernel.dtype.type(1)
    loads, error = np.empty_like(a), np.zeros(1, a.dtype)
    for i in range(a.size):
        loads[i] = a[i] * scaling[i] / mass[i]
    row_mass = np.dot(kernel, loads)
    for i in range(a.size):
        row_mass[i] *= scaling[i]
        error[0] += abs(row_mass[i] - one) * a[i]
    return loads, row_mass, error
