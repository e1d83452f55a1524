"""What every kind of data must satisfy, each failure said in a line or two."""

import difflib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from infot.data.raw import Array, RawData
from infot.errors import DataError

__all__ = ["check_lengths", "check_raw", "nearest", "numbered_labels"]


def check_raw(path: Path, raw: RawData, *, at_least: int) -> None:
    """Check that there are enough examples, that all numbers are finite, and that the examples differ.

    Args:
        path: Where the data came from, for messages.
        raw: The examples.
        at_least: Number of examples needed: 2 to train, 1 to be encoded.

    Raises:
        DataError: One of them fails; the message says where.
    """
    n = len(raw.points)
    if n < at_least:
        raise DataError(f"{path}: expected at least {at_least} examples; got {n}. Give more data.")
    if raw.points[0].size == 0:
        raise DataError(
            f"{path}: expected examples with at least one value; their shape is {raw.points.shape[1:]}."
        )
    _check_finite(path, raw)
    if at_least > 1 and bool((raw.points == raw.points[0]).all()):
        raise DataError(
            f"{path}: expected examples that differ; all {n} are the same. Check how the data was saved."
        )


def _check_finite(path: Path, raw: RawData) -> None:
    points, names = raw.points, raw.names
    finite = np.isfinite(points)
    if finite.all():
        return
    first = np.argwhere(~finite)[0]
    value = points[tuple(first)]
    if raw.kind == "images":
        place = "image {}, channel {}, row {}, column {}".format(names[first[0]], *first[1:])
    else:
        column = f"'{raw.feature_names[first[1]]}'" if raw.feature_names else first[1]
        place = f"row {names[first[0]]}, column {column}"
    raise DataError(
        f"{path}: expected finite numbers; {place} (counted from 0) holds {value}; "
        f"{int((~finite).sum())} such values in all. Remove or fill them."
    )


def check_lengths(path: Path, n: int, labels: Array) -> None:
    """Check that there is one label for each of ``n`` examples.

    Raises:
        DataError: The labels are not a list of that length.
    """
    if labels.ndim != 1 or len(labels) != n:
        raise DataError(
            f"{path}: expected {n} labels, one for each example; got an array of shape {labels.shape}. "
            "Save labels of the same length as the examples."
        )


def numbered_labels(path: Path, labels: Array) -> tuple[Array, tuple[str, ...]]:
    """Number label values 0, 1, ... in sorted order.

    Args:
        path: Where the labels came from, for messages.
        labels: Integers, whole floats, booleans or text, shape (n,).

    Returns:
        The numbers, int64 (n,), and the label that each number stands for.

    Raises:
        DataError: The labels are numbers with a fraction, text that is empty, or of another dtype.
    """
    if labels.dtype.kind == "f":
        if not (np.isfinite(labels).all() and (labels == np.round(labels)).all()):
            raise DataError(
                f"{path}: expected labels that are whole numbers or text; got fractions, NaN or infinity."
            )
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "buiUS":
        raise DataError(
            f"{path}: expected labels that are whole numbers or text; their dtype is {labels.dtype}."
        )
    missing = np.flatnonzero(labels.astype(str) == "")  # no number is written so
    if len(missing):
        raise DataError(
            f"{path}: expected a label for every datum; row {missing[0]} (counted from 0) has none. "
            "Leave out rows without a label, or give them one."
        )
    values, numbers = np.unique(labels, return_inverse=True)
    return numbers.astype(np.int64).reshape(-1), tuple(str(value) for value in values)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the known name nearest to ``name``, or nothing.

    Example:
        >>> nearest("rign8", ["ring8", "grid25"])
        " Did you mean 'ring8'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
