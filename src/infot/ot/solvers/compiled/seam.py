"""Where compiled loops join: they serve single problems in numpy where numba can be imported; else nothing changes.

At a few hundred points the arithmetic of a step is small beside the calls of numpy, tens of them, that it is made of. A
compiled function does what several of these do in one call, to the same numbers up to rounding. Large exponentials and
products stay with numpy and BLAS, which are faster at them.
"""

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

__all__ = ["compiled_for"]

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def compiled_for(array: Any) -> Any:
    """Return the modules of compiled functions that serve problems like an array, or None.

    Args:
        array: An array of inner loops, its first axis that of the batch.
    """
    if not isinstance(array, np.ndarray) or len(array) != 1 or array.dtype not in _DTYPES:
        return None
    return _modules()


@cache
def _modules() -> Any:
    """Import the compiled functions once, when they are first wanted: numba takes half a second to import."""
    try:
        import numba  # noqa: PLC0415
    except ImportError:  # not installed, or it does not know this version of numpy
        return None
    if numba.config.DISABLE_JIT:
        return None
    from infot.ot.solvers.compiled import averages, extrapolation, flat, nested  # noqa: PLC0415

    return SimpleNamespace(averages=averages, extrapolation=extrapolation, flat=flat, nested=nested)
