"""Each file format gives back what was written into it."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from infot.data import Dataset, load, read_examples

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (10, 5, 6), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (10, 5, 6, 3), dtype=np.uint8)
TABLE = RNG.normal(3.0, 2.0, (20, 3))


def whole(data: Dataset) -> torch.Tensor:
    """Put both parts together, sorted, to compare with what was written regardless of the split."""
    points = torch.cat([data.train, data.test]).flatten(1)
    return points[np.lexsort(points.numpy().T)]


def same(data: Dataset, expected: np.ndarray) -> bool:
    flat = expected.reshape(len(expected), -1).astype(np.float32)
    return torch.equal(whole(data), torch.from_numpy(flat[np.lexsort(flat.T)]))


def write_idx(path: Path, array: np.ndarray) -> None:
    codes = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
    head = struct.pack(f">HBB{array.ndim}I", 0, codes[array.dtype.str[1:]], array.ndim, *array.shape)
    content = head + array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (GREY, GREY[:, None] / 255),
        (GREY.astype(np.int64), GREY[:, None] / 255),
        (GREY.astype(np.uint16) * 257, GREY[:, None] / 255),
        ((GREY / 255).astype(np.float32), (GREY[:, None] / 255)),
        ((GREY / 255).astype(np.float64), (GREY[:, None] / 255)),
        (GREY > 128, GREY[:, None] > 128),
        ((GREY > 128).astype(np.uint8), GREY[:, None] > 128),
        (GREY[..., None], GREY[:, None] / 255),
        (GREY[:, None], GREY[:, None] / 255),
        (COLOUR, COLOUR.transpose(0, 3, 1, 2) / 255),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR.transpose(0, 3, 1, 2) / 255),
    ],
)
def test_npy_images_of_every_layout_and_depth(
    tmp_path: Path, array: np.ndarray, expected: np.ndarray
) -> None:
    np.save(tmp_path / "a.npy", array)
    data = load("file", path=tmp_path / "a.npy")
    assert data.kind == "images" and data.shape == expected.shape[1:]
    assert data.train.dtype == torch.float32 and data.scaling is None
    flat = expected.reshape(10, -1).astype(np.float64)
    torch.testing.assert_close(
        whole(data).double(), torch.from_numpy(flat[np.lexsort(flat.T)]), atol=1e-7, rtol=0
    )


def test_npy_half_precision_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", (GREY / 255).astype(np.float16))
    torch.testing.assert_close(
        whole(load("file", path=tmp_path / "a.npy")).sum(),
        torch.tensor(GREY.sum() / 255, dtype=torch.float32),
        rtol=1e-3,
        atol=0,
    )


def test_arrays_with_alpha_are_laid_on_white(tmp_path: Path) -> None:
    rgba = np.concatenate([COLOUR, np.zeros((10, 5, 6, 1), np.uint8)], axis=3)
    rgba[0, ..., 3] = 255
    np.save(tmp_path / "a.npy", rgba)
    points, *_ = read_examples(tmp_path / "a.npy", shape=(3, 5, 6))
    torch.testing.assert_close(points[0], torch.from_numpy(COLOUR[0]).permute(2, 0, 1) / 255)
    assert torch.equal(points[1:], torch.ones(9, 3, 5, 6))


def test_npz_with_labels_is_split_by_class(tmp_path: Path) -> None:
    labels = np.array([7, 3] * 5)
    np.savez(tmp_path / "a.npz", allow_pickle=False, x=GREY, y=labels)
    data = load("file", path=tmp_path / "a.npz")
    assert same(data, GREY / np.float32(255))
    assert data.class_names == ("3", "7")
    assert data.train_labels is not None and data.test_labels is not None
    assert data.train_labels.bincount().tolist() == [4, 4] and data.test_labels.tolist().count(0) == 1


def test_labels_stay_with_their_examples(tmp_path: Path) -> None:
    points = np.arange(40.0).reshape(20, 2)
    np.savez(tmp_path / "a.npz", allow_pickle=False, x=points, y=np.arange(20) // 10)
    data = load("file", path=tmp_path / "a.npz", standardise=False)
    assert data.train_labels is not None and data.test_labels is not None
    assert torch.equal(data.train_labels, (data.train[:, 0] >= 20).long())
    assert torch.equal(data.test_labels, (data.test[:, 0] >= 20).long())


def test_npz_keeps_its_own_test_part(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", allow_pickle=False, x_train=GREY[:7], x_test=GREY[7:])
    data = load("file", path=tmp_path / "a.npz")
    assert torch.equal(data.test[:, 0], torch.from_numpy(GREY[7:]) / 255) and len(data.train) == 7


@pytest.mark.parametrize("key", ["X", "data", "images", "imgs", "features", "whatever"])
def test_npz_names_of_the_examples(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "a.npz", allow_pickle=False, **{key: GREY})  # pyright: ignore[reportArgumentType]
    assert same(load("file", path=tmp_path / "a.npz"), GREY / np.float32(255))


def test_npz_labels_by_name_may_be_text(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", allow_pickle=False, x=GREY, kind=np.array(["dog", "cat"] * 5)[:, None])
    assert load("file", path=tmp_path / "a.npz", labels="kind").class_names == ("cat", "dog")


def test_npz_leaves_pickled_members_it_does_not_need_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", imgs=GREY, metadata=np.array({"a": 1}, dtype=object))
    assert same(load("file", path=tmp_path / "a.npz"), GREY / np.float32(255))


def test_npy_labels_lie_beside(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", GREY)
    np.save(tmp_path / "kinds.npy", np.array([0.0, 1.0] * 5))
    assert load("file", path=tmp_path / "a.npy", labels="kinds.npy").class_names == ("0", "1")


def test_vectors_are_standardised_on_the_training_part_and_back(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", TABLE)
    data = load("file", path=tmp_path / "a.npy")
    assert data.kind == "vectors" and data.scaling is not None
    torch.testing.assert_close(data.train.mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(data.train.square().mean(0), torch.ones(3))
    restored = data.scaling.undo(torch.cat([data.train, data.test]))
    raw = load("file", path=tmp_path / "a.npy", standardise=False)
    assert raw.scaling is None and same(raw, TABLE)
    torch.testing.assert_close(restored, torch.cat([raw.train, raw.test]))


def test_large_offsets_keep_their_digits(tmp_path: Path) -> None:
    times = 1.7e9 + np.arange(50.0)[:, None]
    np.save(tmp_path / "a.npy", times)
    data = load("file", path=tmp_path / "a.npy")
    assert len(torch.unique(data.train)) == 40


def test_constant_column_is_centred_alone(tmp_path: Path) -> None:
    table = TABLE.copy()
    table[:, 1] = 0.1
    np.save(tmp_path / "a.npy", table)
    data = load("file", path=tmp_path / "a.npy")
    assert data.scaling is not None
    assert torch.equal(data.train[:, 1], torch.zeros(16)) and data.scaling.std[1] == 1.0
    assert torch.equal(data.scaling.undo(data.train)[:, 1], torch.full((16,), 0.1))


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_file_and_the_labels_beside(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"train-images-idx3-ubyte{ending}"
    write_idx(path, GREY)
    write_idx(tmp_path / f"train-labels-idx1-ubyte{ending}", np.arange(10, dtype=np.uint8) % 2)
    data = load("file", path=path)
    assert same(data, GREY / np.float32(255)) and data.class_names == ("0", "1")


def test_idx_folder_has_two_parts(tmp_path: Path) -> None:
    for part, rows in (("train", slice(0, 8)), ("t10k", slice(8, 10))):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", GREY[rows])
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", np.arange(10, dtype=np.uint8)[rows] % 2)
    data = load("file", path=tmp_path)
    assert torch.equal(data.train[:, 0], torch.from_numpy(GREY[:8]) / 255)
    assert torch.equal(data.test[:, 0], torch.from_numpy(GREY[8:]) / 255)
    assert data.test_labels is not None and data.test_labels.tolist() == [0, 1]


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "f4", "f8"])
def test_idx_vectors_of_every_type(tmp_path: Path, dtype: str) -> None:
    table = np.arange(-12, 12).reshape(8, 3).astype(dtype)
    write_idx(tmp_path / "table.idx", table)
    assert same(load("file", path=tmp_path / "table.idx", standardise=False), table)


@pytest.mark.parametrize(("delimiter", "name"), [(",", "t.csv"), (";", "t.csv"), ("\t", "t.tsv")])
@pytest.mark.parametrize("header", ["a{0}b{0}c", "0{0}1{0}2", ""])
def test_csv_with_and_without_names(tmp_path: Path, delimiter: str, name: str, header: str) -> None:
    lines = [delimiter.join(repr(float(v)) for v in row) for row in TABLE]
    (tmp_path / name).write_text(
        "\ufeff" + "\n".join([header.format(delimiter)] * bool(header) + lines) + "\n", "utf-8"
    )
    data = load("file", path=tmp_path / name, standardise=False)
    assert same(data, TABLE)
    assert data.feature_names == (("a", "b", "c") if "a" in header else ("0", "1", "2"))


def test_csv_text_column_as_labels(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        'x,"the, kind",y\n' + "".join(f'{i},"{"ab"[i % 2]}",{i * i}\n' for i in range(10))
    )
    data = load("file", path=tmp_path / "t.csv", labels="the, kind")
    assert data.class_names == ("a", "b") and data.feature_names == ("x", "y")


def test_csv_leaves_the_row_numbers_of_pandas_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",x\n" + "".join(f"{i},{i * i}\n" for i in range(10)))
    assert load("file", path=tmp_path / "t.csv").feature_names == ("x",)


def test_parquet_round_trip(tmp_path: Path) -> None:
    columns = {"a": TABLE[:, 0], "b": np.arange(20), "on": np.arange(20) % 2 == 0, "kind": ["u", "v"] * 10}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    data = load("file", path=tmp_path / "t.parquet", labels="kind", standardise=False)
    assert data.feature_names == ("a", "b", "on") and data.class_names == ("u", "v")
    assert same(data, np.stack([columns["a"], columns["b"], columns["on"]], axis=1))


@pytest.mark.parametrize("extension", ["png", "bmp", "tif", "gif", "pgm"])
def test_grey_image_folder(tmp_path: Path, extension: str) -> None:
    for i, pixels in enumerate(GREY):
        Image.fromarray(pixels).save(tmp_path / f"{i}.{extension}")
    data = load("file", path=tmp_path)
    assert data.shape == (1, 5, 6) and same(data, GREY / np.float32(255)) and data.train_labels is None


@pytest.mark.parametrize(("extension", "options"), [("png", {}), ("ppm", {}), ("webp", {"lossless": True})])
def test_colour_image_folder(tmp_path: Path, extension: str, options: dict[str, Any]) -> None:
    for i, pixels in enumerate(COLOUR):
        Image.fromarray(pixels).save(tmp_path / f"{i}.{extension}", **options)
    data = load("file", path=tmp_path)
    assert data.shape == (3, 5, 6) and same(data, COLOUR.transpose(0, 3, 1, 2) / np.float32(255))


def test_jpeg_is_read_closely(tmp_path: Path) -> None:
    for grey in (40, 200):
        Image.fromarray(np.full((8, 8), grey, np.uint8)).save(tmp_path / f"{grey}.JPG", quality=95)
    points, _, names, _ = read_examples(tmp_path, shape=(1, 8, 8))
    torch.testing.assert_close(points.mean((1, 2, 3)), torch.tensor([200.0, 40.0]) / 255, atol=0.01, rtol=0)
    assert names == ("200.JPG", "40.JPG")


def test_subfolders_are_classes(tmp_path: Path) -> None:
    for i, pixels in enumerate(GREY):
        folder = tmp_path / ("cats" if i % 2 else "birds")
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    data = load("file", path=tmp_path)
    assert data.class_names == ("birds", "cats")
    assert data.train_labels is not None and data.train_labels.bincount().tolist() == [4, 4]


def test_folders_train_and_test_are_the_parts(tmp_path: Path) -> None:
    for i, pixels in enumerate(GREY):
        folder = tmp_path / ("test" if i >= 7 else "train") / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    data = load("file", path=tmp_path)
    assert len(data.train) == 7 and len(data.test) == 3 and data.class_names == ("a", "b")


def test_hidden_and_foreign_files_are_left_out(tmp_path: Path) -> None:
    for i, pixels in enumerate(GREY):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "broken.png").write_text("no image")
    (tmp_path / ".cover.png").write_text("no image")
    (tmp_path / "notes.txt").write_text("no image")
    assert same(load("file", path=tmp_path), GREY / np.float32(255))


def folder_of(tmp_path: Path, *images: Image.Image) -> torch.Tensor:
    """Write images as PNG and read them back as 2x2 RGB."""
    for i, image in enumerate(images):
        image.save(tmp_path / f"{i}.png")
    return read_examples(tmp_path, shape=(3, 2, 2))[0]


def test_every_png_mode_is_read(tmp_path: Path) -> None:
    red, half_red = Image.new("RGB", (2, 2), (255, 0, 0)), Image.new("RGBA", (2, 2), (255, 0, 0, 51))
    palette = red.quantize(4)
    grey_alpha = Image.new("LA", (2, 2), (0, 51))
    bits = Image.new("1", (2, 2), 1)
    deep = Image.fromarray(np.full((2, 2), 13107, np.uint16))
    read = folder_of(tmp_path, red, half_red, palette, grey_alpha, bits, deep)
    expected = [[1, 0, 0], [1, 0.8, 0.8], [1, 0, 0], [0.8, 0.8, 0.8], [1, 1, 1], [0.2, 0.2, 0.2]]
    torch.testing.assert_close(read[:, :, 1, 1], torch.tensor(expected))


def test_camera_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    image.save(tmp_path / "a.png", exif=exif)
    points, *_ = read_examples(tmp_path, shape=(1, 3, 2))
    assert torch.equal(
        (points[0, 0] * 255).round(), torch.tensor([[120.0, 0.0], [160.0, 40.0], [200.0, 80.0]])
    )


def test_image_size_crops_and_resizes_images_of_any_size(tmp_path: Path) -> None:
    Image.new("RGB", (8, 4), (0, 0, 255)).save(tmp_path / "wide.png")
    Image.new("RGB", (4, 12), (255, 0, 0)).save(tmp_path / "tall.png")
    data = load("file", path=tmp_path, image_size=4)
    assert data.shape == (3, 4, 4)
    assert {tuple(v) for v in torch.cat([data.train, data.test]).mean((2, 3)).tolist()} == {
        (0, 0, 1),
        (1, 0, 0),
    }


def test_resizing_keeps_the_centre_and_averages(tmp_path: Path) -> None:
    images = np.zeros((2, 4, 8), np.float32)
    images[0, :, 2:6] = 1.0
    images[1, :, 2::2] = 1.0
    np.save(tmp_path / "a.npy", images)
    points, *_ = read_examples(tmp_path / "a.npy", shape=(1, 2, 2), image_size=2)
    torch.testing.assert_close(points[0], torch.ones(1, 2, 2))
    torch.testing.assert_close(points[1].mean(), torch.tensor(0.5))


def test_split_depends_on_the_seed_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", TABLE)
    first, again, other = (
        load("file", path=tmp_path / "a.npy", seed=s, standardise=False) for s in (0, 0, 1)
    )
    assert torch.equal(first.test, again.test) and torch.equal(first.train, again.train)
    assert not torch.equal(first.test, other.test)
