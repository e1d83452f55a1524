"""One evaluation of a plain entropic problem; see :mod:`infot.ot.solvers.flat_kernel`."""

import math
from typing import Any

import numpy as np

from infot.ot.solvers.compiled.compiler import compiled

__all__ = ["evaluate"]


@compiled
def evaluate(kernel: Any, a: Any, b: Any, f: Any, anchor: Any, soft: Any, numbers: Any) -> Any:
    """Evaluate the semi-dual near an anchor.

    Args:
        kernel: The kernel, ``(n, m)``.
        a: Weights of the rows.
        b: Weights of the columns.
        f: Potential of the rows.
        anchor: What is absorbed, in units of epsilon.
        soft: What has been taken off each column.
        numbers: Epsilon, its inverse, the farthest a potential may be from the anchor, the smallest normal number.

    Returns:
        Whether the potential is near enough (if not, the rest is nothing), row and column factor, ``g``, the row masses,
        the step of Sinkhorn's algorithm, and the L1 error and the semi-dual value, ``(1,)`` each.
    """
    epsilon, rate, farthest, tiny = numbers
    one = kernel.dtype.type(1)
    scaling, weighted, step, g = np.empty_like(a), np.empty_like(a), np.empty_like(a), np.empty_like(b)
    error, value = np.zeros(1, a.dtype), np.zeros(1, a.dtype)
    for i in range(a.size):
        shift = f[i] * rate - anchor[i]
        if abs(shift) > farthest:
            return False, scaling, g, g, step, step, error, value
        scaling[i] = math.exp(shift)
        weighted[i] = a[i] * scaling[i]
    loads = np.dot(weighted, kernel)
    for j in range(b.size):
        total = loads[j] + tiny
        loads[j] = b[j] / total
        g[j] = -epsilon * (math.log(total) + soft[j])
    row_mass = np.dot(kernel, loads)
    for i in range(a.size):
        row_mass[i] = row_mass[i] * scaling[i] + tiny
        step[i] = -epsilon * math.log(row_mass[i])
    for i in range(a.size):
        error[0] += abs(row_mass[i] - one) * a[i]
        value[0] += a[i] * f[i]
    for j in range(b.size):
        value[0] += b[j] * g[j]
    return True, scaling, loads, g, row_mass, step, error, value
