"""Handwritten digits: sizes, fixed stratified splits, and the ways to the full MNIST."""

from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from infot.data import Dataset, digits, load
from infot.errors import DataError


def small_mnist(n: int = 30, n_test: int = 10) -> dict[str, np.ndarray]:
    """Make random images with the layout of MNIST."""
    rng = np.random.default_rng(0)
    return {
        "x": rng.integers(0, 256, (n, 28, 28), dtype=np.uint8),
        "y": np.arange(n, dtype=np.uint8) % 10,
        "x_test": rng.integers(0, 256, (n_test, 28, 28), dtype=np.uint8),
        "y_test": np.arange(n_test, dtype=np.uint8) % 10,
    }


def class_counts(data: Dataset) -> tuple[list[int], list[int]]:
    assert data.train_labels is not None and data.test_labels is not None
    return data.train_labels.bincount().tolist(), data.test_labels.bincount().tolist()


def test_digits_hold_out_a_stratified_fifth() -> None:
    data = load("digits")
    assert data.train.shape == (1438, 1, 8, 8) and data.test.shape == (359, 1, 8, 8)
    train, test = class_counts(data)
    assert all(abs(t - 0.2 * (t + n)) <= 0.5 for n, t in zip(train, test, strict=True))
    assert data.train.min() == 0.0 and data.train.max() == 1.0 and data.train.dtype == torch.float32
    assert data.class_names == tuple("0123456789")


def test_mnist5k_is_packaged_and_balanced() -> None:
    data = load("mnist5k")
    assert data.train.shape == (4000, 1, 28, 28) and data.test.shape == (1000, 1, 28, 28)
    assert class_counts(data) == ([400] * 10, [100] * 10)
    assert data.train.min() == 0.0 and data.train.max() == 1.0
    assert 0.12 < float(data.train.mean()) < 0.14  # MNIST's mean grey is .1307
    both = torch.cat([data.train, data.test]).flatten(1)
    assert len(torch.unique(both, dim=0)) == 5000


@pytest.mark.parametrize("name", ["digits", "mnist5k"])
def test_splits_do_not_depend_on_the_seed(name: str) -> None:
    first, second = load(name, seed=0), load(name, seed=1)
    assert torch.equal(first.train, second.train) and torch.equal(first.test, second.test)


@pytest.mark.parametrize("name", ["digits", "mnist5k"])
def test_any_head_of_the_data_has_all_classes(name: str) -> None:
    data = load(name)
    assert data.train_labels is not None and data.test_labels is not None
    assert len(data.train_labels[:200].unique()) == 10 and len(data.test_labels[:200].unique()) == 10


def test_packaged_file_is_the_one_of_its_provenance() -> None:
    import hashlib

    folder = Path(digits.__file__).parent / "packaged"
    digest = hashlib.sha256((folder / "mnist5k.npz").read_bytes()).hexdigest()
    assert digest in (folder / "PROVENANCE.md").read_text(encoding="utf-8")


def test_all_of_mnist_is_thinned_from_its_path(tmp_path: Path) -> None:
    arrays = small_mnist(200, 100)
    np.savez(tmp_path / "m.npz", allow_pickle=False, **arrays)
    data = load("mnist-unbalanced", path=tmp_path / "m.npz")
    assert data.train_labels is not None and data.test_labels is not None
    assert data.train_labels.bincount().tolist() == [2 * (digit + 1) for digit in range(10)]
    assert data.test_labels.bincount().tolist() == [digit + 1 for digit in range(10)]
    known = {image.tobytes() for image in torch.from_numpy(arrays["x"]).float().div(255).numpy()}
    assert isinstance(data.train, torch.Tensor)
    assert all(image.numpy().tobytes() in known for image in data.train[:, 0])


def test_mnist_by_path_keeps_its_own_split(tmp_path: Path) -> None:
    arrays = small_mnist()
    np.savez(tmp_path / "m.npz", allow_pickle=False, **arrays)
    data = load("mnist", path=tmp_path / "m.npz")
    assert torch.equal(data.train[:, 0], torch.from_numpy(arrays["x"]).float() / 255)
    assert torch.equal(data.test[:, 0], torch.from_numpy(arrays["x_test"]).float() / 255)
    assert class_counts(data) == ([3] * 10, [1] * 10)


def test_mnist_without_a_test_part_is_split(tmp_path: Path) -> None:
    arrays = small_mnist(n=50)
    np.savez(tmp_path / "m.npz", allow_pickle=False, x=arrays["x"], y=arrays["y"])
    data = load("mnist", path=tmp_path / "m.npz")
    assert class_counts(data) == ([4] * 10, [1] * 10)


def test_mnist_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFOT_CACHE", str(tmp_path))
    np.savez(tmp_path / "mnist.npz", allow_pickle=False, **small_mnist())
    assert len(load("mnist").train) == 30


def test_cache_follows_the_xdg_convention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFOT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert digits.mnist_cache() == Path("/somewhere/infot/mnist.npz")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert digits.mnist_cache() == Path.home() / ".cache/infot/mnist.npz"


def fake_openml(*_: object, **__: object) -> tuple[np.ndarray, np.ndarray]:
    images = np.zeros((70, 784), dtype=np.float64)
    images[:, 0] = np.arange(70) % 256
    return images, np.array([str(i % 10) for i in range(70)], dtype=object)


def test_mnist_online_is_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFOT_CACHE", str(tmp_path / "new"))
    monkeypatch.setattr(digits, "fetch_openml", fake_openml)
    monkeypatch.setattr(digits, "MNIST_TRAINING", 60)
    data = load("mnist")
    assert len(data.train) == 60 and len(data.test) == 10
    monkeypatch.setattr(digits, "fetch_openml", offline)
    assert torch.equal(load("mnist").test, data.test)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mnist.npz"]


def offline(*_: object, **__: object) -> None:
    raise URLError("no route to host")


def test_mnist_offline_lists_the_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFOT_CACHE", str(tmp_path))
    monkeypatch.setattr(digits, "fetch_openml", offline)
    with pytest.raises(
        DataError, match=r"no route to host[\s\S]*--data PATH[\s\S]*cache[\s\S]*mnist5k"
    ) as caught:
        load("mnist")
    assert str(caught.value).count("\n") == 1


def test_mnist_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("INFOT_CACHE", str(tmp_path / "file" / "below"))
    monkeypatch.setattr(digits, "fetch_openml", fake_openml)
    with pytest.raises(DataError, match="cannot be written .*INFOT_CACHE"):
        load("mnist")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x": np.zeros((4, 8, 8), np.uint8), "y": np.arange(4)},
            r"MNIST images of 28x28; got .*\(1, 8, 8\)",
        ),
        ({"x": np.zeros((4, 28, 28), np.uint8)}, "labels beside the images"),
        ({"x": np.zeros((2, 28, 28), np.uint8), "y": np.array([3, 12])}, "labels from 0 to 9; got 3 to 12"),
    ],
)
def test_what_is_not_mnist_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "m.npz", allow_pickle=False, **arrays)
    with pytest.raises(DataError, match=message):
        load("mnist", path=tmp_path / "m.npz")


def test_mnist_path_must_be_npz_or_idx(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such path"):
        load("mnist", path=tmp_path / "absent.npz")
    with pytest.raises(DataError, match="a folder without IDX files"):
        load("mnist", path=tmp_path)
