"""How functions are compiled: once for each dtype, kept on disk where there is a place for it."""

import inspect
from collections.abc import Callable
from typing import Any

import numba

__all__ = ["compiled"]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called.

    No freedom is given in the order of sums: it would be used in one way in the process that compiles and in another in
    those that load the result, and runs would not repeat to the bit.

    numba keeps the result in `NUMBA_CACHE_DIR`, beside the source or in the user's cache, the first of these that can
    be written; where none can, every process compiles anew. The record of a function is renewed when its own file
    changes, not when a file that it imports from does.
    """
    bare = inspect.unwrap(function)  # checks of types that tests put around it cannot be compiled
    try:
        return numba.njit(cache=True, error_model="numpy")(bare)
    except RuntimeError:  # there is no place to write
        return numba.njit(error_model="numpy")(bare)
