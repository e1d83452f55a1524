"""Picture quality of generators whose faults are known: real images, blanks, blurred ones, digits left out."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from infot.data import Dataset, load
from infot.errors import NumericalError
from infot.evaluation.picture_quality import has_pictures_to_judge, picture_quality
from infot.metrics import Metric
from infot.models.blocks import Block, Categorical, Uniform
from infot.models.latents import LatentSpace
from infot.random import Streams

DIGITS = load("digits")
Change = Callable[[Tensor], Tensor]


class Gallery:
    """A model that shows training images: the code names the digit, the noise which image of it."""

    holds_plan = False
    route = "nothing"

    def __init__(
        self, change: Change = lambda x: x, digit: Change = lambda code: code, block: Block | None = None
    ) -> None:
        self.latents = LatentSpace((block or Categorical(10),), Uniform(2))
        self.change, self.digit = change, digit

    def generate(self, code: Tensor, noise: Tensor) -> Tensor:
        assert DIGITS.train_labels is not None
        wanted, images = self.digit(code.argmax(dim=1)), torch.empty(len(code), 1, 8, 8)
        for digit in range(10):
            rows, choice = (wanted == digit).nonzero()[:, 0], DIGITS.train[DIGITS.train_labels == digit]
            images[rows] = choice[((noise[rows, 0] + 1) / 2 * len(choice)).long().clamp_max(len(choice) - 1)]
        return self.change(images)

    def posterior(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    reconstruct = posterior

    def partners(self, x: Tensor, count: int) -> None:
        raise NotImplementedError


def measured(model: object, seed: int = 0) -> dict[str, Metric]:
    return picture_quality(model, DIGITS, Streams(seed)).metrics  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def real() -> dict[str, Metric]:
    return measured(Gallery())


def test_real_images_reach_every_aim(real) -> None:
    for name in ("classifier_score", "precision", "recall", "coverage", "density", "code_agreement"):
        assert real[name].value == pytest.approx(real[name].ceiling, rel=0.08), name
    assert real["frechet"].floor is not None
    assert real["frechet"].value < 1.6 * real["frechet"].floor
    assert all(metric.n == (2000 if name == "code_agreement" else 359) for name, metric in real.items())


def test_blanks_are_found_out(real) -> None:
    blank = measured(Gallery(torch.zeros_like))
    assert blank["frechet"].value > 20 * real["frechet"].value
    assert blank["classifier_score"].value == pytest.approx(1)
    assert blank["precision"].value == blank["recall"].value == blank["coverage"].value == 0
    assert (
        blank["code_agreement"].value == blank["code_agreement"].floor == 1
    )  # one class: agreement says nothing


def test_blurred_images_lie_further_off(real) -> None:
    blurred = measured(Gallery(lambda x: avg_pool2d(x, 3, stride=1, padding=1)))
    assert blurred["frechet"].value > 5 * real["frechet"].value
    assert blurred["precision"].value < 0.8 * real["precision"].value
    assert blurred["classifier_score"].value < real["classifier_score"].value


def test_digits_left_out_cost_variety_and_not_precision(real) -> None:
    half = measured(Gallery(digit=lambda digit: digit % 5))
    assert half["precision"].value == pytest.approx(real["precision"].value, abs=0.05)
    assert half["recall"].value < 0.65 * real["recall"].value
    assert half["coverage"].value < 0.65 * real["coverage"].value
    assert half["classifier_score"].value == pytest.approx(5, abs=0.8)
    assert half["frechet"].value > 5 * real["frechet"].value
    assert half["code_agreement"].value > 0.95  # two codes may share a digit


def test_codes_that_do_not_choose_the_digit_cost_agreement_alone(real) -> None:
    rng = torch.Generator().manual_seed(0)
    mixed = measured(Gallery(digit=lambda digit: digit[torch.randperm(len(digit), generator=rng)]))
    assert mixed["code_agreement"].value == pytest.approx(mixed["code_agreement"].floor, abs=0.03)
    assert mixed["precision"].value == pytest.approx(real["precision"].value, abs=0.05)


def test_a_continuous_code_has_no_agreement() -> None:
    assert "code_agreement" not in measured(Gallery(block=Uniform(10)))


def test_the_seed_decides_everything(real) -> None:
    assert measured(Gallery()) == real
    assert measured(Gallery(), seed=1)["frechet"] != real["frechet"]


def test_the_protocol_names_the_classifier_and_how_well_it_reads(real) -> None:
    protocol = picture_quality(Gallery(), DIGITS, Streams(0)).protocol  # pyright: ignore[reportArgumentType]
    assert protocol["pictures"].startswith("359 independent samples against 359 held-out images;")
    assert protocol["classifier"].startswith(
        "trained on 1438 labelled training images for 800 steps, recipe 1, hash"
    )
    assert protocol["classifier"].endswith("on 359 held-out images")


def test_a_generator_that_left_the_finite_numbers_is_reported() -> None:
    with pytest.raises(NumericalError, match="the generator gives NaN or infinite values"):
        measured(Gallery(lambda x: x / 0))


@pytest.mark.parametrize(
    "dataset",
    [
        load("ring8"),
        replace(DIGITS, train_labels=None),
        replace(DIGITS, test_labels=None),
        replace(DIGITS, train=DIGITS.train[:0], train_labels=DIGITS.train[:0]),
        replace(DIGITS, test=DIGITS.test[:3], test_labels=DIGITS.test[:3]),
    ],
)
def test_data_without_labelled_images_in_both_parts_are_not_judged(dataset: Dataset) -> None:
    assert has_pictures_to_judge(DIGITS)
    assert not has_pictures_to_judge(dataset)
