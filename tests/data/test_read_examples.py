"""New data for a trained model: all rows in order, checked against what the model expects."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from infot.data import load, read_examples
from infot.errors import DataError


def write_table(path: Path, header: str, rows: np.ndarray) -> Path:
    path.write_text(header + "\n" + "\n".join(",".join(str(v) for v in row) for row in rows) + "\n")
    return path


def test_rows_keep_their_order_and_nothing_is_held_out(tmp_path: Path) -> None:
    images = np.arange(4 * 9, dtype=np.uint8).reshape(4, 3, 3)
    np.savez(tmp_path / "a.npz", allow_pickle=False, x=images, y=np.array([5, 5, 2, 9]))
    points, labels, names, _ = read_examples(tmp_path / "a.npz", shape=(1, 3, 3))
    assert torch.equal(points[:, 0], torch.from_numpy(images) / 255)
    assert labels is not None and labels.tolist() == [1, 1, 0, 2]
    assert names == ("0", "1", "2", "3")


def test_both_parts_of_a_file_are_read(tmp_path: Path) -> None:
    table = np.arange(10.0).reshape(5, 2)
    np.savez(tmp_path / "a.npz", allow_pickle=False, x=table[:3], x_test=table[3:])
    points, labels, *_ = read_examples(tmp_path / "a.npz", shape=(2,))
    assert torch.equal(points, torch.from_numpy(table).float()) and labels is None


def test_scaling_and_columns_of_the_training_table_are_used(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(10, 2))
    trained = load("file", path=write_table(tmp_path / "train.csv", "a,b", rows))
    swapped = np.column_stack([["n"] * 10, rows[:, 1], rows[:, 0]])
    new = write_table(tmp_path / "new.csv", "note,b,a", swapped)
    points, labels, *_ = read_examples(
        new, shape=(2,), scaling=trained.scaling, feature_names=trained.feature_names, labels="kind"
    )
    assert trained.scaling is not None and labels is None
    assert torch.equal(points, trained.scaling.apply(torch.from_numpy(rows)))


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = write_table(tmp_path / "new.csv", "a,c", np.ones((2, 2)))
    with pytest.raises(DataError, match="missing: 'b'. The table has 'a', 'c'"):
        read_examples(path, shape=(2,), feature_names=("a", "b"))


def test_one_example_and_equal_examples_may_be_encoded(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.ones((1, 4)))
    np.save(tmp_path / "same.npy", np.ones((3, 4)))
    assert read_examples(tmp_path / "one.npy", shape=(4,))[0].shape == (1, 4)
    assert read_examples(tmp_path / "same.npy", shape=(4,))[0].shape == (3, 4)


def test_names_are_paths_inside_the_folder(tmp_path: Path) -> None:
    for name in ("b/2.png", "a/1.png", "a/0.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (2, 2), 100).save(tmp_path / name)
    _, labels, names, class_names = read_examples(tmp_path, shape=(1, 2, 2))
    assert names == ("a/0.png", "a/1.png", "b/2.png")
    assert labels is not None and labels.tolist() == [0, 0, 1] and class_names == ("a", "b")


def test_grey_images_serve_a_colour_model(tmp_path: Path) -> None:
    Image.new("L", (2, 2), 51).save(tmp_path / "0.png")
    assert torch.equal(read_examples(tmp_path, shape=(3, 2, 2))[0], torch.full((1, 3, 2, 2), 0.2))


@pytest.mark.parametrize(
    ("array", "shape", "came"),
    [
        (np.zeros((3, 5)), (4,), r"\(4,\), as the model was trained on; got \(5,\)"),
        (np.zeros((3, 4, 4)), (1, 5, 5), r"\(1, 5, 5\), as the model was trained on; got \(1, 4, 4\)"),
        (np.zeros((3, 5, 5, 3)), (1, 5, 5), r"\(1, 5, 5\), as the model was trained on; got \(3, 5, 5\)"),
        (np.zeros((3, 16)), (1, 4, 4), r"\(1, 4, 4\), as the model was trained on; got \(16,\)"),
        (np.zeros((0, 4)), (4,), "at least 1 examples; got 0"),
    ],
)
def test_data_of_another_shape_is_refused(
    tmp_path: Path, array: np.ndarray, shape: tuple[int, ...], came: str
) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=came):
        read_examples(tmp_path / "a.npy", shape=shape)


def test_new_data_may_lack_the_labels(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(4, 2))
    np.savez(tmp_path / "a.npz", allow_pickle=False, x=table)
    np.save(tmp_path / "a.npy", table)
    write_table(tmp_path / "a.csv", "a,b", table)
    for name in ("a.npz", "a.npy", "a.csv"):
        points, labels, *_ = read_examples(tmp_path / name, shape=(2,), labels="kind.npy")
        assert torch.equal(points, torch.from_numpy(table).float()) and labels is None


def test_labels_by_name_are_read_where_they_are(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", allow_pickle=False, x=np.eye(3), kind=np.array(["b", "a", "b"]))
    write_table(tmp_path / "a.csv", "a,kind", np.array([["1", "b"], ["2", "a"], ["3", "b"]]))
    for name, shape in (("a.npz", (3,)), ("a.csv", (1,))):
        labels = read_examples(tmp_path / name, shape=shape, labels="kind")[1]
        assert labels is not None and labels.tolist() == [1, 0, 1]


def test_a_folder_serves_a_model_whose_labels_had_a_name(tmp_path: Path) -> None:
    Image.new("L", (2, 2), 51).save(tmp_path / "0.png")
    assert read_examples(tmp_path, shape=(1, 2, 2), labels="kind")[1] is None
