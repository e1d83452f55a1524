"""Bad data ends in a DataError of a line or two that says what was expected, what came and what to do."""

import builtins
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from infot.data import array_dataset, load
from infot.errors import DataError

GREY = np.random.default_rng(0).integers(0, 256, (6, 4, 4), dtype=np.uint8)


def refuse(path: Path, message: str, **options: Any) -> None:
    """Check that loading ``path`` fails with ``message``, in at most two lines that name the path."""
    with pytest.raises(DataError, match=message) as caught:
        load("file", path=path, **options)
    assert str(caught.value).count("\n") <= 1 and path.name in str(caught.value)
    assert caught.value.exit_code == 3


def npy(tmp_path: Path, array: np.ndarray) -> Path:
    np.save(tmp_path / "a.npy", array)
    return tmp_path / "a.npy"


def npz(tmp_path: Path, **arrays: np.ndarray) -> Path:
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays)  # pyright: ignore[reportArgumentType]
    return tmp_path / "a.npz"


def csv(tmp_path: Path, text: str) -> Path:
    (tmp_path / "t.csv").write_text(text)
    return tmp_path / "t.csv"


def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, pixels in enumerate(GREY):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def test_missing_path(tmp_path: Path) -> None:
    refuse(tmp_path / "absent.npz", "there is nothing at this path")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.npz.bak", "a.png"])
def test_unknown_extension(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    refuse(tmp_path / name, rf"\.npz, \.npy, IDX.*extension '{Path(name).suffix}'")


@pytest.mark.parametrize("name", ["t.csv", "a.npy", "a.npz", "a.idx", "t.parquet"])
def test_file_without_permission(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(b"x")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(builtins, "open", denied)
    monkeypatch.setattr(Path, "open", denied)
    monkeypatch.setattr(pq, "read_table", denied)
    refuse(tmp_path / name, "cannot be read.*Permission denied")


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", r"expected images \(\.png.* found none")


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("x")
    refuse(tmp_path / "notes", "found none")


def test_images_of_mixed_size_name_the_odd_one(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    Image.new("L", (5, 4)).save(folder / "3.png")
    with pytest.raises(DataError, match=r"3\.png: .*one size, 4x4 .* this one is 5x4\. .*--data\.image-size"):
        load("file", path=folder)


@pytest.mark.parametrize("content", [b"no image at all", b"", b"\x89PNG\r\n\x1a\n"])
def test_corrupt_image_among_good_ones_is_named(tmp_path: Path, content: bytes) -> None:
    folder = pictures(tmp_path)
    (folder / "4.png").write_bytes(content)
    with pytest.raises(DataError, match=r"4\.png: cannot be read as an image"):
        load("file", path=folder)


@pytest.mark.parametrize("extension", ["png", "jpg", "bmp", "tif", "gif"])
def test_truncated_image_is_named(tmp_path: Path, extension: str) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)).save(
        tmp_path / f"a.{extension}"
    )
    Image.new("L", (40, 40)).save(tmp_path / f"b.{extension}")
    content = (tmp_path / f"a.{extension}").read_bytes()
    (tmp_path / f"a.{extension}").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"a\.{extension}: cannot be read as an image"):
        load("file", path=tmp_path)


def test_float_image_outside_its_range_is_named(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 3.0, np.float32)).save(tmp_path / "deep.tif")
    with pytest.raises(DataError, match=r"deep\.tif: expected pixels .* from 0 to 3"):
        load("file", path=tmp_path)


def test_labels_of_a_folder_cannot_be_named(tmp_path: Path) -> None:
    refuse(pictures(tmp_path), "subfolders .*got 'kind'", labels="kind")


def test_text_columns_are_named(tmp_path: Path) -> None:
    path = csv(tmp_path, "x,city,name\n1,Rome,a\n2,Oslo,b\n")
    refuse(path, "hold text: 'city', 'name'.*--data.labels city")
    refuse(path, "hold text: 'name'", labels="city")


def test_table_of_text_alone(tmp_path: Path) -> None:
    refuse(
        csv(tmp_path, "city\nRome\nOslo\n"), "at least one column of numbers beside the labels", labels="city"
    )


def test_unknown_label_column_offers_the_nearest(tmp_path: Path) -> None:
    refuse(
        csv(tmp_path, "x,species\n1,a\n2,b\n"), "a column 'specis' .* Did you mean 'species'", labels="specis"
    )


