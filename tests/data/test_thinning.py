"""Thinned data keep the wanted share of each class, chosen by the seed, in both parts."""

import pytest
import torch

from infot.data import Dataset, describe, load
from infot.data.thinning import thinned
from infot.errors import ProblemError


def test_thinned_digits_stand_in_the_proportions_1_to_10() -> None:
    data, names = load("mnist5k-unbalanced"), tuple("0123456789")
    assert data.train_labels is not None and data.test_labels is not None
    assert data.train_labels.bincount().tolist() == [40 * (digit + 1) for digit in range(10)]
    assert data.test_labels.bincount().tolist() == [10 * (digit + 1) for digit in range(10)]
    assert data.class_names == names and data.name == "mnist5k-unbalanced"


def test_thinned_digits_are_images_of_the_whole_with_their_labels() -> None:
    whole, data = load("mnist5k"), load("mnist5k-unbalanced")
    for part, label, all_of, labels in (
        (data.train, data.train_labels, whole.train, whole.train_labels),
        (data.test, data.test_labels, whole.test, whole.test_labels),
    ):
        assert isinstance(part, torch.Tensor) and isinstance(all_of, torch.Tensor)
        assert label is not None and labels is not None
        known = {image.numpy().tobytes(): int(digit) for image, digit in zip(all_of, labels, strict=True)}
        found = [known[image.numpy().tobytes()] for image in part]
        assert found == label.tolist() and len({image.numpy().tobytes() for image in part}) == len(part)


def test_the_seed_chooses_what_stays() -> None:
    first, again, other = (load("mnist5k-unbalanced", seed=seed) for seed in (0, 0, 1))
    assert isinstance(first.train, torch.Tensor) and isinstance(other.train, torch.Tensor)
    assert isinstance(again.train, torch.Tensor) and torch.equal(first.train, again.train)
    assert first.train.shape == other.train.shape and not torch.equal(first.train, other.train)


def small() -> Dataset:
    points, labels = torch.arange(12.0).reshape(12, 1), torch.arange(12) % 2
    return Dataset("ring8", "vectors", points, points.clone(), labels, labels, describe("ring8"))


def test_counts_are_rounded_and_the_order_stays() -> None:
    data = thinned(small(), describe("ring8"), kept=(1.0, 0.4), rng=torch.Generator().manual_seed(0))
    assert data.train_labels is not None
    assert data.train_labels.bincount().tolist() == [6, 2]
    assert isinstance(data.train, torch.Tensor) and bool((data.train.diff(dim=0) > 0).all())


def test_what_cannot_be_thinned_is_refused() -> None:
    rng, info = torch.Generator().manual_seed(0), describe("ring8")
    with pytest.raises(ProblemError, match=r"expected shares in \(0, 1\]"):
        thinned(small(), info, kept=(1.0, 0.0), rng=rng)
    with pytest.raises(ProblemError, match="expected labelled tensors to thin, got sprites"):
        thinned(load("sprites"), info, kept=(1.0,), rng=rng)
