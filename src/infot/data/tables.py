"""Tables: .csv and .tsv by the standard library, .parquet through pyarrow."""

import csv
from io import StringIO
from math import nan
from pathlib import Path
from types import ModuleType

import numpy as np

from infot.data.checks import nearest
from infot.data.raw import Array, RawData
from infot.errors import DataError

__all__ = ["read_csv", "read_parquet"]

_DELIMITERS = (",", ";", "\t")


def read_csv(
    path: Path, *, labels: str | None = None, labels_needed: bool = True, columns: tuple[str, ...] = ()
) -> RawData:
    """Read a table of numbers from text; the first line may name the columns.

    Cells are separated by comma, semicolon or tab, whichever is most frequent in the first line. Without a
    line of names the columns are called ``0``, ``1``, ... A first column without a name that counts the rows
    is no data.

    Args:
        path: The .csv or .tsv file, in UTF-8.
        labels: Column that holds labels, numbers or text.
        labels_needed: Whether a column of labels that is asked for must be there.
        columns: Columns to read as numbers, by name, in this order. Empty: all columns.

    Returns:
        The rows.

    Raises:
        DataError: The file is not text, a row has another number of cells, or a column is not numeric.
    """
    rows = _rows(path)
    named = any(_number(cell) is None for cell in rows[0]) or rows[0] == [str(j) for j in range(len(rows[0]))]
    named = named and len(rows) > 1
    names = [cell.strip() for cell in rows[0]] if named else [str(j) for j in range(len(rows[0]))]
    body = rows[1:] if named else rows
    for i, row in enumerate(body):
        if len(row) != len(names):
            raise DataError(
                f"{path}: expected {len(names)} cells in each row; row {i} (from 0) has {len(row)}. Repair "
                "it."
            )
    _check_names(path, names)
    table = {name: _column([row[j] for row in body]) for j, name in enumerate(names)}
    if len(table) > 1 and names[0] == "" and np.array_equal(table[""], np.arange(len(body))):
        del table[""]
    _check_labels(path, table, labels if labels_needed else None)
    return _raw(path, table, labels=labels, columns=columns)


def read_parquet(
    path: Path, *, labels: str | None = None, labels_needed: bool = True, columns: tuple[str, ...] = ()
) -> RawData:
    """Read a table of numbers from a .parquet file; needs the extra ``parquet``.

    Args:
        path: The file.
        labels: Column that holds labels, numbers or text.
        labels_needed: Whether a column of labels that is asked for must be there.
        columns: Columns to read as numbers, by name, in this order. Empty: all columns.

    Returns:
        The rows.

    Raises:
        DataError: pyarrow is not installed, the file is damaged, or a column is not numeric.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(
            f"{path}: reading .parquet needs pyarrow, which is not installed. Run pip install "
            '"infot[parquet]", or save '
            "the table as .csv."
        ) from error
    table = _parquet_table(path, pa, pq)
    _check_labels(path, table, labels if labels_needed else None)
    return _raw(path, table, labels=labels, columns=columns)


def _parquet_table(path: Path, pa: ModuleType, pq: ModuleType) -> dict[str, Array]:
    """Read the columns with the two modules of pyarrow: numbers as float64, others as text, empty where missing."""
    try:
        content = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: cannot be read as .parquet; it may be truncated or damaged ({reason})."
        ) from error
    _check_names(path, content.column_names)
    table: dict[str, Array] = {}
    for name, column in zip(content.column_names, content.columns, strict=True):
        kind = column.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            table[name] = np.array([nan if v is None else v for v in column.to_pylist()], dtype=np.float64)
        else:
            table[name] = np.array(["" if v is None else str(v) for v in column.to_pylist()], dtype=str)
    return table


def _raw(path: Path, table: dict[str, Array], *, labels: str | None, columns: tuple[str, ...]) -> RawData:
    """Pick the feature columns and the labels of a table whose columns are float64 or text."""
    missing = [name for name in columns if name not in table]
    if missing:
        raise DataError(
            f"{path}: expected the columns that the model was trained on; missing: {_listed(missing)}. "
            f"The table has {_listed(table)}."
        )
    features = list(columns) or [name for name in table if name != labels]
    text = [name for name in features if table[name].dtype.kind != "f"]
    if text:
        raise DataError(
            f"{path}: expected columns of numbers; these hold text: {_listed(text)}. Remove them, or choose "
            "one as the "
            f"labels with --data.labels {text[0]}."
        )
    if not features:
        raise DataError(f"{path}: expected at least one column of numbers beside the labels; found none.")
    points = np.stack([table[name] for name in features], axis=1)
    names = tuple(str(i) for i in range(len(points)))
    return RawData(
        points, "vectors", None if labels is None else table.get(labels), names, feature_names=tuple(features)
    )


def _rows(path: Path) -> list[list[str]]:
    """Read the cells of a text table; blank lines are left out."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected a table in UTF-8 text; byte {error.start} is not. Save it as UTF-8."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}). Check the path and its permissions."
        ) from error
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        rows = [
            row
            for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter)
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as a table ({error}). Save it as plain .csv.") from error
    if not rows:
        raise DataError(f"{path}: expected a table with rows; it is empty. Check the file.")
    return rows


def _number(cell: str) -> float | None:
    """Return the number a cell holds, NaN for an empty one, None for text."""
    try:
        return float(cell) if cell.strip() else nan
    except ValueError:
        return None


def _column(cells: list[str]) -> Array:
    """Return a column as float64 where all its cells are numbers or empty, else as text."""
    values = [_number(cell) for cell in cells]
    if any(value is None for value in values):
        return np.array([cell.strip() for cell in cells], dtype=str)
    return np.array(values, dtype=np.float64)


def _check_labels(path: Path, table: dict[str, Array], labels: str | None) -> None:
    if labels is not None and labels not in table:
        raise DataError(
            f"{path}: expected a column '{labels}' with the labels; the columns are {_listed(table)}."
            f"{nearest(labels, table)}"
        )


def _check_names(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{path}: expected columns with different names; these come twice: {_listed(twice)}. Rename them."
        )


def _listed(names: "list[str] | dict[str, Array]") -> str:
    """Quote names for a message, at most eight of them."""
    shown = ", ".join(f"'{name}'" for name in list(names)[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
