"""How functions are compiled: once for each dtype, kept on disk where there is a place for it."""

import inspect
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba

__all__ = ["compiled", "digest"]


def digest(folder: Path) -> str:
    """Return what tells the Python files of a folder from any others."""
    return sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()[:12]


_SOURCES = digest(Path(__file__).parent)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called.

    No freedom is given in the order of sums: it would be used in one way in the process that compiles and in another in
    those that load the result, and runs would not repeat to the bit.

    numba keeps the result in `NUMBA_CACHE_DIR`, beside the source or in the user's cache, the first of these that can
    be written; where none can, every process compiles anew. It keeps functions by name and looks at the age of their
    own file alone, though they hold what they call: the name tells the sources of them all.
    """
    bare = inspect.unwrap(function)  # checks of types that tests put around it cannot be compiled
    bare.__qualname__ += f"-{_SOURCES}"
    try:
        return numba.njit(cache=True, error_model="numpy")(bare)
    except RuntimeError:  # there is no place to write
        return numba.njit(error_model="numpy")(bare)