def test_labels_with_fractions(tmp_path: Path) -> None:
    refuse(
        csv(tmp_path, "x,y\n1,0.5\n2,1\n"), "labels that are whole numbers or text; got fractions", labels="y"
    )


def test_labels_that_are_missing(tmp_path: Path) -> None:
    refuse(csv(tmp_path, "x,y\n1,a\n2,\n3,b\n"), "a label for every datum; row 1 .* has none", labels="y")
    refuse(npz(tmp_path, x=GREY, y=np.array(["a", "b", "", "a", "b", ""])), "row 2 .* has none")


def test_csv_cell_that_is_empty_or_infinite_is_placed(tmp_path: Path) -> None:
    refuse(csv(tmp_path, "a,b\n1,2\n3,\n5,6\n"), r"row 1, column 'b' \(counted from 0\) holds nan; 1 such")
    refuse(
        csv(tmp_path, "a,b\n1,2\n3,4\n-inf,nan\n"), r"row 2, column 'a' \(counted from 0\) holds -inf; 2 such"
    )


def test_csv_row_of_another_length_is_named(tmp_path: Path) -> None:
    refuse(csv(tmp_path, "a,b\n1,2\n3,4,5\n"), r"2 cells in each row; row 1 \(from 0\) has 3")


def test_csv_column_names_that_come_twice(tmp_path: Path) -> None:
    refuse(csv(tmp_path, "a,b,a\n1,2,3\n4,5,6\n"), "come twice: 'a'")


@pytest.mark.parametrize("text", ["", "\n\n", " , \n"])
def test_csv_without_rows(tmp_path: Path, text: str) -> None:
    refuse(csv(tmp_path, text), "expected a table with rows; it is empty")


def test_csv_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("größe\n1\n2\n".encode("latin-1"))
    refuse(tmp_path / "t.csv", "in UTF-8 text; byte 2 is not")


def test_csv_with_an_endless_cell(tmp_path: Path) -> None:
    refuse(csv(tmp_path, "a\n" + "1" * 200_000), "cannot be read as a table")


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "t.parquet")
    whole_import = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return whole_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    refuse(tmp_path / "t.parquet", r'needs pyarrow.*pip install "infot\[parquet\]"')


