"""Where compiled loops join: they serve single problems in numpy where numba can be imported; else nothing changes.

At a few hundred points the arithmetic of a step is small beside the calls of numpy, tens of them, that it is made of. A
compiled loop takes the same steps, to the same numbers up to rounding, without these calls. Exponentials of whole
matrices and products stay with numpy and BLAS, which are faster at them.
"""

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["compiled_for"]

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def compiled_for(array: Any, name: str) -> ModuleType | None:
    """Return a module of compiled functions if there is one that serves problems like an array.

    Args:
        array: An array of inner loops, its first axis that of the batch.
        name: Name of the module.
    """
    if not isinstance(array, np.ndarray) or len(array) != 1 or array.dtype not in _DTYPES:
        return None
    return _module(name)


@cache
def _module(name: str) -> ModuleType | None:
    """Import a module when it is first wanted: numba takes half a second to import."""
    try:
        from numba import config
    except ImportError:  # it is not installed, or does not know this version of numpy
        return None
    interpreted = getattr(config, "DISABLE_JIT", False)
    return None if interpreted else import_module(f"infot.ot.solvers.compiled.{name}")
