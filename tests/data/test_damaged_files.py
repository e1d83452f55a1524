"""Files cut short or altered at any place end in a DataError, or in data; never in anything else."""

import gzip
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infot.data import load
from infot.errors import DataError

GREY = np.random.default_rng(0).integers(0, 256, (6, 4, 4), dtype=np.uint8)
KINDS = ["a.npy", "a.npz", "a-idx3-ubyte", "a-idx3-ubyte.gz"]


def write(path: Path) -> bytes:
    """Write six images in the format of the name; returns the file's bytes."""
    if path.suffix == ".npy":
        np.save(path, GREY)
    elif path.suffix == ".npz":
        np.savez_compressed(path, allow_pickle=False, x=GREY)
    else:
        content = struct.pack(">HBBIII", 0, 8, 3, *GREY.shape) + GREY.tobytes()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_anywhere(tmp_path: Path, kind: str) -> None:
    content = write(tmp_path / kind)
    load("file", path=tmp_path / kind)
    for length in range(0, len(content) - 8, max(1, len(content) // 40)):
        (tmp_path / kind).write_bytes(content[:length])
        with pytest.raises(DataError, match="truncated or damaged|expected an IDX file|pickled"):
            load("file", path=tmp_path / kind)


@pytest.mark.parametrize("kind", KINDS)
def test_any_flipped_bit(tmp_path: Path, kind: str) -> None:
    content = write(tmp_path / kind)
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        (tmp_path / kind).write_bytes(damaged)
        with suppress(DataError):
            assert len(load("file", path=tmp_path / kind).train) > 0


@pytest.mark.parametrize("extension", ["png", "gif", "bmp", "tif"])
def test_any_flipped_bit_of_an_image(tmp_path: Path, extension: str) -> None:
    for i, pixels in enumerate(GREY[:3]):
        Image.fromarray(pixels).save(tmp_path / f"{i}.{extension}")
    content = (tmp_path / f"1.{extension}").read_bytes()
    for place in range(0, len(content), max(1, len(content) // 150)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        (tmp_path / f"1.{extension}").write_bytes(damaged)
        with suppress(DataError):
            assert len(load("file", path=tmp_path).train) > 0


def test_idx_header_that_promises_more(tmp_path: Path) -> None:
    path = tmp_path / "a.idx"
    path.write_bytes(struct.pack(">HBBII", 0, 8, 2, 4, 3) + bytes(11))
    with pytest.raises(
        DataError, match=r"expected 12 bytes of values by its header \(shape \(4, 3\)\); got 11"
    ):
        load("file", path=path)
    path.write_bytes(struct.pack(">HBBII", 0, 8, 2, 4, 3) + bytes(13))
    with pytest.raises(DataError, match="got more than 12"):
        load("file", path=path)


def test_idx_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.idx").write_bytes(b"GIF89a and more")
    with pytest.raises(DataError, match="expected an IDX file; its first bytes are 47494638"):
        load("file", path=tmp_path / "a.idx")
    (tmp_path / "b-ubyte.gz").write_bytes(b"not gzipped")
    with pytest.raises(DataError, match="cannot be read; it may be truncated"):
        load("file", path=tmp_path / "b-ubyte.gz")


def test_idx_folder_that_is_unclear(tmp_path: Path) -> None:
    for name in ("a-images.idx", "b-images.idx"):
        (tmp_path / name).write_bytes(struct.pack(">HBBII", 0, 8, 2, 2, 1) + bytes([0, 1]))
    with pytest.raises(
        DataError, match=r"one IDX file of training images .* it holds a-images\.idx, b-images\.idx"
    ):
        load("file", path=tmp_path)


def test_idx_parts_that_do_not_fit(tmp_path: Path) -> None:
    (tmp_path / "train-images.idx").write_bytes(struct.pack(">HBBII", 0, 8, 2, 2, 1) + bytes([0, 1]))
    (tmp_path / "t10k-images.idx").write_bytes(struct.pack(">HBBII", 0, 8, 2, 1, 2) + bytes([0, 1]))
    with pytest.raises(DataError, match=r"of one shape; got \(1,\) and \(2,\)"):
        load("file", path=tmp_path)
    (tmp_path / "t10k-images.idx").write_bytes(struct.pack(">HBBII", 0, 8, 2, 2, 1) + bytes([0, 1]))
    (tmp_path / "t10k-labels.idx").write_bytes(struct.pack(">HBBI", 0, 8, 1, 2) + bytes([0, 1]))
    with pytest.raises(DataError, match="label files for both parts or for neither"):
        load("file", path=tmp_path)
