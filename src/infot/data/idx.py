"""IDX files, the format of MNIST and Fashion-MNIST, plain or gzipped, one file or a folder of them."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from infot.data.arrays import raw_from_arrays
from infot.data.checks import check_lengths
from infot.data.raw import Array, RawData
from infot.errors import DataError

__all__ = ["has_idx_files", "is_idx_name", "read_idx", "read_idx_folder"]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_BYTES = 1 << 40


def is_idx_name(path: Path) -> bool:
    """Tell whether a file name is that of an IDX file, for instance ``train-images-idx3-ubyte.gz``.

    Example:
        >>> is_idx_name(Path("train-images-idx3-ubyte.gz")), is_idx_name(Path("a.npz"))
        (True, False)
    """
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".idx", "ubyte")) or ".idx" in name or "-idx" in name


def has_idx_files(folder: Path) -> bool:
    """Tell whether a folder holds IDX files."""
    return any(is_idx_name(path) for path in folder.iterdir() if path.is_file())


def read_idx(path: Path) -> RawData:
    """Read an IDX file of examples; labels are in the file beside it, named ``labels`` for ``images``.

    Raises:
        DataError: The file is damaged, or the labels are of another length.
    """
    points = _read_array(path)
    beside = _labels_beside(path)
    return raw_from_arrays(path, points, labels=None if beside is None else _read_array(beside))


def read_idx_folder(folder: Path) -> RawData:
    """Read a folder of IDX files: ``train-images…``, and ``t10k-images…`` or ``test-images…`` as held out.

    Raises:
        DataError: There is no file of training images, or one of the files is damaged.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and is_idx_name(path))
    images = [path for path in files if "labels" not in path.name.lower()]
    test = [path for path in images if path.name.lower().startswith(("t10k", "test"))]
    train = [path for path in images if path not in test]
    if len(train) != 1 or len(test) > 1:
        held = ", ".join(path.name for path in files)
        raise DataError(
            f"{folder}: expected one IDX file of training images and at most one of test images "
            f"(t10k-images-…); it holds {held}. Give the path of the file itself."
        )
    if not test:
        return read_idx(train[0])
    return _joined(folder, read_idx(train[0]), read_idx(test[0]))


def _joined(folder: Path, train: RawData, test: RawData) -> RawData:
    if train.points.shape[1:] != test.points.shape[1:]:
        raise DataError(
            f"{folder}: expected training and test images of one shape; "
            f"got {train.points.shape[1:]} and {test.points.shape[1:]}."
        )
    if (train.labels is None) != (test.labels is None):
        raise DataError(f"{folder}: expected label files for both parts or for neither; only one is there.")
    labels = None
    if train.labels is not None and test.labels is not None:
        labels = np.concatenate([train.labels, test.labels])
        check_lengths(folder, len(train.points) + len(test.points), labels)
    points = np.concatenate([train.points, test.points])
    names = tuple(str(i) for i in range(len(points)))
    return RawData(points, train.kind, labels, names, n_test=len(test.points))


def _labels_beside(path: Path) -> Path | None:
    """Return the label file that belongs to a file of images, gzipped or not, or None."""
    name = path.name.removesuffix(".gz")
    if "images" not in name:
        return None
    guess = name.replace("images", "labels").replace("idx3", "idx1")
    found = (path.with_name(guess + ending) for ending in ("", ".gz"))
    return next((candidate for candidate in found if candidate.is_file()), None)


def _read_array(path: Path) -> Array:
    """Read one IDX file: two zero bytes, type, number of dimensions, big-endian lengths, then the values."""
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            head = stream.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _DTYPES or not 1 <= head[3] <= 4:
                raise DataError(
                    f"{path}: expected an IDX file; its first bytes are {head.hex() or 'missing'}. Check it."
                )
            shape = tuple(int(k) for k in np.frombuffer(stream.read(4 * head[3]), ">u4"))
            dtype = np.dtype(_DTYPES[head[2]])
            expected = int(np.prod([dtype.itemsize, *shape], dtype=object))
            content = stream.read(min(expected, _MAX_BYTES) + 1)
    except FileNotFoundError as error:
        raise DataError(f"{path}: expected a file; there is none. Check the path.") from error
    except (OSError, EOFError, zlib.error, MemoryError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read; it may be truncated or damaged ({error}). Fetch it again."
        ) from error
    if len(shape) != head[3] or len(content) != expected:
        came = f"more than {expected}" if len(content) > expected else str(len(content))
        raise DataError(
            f"{path}: expected {expected} bytes of values by its header (shape {shape}); got {came}. "
            "It is truncated or damaged: fetch it again."
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
