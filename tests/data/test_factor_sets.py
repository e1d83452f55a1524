"""Data sets with known factors: the fixed split, held-out images with their factors, training images on demand."""

import pytest
import torch

from infot.data import Dataset, FactorImages, catalogue, load

NAMES = [info.name for info in catalogue() if info.factors is not None]


@pytest.fixture(scope="module", params=NAMES)
def data(request: pytest.FixtureRequest) -> Dataset:
    return load(request.param)


def images_of(data: Dataset) -> FactorImages:
    assert data.factors is not None
    return data.factors


def test_training_and_held_out_images_are_all_there_are_and_differ(data: Dataset) -> None:
    images = images_of(data)
    assert data.info.factors == images.factors
    assert len(data.test) == 10_000 and len(data.train) + 10_000 == len(images)
    assert data.test_factors is not None
    held_out = images.factors.index_of(data.test_factors)
    everything = torch.cat([data.train.numbers, held_out])
    assert torch.equal(everything.sort().values, torch.arange(len(images)))


def test_the_size_is_the_one_the_catalogue_states(data: Dataset) -> None:
    shape = "x".join(map(str, data.shape))
    assert data.info.size == f"{len(data.train):,} training and 10,000 held-out images of {shape}"
    assert data.kind == "images" and data.test.shape == (10_000, *data.shape)


def test_held_out_images_are_those_of_their_factors(data: Dataset) -> None:
    assert data.test_factors is not None
    rows = torch.tensor([0, 77, 9_999])
    assert torch.equal(data.test[rows], images_of(data).render(data.test_factors[rows]))


def test_training_images_come_by_rows_and_repeat(data: Dataset) -> None:
    rows = torch.tensor([3, 0, len(data.train) - 1])
    images = data.train[rows]
    assert torch.equal(images, data.train[rows]) and images.dtype == torch.float32


def test_no_seed_changes_the_split() -> None:
    first, again, rows = load("xyobject"), load("xyobject", seed=1), torch.tensor([3, 0, 64_999])
    assert first.test_factors is not None and again.test_factors is not None
    assert torch.equal(first.test_factors, again.test_factors)
    assert torch.equal(first.train[rows], again.train[rows])


def test_statistics_are_taken_of_the_first_4096(data: Dataset) -> None:
    sample = data.training_sample()
    assert sample.shape == (4096, *data.shape)
    assert torch.equal(sample[4095], data.train[torch.tensor([4095])][0])


def test_the_training_sample_of_a_tensor_is_the_tensor() -> None:
    digits = load("digits")
    assert digits.training_sample() is digits.train
