"""Numpy files: .npy and .npz holding images or vectors, read without ever unpickling."""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib.npyio import NpzFile

from infot.data.checks import check_lengths, nearest
from infot.data.pixels import images_from_array
from infot.data.raw import Array, RawData
from infot.errors import DataError

__all__ = ["raw_from_arrays", "read_npy", "read_npz"]

_TRAIN = ("x_train", "x", "train", "train_images", "data", "images", "imgs", "features", "arr_0")
_TEST = ("x_test", "test", "test_images", "data_test")
_TRAIN_LABELS = ("y_train", "y", "train_labels", "labels", "label", "targets", "target", "arr_1")
_TEST_LABELS = ("y_test", "test_labels")


def read_npy(path: Path, *, labels: str | None = None, labels_needed: bool = True) -> RawData:
    """Read one array of examples.

    Args:
        path: The .npy file.
        labels: Another .npy file with one label for each example; a relative name is looked for beside
            ``path``.
        labels_needed: Whether labels that are asked for must be there.

    Returns:
        The examples.

    Raises:
        DataError: The file cannot be read, is pickled, or holds no images or vectors.
    """
    points = _load_npy(path)
    found = labels is not None and labels.endswith(".npy") and (path.parent / labels).is_file()
    if labels is None or not (found or labels_needed):
        return raw_from_arrays(path, points)
    if not labels.endswith(".npy"):
        raise DataError(
            f"{path} holds one array and no '{labels}'. Give a .npy file of labels, or an .npz with both."
        )
    return raw_from_arrays(path, points, labels=_load_npy(path.parent / labels))


def read_npz(path: Path, *, labels: str | None = None, labels_needed: bool = True) -> RawData:
    """Read an archive of arrays: ``x`` and, where there, ``y``, ``x_test``, ``y_test`` (or synonyms).

    Args:
        path: The .npz file.
        labels: Name of the array of labels; unset: ``y`` or a common synonym.
        labels_needed: Whether labels that are asked for must be there.

    Returns:
        The examples, those that the file holds out last.

    Raises:
        DataError: The file cannot be read, is pickled, or holds no images or vectors.
    """
    with _open(path) as stream:
        archive = _load(path, stream)
        if not isinstance(archive, NpzFile):
            raise DataError(f"{path}: expected an .npz archive; it holds a single array. Rename it to .npy.")
        keys = {key.lower(): key for key in archive.files}
        labels = labels if labels_needed or labels in archive.files else None
        members = {
            "x": _find_points(path, keys, labels),
            "y": _find_labels(path, keys, labels),
            "x_test": _find(keys, _TEST),
            "y_test": _find(keys, _TEST_LABELS),
        }
        arrays = {role: _member(path, archive, key) for role, key in members.items() if key is not None}
    return _joined(path, arrays)


def raw_from_arrays(path: Path, points: Array, *, labels: Array | None = None, n_test: int = 0) -> RawData:
    """Make examples of an array: (n, d) vectors, or images (n, h, w), (n, h, w, c), (n, c, h, w).

    Args:
        path: Where the array came from, for messages.
        points: The array.
        labels: Labels (n,), or ``None``.
        n_test: How many examples at the end are held out.

    Returns:
        The examples; images as float32 in [0, 1], vectors as float64.

    Raises:
        DataError: Wrong dtype or number of dimensions, or labels of another length.
    """
    if points.dtype.kind not in "buif":
        raise DataError(
            f"{path}: expected an array of real numbers; its dtype is {points.dtype}. "
            "Save numbers, one array a file."
        )
    if points.ndim not in (2, 3, 4):
        raise DataError(
            f"{path}: expected vectors (n, d) or images (n, h, w), (n, h, w, c), (n, c, h, w); "
            f"the array has shape {points.shape}. Reshape it before saving."
        )
    if labels is not None:
        labels = np.asarray(labels)
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        check_lengths(path, len(points), labels)
    names = tuple(str(i) for i in range(len(points)))
    if points.ndim == 2:
        return RawData(points.astype(np.float64), "vectors", labels, names, n_test)
    return RawData(images_from_array(path, points), "images", labels, names, n_test)


def _joined(path: Path, arrays: dict[str, Array]) -> RawData:
    """Put the held-out arrays behind the others."""
    points, labels = arrays["x"], arrays.get("y")
    if "x_test" not in arrays:
        return raw_from_arrays(path, points, labels=labels)
    test, test_labels = arrays["x_test"], arrays.get("y_test")
    if points.shape[1:] != test.shape[1:]:
        raise DataError(
            f"{path}: expected training and held-out examples of one shape; got {points.shape[1:]} and "
            f"{test.shape[1:]}."
        )
    if (labels is None) != (test_labels is None):
        raise DataError(
            f"{path}: expected labels for both parts (y, y_test) or for neither; only one is there."
        )
    if labels is None or test_labels is None:
        return raw_from_arrays(path, np.concatenate([points, test]), n_test=len(test))
    check_lengths(path, len(points), labels)
    check_lengths(path, len(test), test_labels)
    joined = np.concatenate([points, test]), np.concatenate([labels, test_labels])
    return raw_from_arrays(path, joined[0], labels=joined[1], n_test=len(test))


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _load(path: Path, stream: BinaryIO) -> Array | NpzFile:
    """Read a numpy file without unpickling; whatever a damaged one makes numpy raise ends as one error."""
    try:
        return np.load(stream, allow_pickle=False)
    except Exception as error:
        raise _unreadable(path, error) from error


def _load_npy(path: Path) -> Array:
    with _open(path) as stream:
        array = _load(path, stream)
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: expected a single array; it is an archive of several. Rename it to .npz.")
    return array


def _member(path: Path, archive: NpzFile, key: str) -> Array:
    try:
        return np.asarray(archive[key])
    except Exception as error:
        raise _unreadable(path, error, member=key) from error


def _unreadable(path: Path, error: Exception, member: str = "") -> DataError:
    """Say why a numpy file could not be read: missing, pickled or damaged."""
    where = f"{path}, array '{member}'" if member else str(path)
    if isinstance(error, FileNotFoundError):
        return DataError(f"{where}: expected a file; there is none. Check the path.")
    if "pickle" in str(error).lower():
        return DataError(
            f"{where}: holds pickled Python objects (dtype object), which are never loaded: they can run "
            "code. Save plain numbers with numpy.save or numpy.savez."
        )
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(
        f"{where}: cannot be read as a numpy file; it may be truncated or damaged ({reason}). Save it again."
    )


def _find(keys: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((keys[name] for name in names if name in keys), None)


def _find_points(path: Path, keys: Mapping[str, str], labels: str | None) -> str:
    """Name the array of examples: by a known name, or the only one there is."""
    found = _find(keys, _TRAIN)
    others = [key for key in keys.values() if key != labels]
    if found is None and len(others) == 1:
        found = others[0]
    if found is None:
        held = ", ".join(keys.values()) or "nothing"
        raise DataError(
            f"{path}: expected an array named x (and y for labels); it holds {held}. Rename the array."
        )
    return found


def _find_labels(path: Path, keys: Mapping[str, str], labels: str | None) -> str | None:
    if labels is None:
        return _find(keys, _TRAIN_LABELS)
    if labels not in keys.values():
        hint = nearest(labels, keys.values())
        raise DataError(
            f"{path}: expected an array of labels named '{labels}'; it holds "
            f"{', '.join(keys.values())}.{hint}"
        )
    return labels
