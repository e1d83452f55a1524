"""The user's own data: whatever lies at a path, read, checked, split and scaled."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from infot.data.arrays import read_npy, read_npz
from infot.data.base import Dataset, DatasetInfo, Scaling
from infot.data.checks import check_raw, numbered_labels
from infot.data.idx import has_idx_files, is_idx_name, read_idx, read_idx_folder
from infot.data.images import read_image_folder
from infot.data.pixels import resize
from infot.data.raw import Array, RawData
from infot.data.split import held_out_split
from infot.data.tables import read_csv, read_parquet
from infot.errors import DataError
from infot.random import Streams

__all__ = ["FILE", "Examples", "check_float32", "load_file", "read_examples", "scaled"]

_FORMATS = "an image folder, .npz, .npy, IDX (plain or .gz), .csv, .tsv or .parquet"
HELD_OUT = 0.2

FILE = DatasetInfo(
    name="file",
    kind="images",
    description=f"Your own data at --data PATH: {_FORMATS}. A fifth is held out where it has no test part.",
    size="what the file holds",
    source="yours",
    licence="yours",
)


def load_file(
    path: Path,
    *,
    seed: int = 0,
    image_size: int | None = None,
    standardise: bool = True,
    labels: str | None = None,
) -> Dataset:
    """Load the user's own data and hold out a part: its own test part, else a fifth, stratified by label.

    Args:
        path: Image folder, .npz, .npy, IDX, .csv, .tsv or .parquet.
        seed: Seed of the split.
        image_size: Side in pixels to which images are cropped and resized; unset: all must have one size.
        standardise: Bring columns of vectors to mean 0 and variance 1, as measured on the training part.
        labels: Column of a table, or array of an .npz, that holds labels.

    Raises:
        DataError: The data cannot be read or cannot be trained on.
    """
    raw = _read(path, _Request(labels=labels, image_size=image_size))
    check_raw(path, raw, at_least=2)
    numbers, class_names = (None, ()) if raw.labels is None else numbered_labels(path, raw.labels)
    train_rows, test_rows = _split(raw, numbers, seed)
    points, scaling = scaled(path, raw, train_rows if standardise else None)
    label = None if numbers is None else torch.from_numpy(numbers)
    train_labels, test_labels = (None if label is None else label[rows] for rows in (train_rows, test_rows))
    return Dataset(
        FILE.name,
        raw.kind,
        points[train_rows],
        points[test_rows],
        train_labels,
        test_labels,
        info=_info(path, raw, class_names),
        feature_names=raw.feature_names,
        scaling=scaling,
        digest=_digest(raw.points, numbers),
    )


class Examples(NamedTuple):
    """New data for a trained model.

    Attributes:
        points: The examples, shape (n, \\*shape), in the model's units.
        labels: Label of each, numbered in sorted order, shape (n,), or ``None``.
        names: Name of each: a file name, or its number counted from 0.
        class_names: The label that each number stands for; empty without labels.
    """

    points: Tensor
    labels: Tensor | None
    names: tuple[str, ...]
    class_names: tuple[str, ...]


def read_examples(
    path: Path,
    *,
    shape: tuple[int, ...],
    image_size: int | None = None,
    scaling: Scaling | None = None,
    labels: str | None = None,
    feature_names: tuple[str, ...] = (),
) -> Examples:
    """Read new data for a trained model, all of it and in its order, without splitting.

    Args:
        path: Image folder, .npz, .npy, IDX, .csv, .tsv or .parquet.
        shape: Shape of one example that the model expects: (channels, height, width) or (d,).
        image_size: Side in pixels to which images are cropped and resized, as in training.
        scaling: Scaling that the training data went through.
        labels: Column of a table, or array of an .npz, with labels; new data may lack it.
        feature_names: Columns of the training table, which are picked by name; other columns are left out.

    Raises:
        DataError: The data cannot be read, or does not fit the model.
    """
    raw = _read(path, _Request(labels, labels_needed=False, columns=feature_names, image_size=image_size))
    check_raw(path, raw, at_least=1)
    points = raw.points
    if raw.kind == "images" and points.shape[1] == 1 and shape[1:] == points.shape[2:] and shape[0] == 3:
        points = np.repeat(points, 3, axis=1)
    if points.shape[1:] != tuple(shape):
        raise DataError(
            f"{path}: expected examples of shape {tuple(shape)}, as the model was trained on; "
            f"got {points.shape[1:]}. Give data of the same kind and size."
        )
    tensor = torch.from_numpy(points)
    tensor = tensor.float() if scaling is None else scaling.apply(tensor)
    check_float32(path, tensor)
    if raw.labels is None:
        return Examples(tensor, None, raw.names, ())
    numbers, class_names = numbered_labels(path, raw.labels)
    return Examples(tensor, torch.from_numpy(numbers), raw.names, class_names)


@dataclass(frozen=True)
class _Request:
    """What is wanted of the data at a path; see :func:`load_file` and :func:`read_examples`."""

    labels: str | None = None
    labels_needed: bool = True
    columns: tuple[str, ...] = ()
    image_size: int | None = None


def _read(path: Path, request: _Request) -> RawData:
    """Read whatever lies at ``path`` by its kind; resize images where asked."""
    if not path.exists():
        raise DataError(f"{path}: expected {_FORMATS}; there is nothing at this path. Check it.")
    if request.labels is not None and request.labels_needed and (path.is_dir() or is_idx_name(path)):
        raise DataError(
            f"{path}: expected no name of labels, since subfolders or the IDX file beside hold them; got "
            f"'{request.labels}'. Leave out --data.labels."
        )
    if path.is_dir() and not has_idx_files(path):
        return read_image_folder(path, image_size=request.image_size)
    raw = _read_file(path, request)
    if raw.kind == "images" and request.image_size is not None:
        return replace(raw, points=resize(raw.points, request.image_size))
    return raw


def _read_file(path: Path, request: _Request) -> RawData:
    labels, needed = request.labels, request.labels_needed
    if path.is_dir():
        return read_idx_folder(path)
    if is_idx_name(path):
        return read_idx(path)
    match path.suffix.lower():
        case ".npz":
            return read_npz(path, labels=labels, labels_needed=needed)
        case ".npy":
            return read_npy(path, labels=labels, labels_needed=needed)
        case ".csv" | ".tsv":
            return read_csv(path, labels=labels, labels_needed=needed, columns=request.columns)
        case ".parquet":
            return read_parquet(path, labels=labels, labels_needed=needed, columns=request.columns)
    raise DataError(
        f"{path}: expected {_FORMATS}; got a file with the extension '{path.suffix}'. Convert it first."
    )


def _digest(points: Array, numbers: Array | None) -> str:
    """Return the SHA-256 of examples as they were read, and of their labels, by which they are split."""
    digest = hashlib.sha256(repr((points.shape, points.dtype.str)).encode())
    for array in (points, numbers):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _split(raw: RawData, numbers: Array | None, seed: int) -> tuple[Tensor, Tensor]:
    """Return the rows to train on and those held out."""
    n = len(raw.points)
    if 0 < raw.n_test < n:
        rows = torch.arange(n)
        return rows[: n - raw.n_test], rows[n - raw.n_test :]
    train, test = held_out_split(n, numbers, share=HELD_OUT, rng=Streams(seed)("data/split"))
    return torch.from_numpy(train), torch.from_numpy(test)


def scaled(path: Path, raw: RawData, train_rows: Tensor | None) -> tuple[Tensor, Scaling | None]:
    """Return float32 examples; vectors are standardised on ``train_rows`` where these are given.

    Raises:
        DataError: Single precision cannot hold them, or a column's variance overflows.
    """
    points, scaling = torch.from_numpy(raw.points), None
    if raw.kind == "vectors" and train_rows is not None:
        scaling = Scaling.of(points[train_rows])
        _check_spread(path, scaling)
        points = scaling.apply(points)
    points = points.float()
    check_float32(path, points)
    return points, scaling


def _check_spread(path: Path, scaling: Scaling) -> None:
    """Make sure that the columns' standard deviations are numbers that one can divide by."""
    if not bool(torch.isfinite(scaling.std).all()):
        column = int((~torch.isfinite(scaling.std)).nonzero()[0])
        raise DataError(
            f"{path}: expected columns whose variance is a finite number; that of column {column} (counted from 0) "
            "overflows. Rescale that column."
        )


def check_float32(path: Path, points: Tensor) -> None:
    """Make sure that no number overflowed on its way to single precision.

    Raises:
        DataError: One did; the message says where.
    """
    if not bool(torch.isfinite(points).all()):
        row, column = (int(k) for k in (~torch.isfinite(points)).nonzero()[0][:2])
        raise DataError(
            f"{path}: expected numbers that single precision can hold; row {row}, column {column} (counted "
            "from 0) overflows. Rescale that column."
        )


def _info(path: Path, raw: RawData, class_names: tuple[str, ...]) -> DatasetInfo:
    shape = "x".join(str(k) for k in raw.points.shape[1:])
    what = "images" if raw.kind == "images" else "vectors"
    return DatasetInfo(
        name=FILE.name,
        kind=raw.kind,
        description=f"The {what} of {path.name}.",
        size=f"{len(raw.points):,} {what} of {shape}",
        source=path.name,
        licence="the user's own data",
        class_names=class_names,
    )
