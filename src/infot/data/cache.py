"""Where files are kept between runs."""

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return the folder for what can be had again: ``$INFOT_CACHE``, else ``infot`` in the user's cache.

    The user's cache is ``$XDG_CACHE_HOME``, or ``.cache`` in the home folder. Nothing is made here.
    """
    own = os.environ.get("INFOT_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "infot"
