"""A small dense linear system."""

from typing import Any

from infot.ot.solvers.compiled.compiler import compiled

__all__ = ["solve"]


@compiled
def solve(matrix: Any, right: Any) -> None:
    """Overwrite ``right`` with the solution, by Gaussian elimination with partial pivoting; no numbers if singular.

    Args:
        matrix: ``(k, k)``; it is overwritten.
        right: ``(k,)``.
    """
    size = right.size
    for j in range(size):
        pivot = j
        for i in range(j + 1, size):
            if abs(matrix[i, j]) > abs(matrix[pivot, j]):
                pivot = i
        if pivot != j:
            right[j], right[pivot] = right[pivot], right[j]
            for k in range(j, size):
                matrix[j, k], matrix[pivot, k] = matrix[pivot, k], matrix[j, k]
        for i in range(j + 1, size):
            share = matrix[i, j] / matrix[j, j]
            right[i] -= share * right[j]
            for k in range(j + 1, size):
                matrix[i, k] -= share * matrix[j, k]
    for j in range(size - 1, -1, -1):
        for k in range(j + 1, size):
            right[j] -= matrix[j, k] * right[k]
        right[j] /= matrix[j, j]