def test_parquet_that_is_damaged_or_has_text_or_gaps(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": ["u", "v"]}), path)
    refuse(path, "hold text: 'b'")
    path.write_bytes(path.read_bytes()[:-20])
    refuse(path, "cannot be read as .parquet")
    pq.write_table(pa.table({"a": [1.0, None]}), path)
    refuse(path, r"row 1, column 'a' \(counted from 0\) holds nan")


@pytest.mark.parametrize("n", [5, 7])
def test_labels_of_another_length(tmp_path: Path, n: int) -> None:
    refuse(npz(tmp_path, x=GREY, y=np.zeros(n)), rf"expected 6 labels, one for each example; got .* \({n},\)")


def test_labels_for_one_part_alone(tmp_path: Path) -> None:
    refuse(npz(tmp_path, x=GREY, y=np.zeros(6), x_test=GREY), "labels for both parts")


def test_parts_of_different_shape(tmp_path: Path) -> None:
    refuse(npz(tmp_path, x=GREY, x_test=GREY[:, :3]), r"of one shape; got \(4, 4\) and \(3, 4\)")


def test_npz_without_examples(tmp_path: Path) -> None:
    refuse(npz(tmp_path, u=GREY, v=GREY), "an array named x .*it holds u, v")


def test_npz_without_the_named_labels(tmp_path: Path) -> None:
    refuse(
        npz(tmp_path, x=GREY, kind=np.zeros(6)),
        "labels named 'kin'; it holds x, kind. Did you mean",
        labels="kin",
    )


def test_one_dimensional_labels_only(tmp_path: Path) -> None:
    refuse(npz(tmp_path, x=GREY, y=np.eye(6)), r"expected 6 labels, one for each example; got .*\(6, 6\)")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_vectors_and_pixels_are_placed(tmp_path: Path, value: float) -> None:
    table = np.random.default_rng(0).normal(size=(5, 3))
    table[2, 1] = value
    refuse(
        npy(tmp_path, table),
        rf"finite numbers; row 2, column 1 \(counted from 0\) holds {value}; 1 such value",
    )
    images = GREY / 255
    images[3, 1, 2] = value
    refuse(npy(tmp_path, images), rf"image 3, channel 0, row 1, column 2 \(counted from 0\) holds {value}")


@pytest.mark.parametrize("array", [np.ones((5, 3)), np.full((4, 2, 2), 7, np.uint8)])
def test_constant_data(tmp_path: Path, array: np.ndarray) -> None:
    refuse(npy(tmp_path, array), rf"expected examples that differ; all {len(array)} are the same")


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows(tmp_path: Path, n: int) -> None:
    refuse(npy(tmp_path, np.ones((n, 3))), f"at least 2 examples; got {n}")


@pytest.mark.parametrize("shape", [(), (5,), (2, 2, 2, 2, 2)])
def test_wrong_number_of_dimensions(tmp_path: Path, shape: tuple[int, ...]) -> None:
    refuse(npy(tmp_path, np.zeros(shape)), r"vectors \(n, d\) or images .*the array has shape")


def test_examples_without_values(tmp_path: Path) -> None:
    refuse(npy(tmp_path, np.zeros((3, 0))), "at least one value")


@pytest.mark.parametrize(
    ("shape", "what"), [((5, 5, 5, 7), "neither"), ((5, 3, 4, 3), "both"), ((5, 2, 9, 9), "neither")]
)
def test_channels_that_cannot_be_told(tmp_path: Path, shape: tuple[int, ...], what: str) -> None:
    refuse(npy(tmp_path, np.zeros(shape)), f"expected 1, 3 or 4 channels .*{what} can be channels")


@pytest.mark.parametrize(
    ("array", "came"),
    [
        (np.array([[0.0, 255.0]] * 4).reshape(4, 1, 2), "float64 from 0 to 255"),
        (np.array([[-1.0, 1.0]] * 4).reshape(4, 1, 2), "float64 from -1 to 1"),
        (np.array([[0, 300]] * 4).reshape(4, 1, 2), "int64 from 0 to 300"),
    ],
)
def test_pixels_outside_their_range(tmp_path: Path, array: np.ndarray, came: str) -> None:
    refuse(npy(tmp_path, array), f"expected pixels as uint8, uint16 .* got {came}")


@pytest.mark.parametrize(
    "array", [np.zeros((4, 2), complex), np.array([["a", "b"]] * 4), np.zeros((4, 2), "M8[s]")]
)
def test_dtype_that_is_no_real_number(tmp_path: Path, array: np.ndarray) -> None:
    refuse(npy(tmp_path, array), re.escape(f"array of real numbers; its dtype is {array.dtype}"))


def test_numbers_beyond_single_precision(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(5, 3))
    table[1, 2] = 1e60
    refuse(npy(tmp_path, table), "single precision can hold; row 1, column 2", standardise=False)


def test_columns_whose_variance_overflows(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(5, 3)) * (1, 1e200, 1)
    refuse(npy(tmp_path, table), "variance is a finite number; that of column 1 .* overflows")
    with pytest.raises(DataError, match="that of column 1"):
        array_dataset(table)


class Bomb:
    """Leave a trace when unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("kind", ["object.npy", "member.npz", "pickle.npy", "pickle.npz"])
def test_nothing_is_ever_unpickled(tmp_path: Path, kind: str) -> None:
    trace, path = tmp_path / "trace", tmp_path / kind
    bombs = np.array([[Bomb(trace)]] * 3, dtype=object)
    if kind == "object.npy":
        np.save(path, bombs)
    elif kind == "member.npz":
        np.savez(path, x=bombs)
    else:
        path.write_bytes(pickle.dumps(bombs))
    refuse(path, "pickled Python objects.*never loaded")
    assert not trace.exists()
    np.load(path, allow_pickle=True)[() if path.suffix == ".npy" or kind == "pickle.npz" else "x"]
    assert trace.exists()  # the trap works: numpy alone would have run it


def test_archive_under_the_other_extension(tmp_path: Path) -> None:
    npz(tmp_path, x=GREY).rename(tmp_path / "b.npy")
    refuse(tmp_path / "b.npy", "archive of several. Rename it to .npz")
    npy(tmp_path, GREY).rename(tmp_path / "b.npz")
    refuse(tmp_path / "b.npz", "holds a single array. Rename it to .npy")


def test_npy_labels_must_be_a_file(tmp_path: Path) -> None:
    refuse(npy(tmp_path, GREY), "holds one array and no 'kind'", labels="kind")
    with pytest.raises(DataError, match=r"kinds\.npy: expected a file; there is none"):
        load("file", path=tmp_path / "a.npy", labels="kinds.npy")
