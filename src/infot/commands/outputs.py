"""Files that commands write for the user."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from infot.atomic import write_bytes, write_text
from infot.errors import ConfigError

__all__ = ["check_suffix", "write_arrays", "write_rows"]


def check_suffix(path: Path, known: Sequence[str]) -> None:
    """Make sure, before any work, that ``path`` names a kind of file that can be written.

    Raises:
        ConfigError: If it does not.
    """
    if path.suffix not in known:
        raise ConfigError(f"--out {path}: expected a file that ends in {' or '.join(known)}")
    if not path.parent.is_dir():
        raise ConfigError(f"--out {path}: there is no folder {path.parent}; make it first")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write named arrays as a compressed .npz, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_bytes(path, buffer.getvalue())


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a .csv table, whole or not at all."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())
