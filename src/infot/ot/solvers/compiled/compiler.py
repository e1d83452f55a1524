"""How functions are compiled: once for each dtype, kept on disk where there is a place for it."""

import inspect
from collections.abc import Callable
from typing import Any

import numba

__all__ = ["compiled", "compiled_in_order"]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called.

    Sums may be taken in any order, which lets them be taken several terms at a time; NaN and Inf keep their meaning.

    numba keeps the result in `NUMBA_CACHE_DIR`, beside the source or in the user's cache, the first of these that can
    be written; where none can, every process compiles anew. The record of a function is renewed when its own file
    changes, not when a file that it imports from does.
    """
    return _compiled(function, {"reassoc", "contract", "nsz"})


def compiled_in_order(function: Callable[..., Any]) -> Any:
    """Compile a function whose digits depend on the order of its sums."""
    return _compiled(function, {"contract"})


def _compiled(function: Callable[..., Any], freedom: set[str]) -> Any:
    bare = inspect.unwrap(function)  # checks of types that tests put around it cannot be compiled
    try:
        return numba.njit(cache=True, error_model="numpy", fastmath=freedom)(bare)
    except RuntimeError:  # there is no place to write
        return numba.njit(error_model="numpy", fastmath=freedom)(bare)
