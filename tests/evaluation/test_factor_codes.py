"""Codes of images with known factors: which numbers stand for a code, and what they score."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from infot.data import Dataset, DatasetInfo
from infot.data.factors import FactorImages, FactorSpace
from infot.errors import ConfigError
from infot.evaluation import Evaluation, evaluate
from infot.evaluation.factor_codes import code_numbers, measure_factors, number_names
from infot.evaluation.judges import FactorRecipe, find_factor_judge
from infot.metrics import DEFAULT
from infot.metrics.disentanglement import Forest, Votes
from infot.model import Encoding
from infot.models.blocks import Categorical, Circle, Normal, Uniform
from infot.models.latents import LatentSpace

FEW = Votes(16, 100, 100)
QUICK = replace(DEFAULT, train=600, test=600, votes=FEW, pairs=FEW, predictor=Forest(5, 5))
SPACE = LatentSpace((Categorical(3), Uniform(1), Normal(1)), Normal(2))


class Lamps(FactorImages):
    """Two rows of pixels; in each the factor is the place of the one that is on."""

    factors = FactorSpace(("upper", "lower"), (3, 4))
    shape = (1, 2, 4)

    def _draw(self, factors: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(factors, 4)[:, None].float()


class Mute:
    """A model that cannot read codes of data."""

    latents = SPACE
    code_names = ("kind", "place", "normal 1")
    noise_names = ("noise 1", "noise 2")
    holds_plan = False
    route = "nothing"

    def generate(self, code: Tensor, noise: Tensor) -> Tensor:
        return torch.zeros(len(code), *Lamps.shape)

    def by_category(self, posterior: Tensor) -> None:
        return None

    def code_laws(self, x: Tensor) -> None:
        return None

    def posterior(self, x: Tensor) -> Tensor:
        raise ConfigError("a model of this method cannot read codes of data")


class Reader(Mute):
    """Read the upper lamp with the categorical block, the lower one with the uniform coordinate."""

    route = "the rule"

    def posterior(self, x: Tensor) -> Tensor:
        return self.encode(x).posterior

    def encode(self, x: Tensor) -> Encoding:
        upper, lower = x[:, 0, 0, :3], x[:, 0, 1].argmax(dim=1, keepdim=True) / 1.5 - 1
        mean = torch.cat([0.6 * upper + 0.1, lower, torch.zeros(len(x), 1)], dim=1)
        return Encoding(torch.zeros(len(x), dtype=torch.int64), torch.ones(len(x), 1), mean)


def measure(seed: int = 0) -> Any:
    reader: Any = Reader()
    return measure_factors(reader, Lamps(), torch.Generator().manual_seed(seed), profile=QUICK)


def test_a_perfect_reader_has_a_perfect_table_and_scores() -> None:
    found = measure()
    np.testing.assert_allclose(found.information, [[1, 0, 0], [0, 1, 0]], atol=0.02)
    assert found.alive.tolist() == [True, True, False]  # the normal coordinate tells nothing
    values = {name: metric.value for name, metric in found.metrics.items()}
    assert values["factor_vae"] == values["beta_vae"] == 1.0
    assert values["mig"] > 0.97
    assert values["dci_disentanglement"] > 0.97


def test_the_same_generator_gives_the_same_scores() -> None:
    assert measure(3).metrics == measure(3).metrics


def test_categorical_blocks_are_one_number_and_all_are_in_units_of_their_prior() -> None:
    latent = SPACE.sample(20_000, torch.Generator().manual_seed(0))
    numbers = code_numbers(SPACE, latent.code)
    assert numbers.shape == (20_000, 3)
    assert numbers.std(dim=0).tolist() == pytest.approx([1, 1, 1], abs=0.02)
    assert numbers[:, 0].unique().numel() == 3


def test_a_circle_is_cosine_and_sine_in_units_of_its_prior() -> None:
    space = LatentSpace((Circle(), Uniform(1), Circle()), Normal(1))
    codes = space.sample_codes(20_000, torch.Generator().manual_seed(0))
    numbers = code_numbers(space, codes)
    assert numbers.std(dim=0).tolist() == pytest.approx([1] * 5, abs=0.02)
    torch.testing.assert_close(numbers[:, :2], 2**0.5 * codes[:, :2])
    torch.testing.assert_close(
        code_numbers(space, 0.3 * codes)[:, :2], numbers[:, :2]
    )  # of a mean: its direction
    circles = [f"circle {i} {end}" for i in (1, 2) for end in ("cosine", "sine")]
    names = number_names(space, ("circle 1", "uniform 1", "circle 2"))
    assert names == (*circles[:2], "uniform 1", *circles[2:])


@pytest.fixture
def evaluated(monkeypatch) -> Any:
    monkeypatch.setattr("infot.evaluation.evaluation.PROFILE", QUICK)
    quick_judge = partial(find_factor_judge, recipe=FactorRecipe(width=16, steps=200))
    monkeypatch.setattr("infot.evaluation.generated_factors.find_factor_judge", quick_judge)

    def of(model: Any) -> Evaluation:
        images = Lamps()
        factors = images.factors.at(torch.arange(12))
        info = DatasetInfo("lamps", "images", "lamps", "12", "rendered", "none")
        pictures = images.render(factors)
        return evaluate(
            model,
            Dataset(
                "lamps", "images", pictures, pictures, None, None, info, factors=images, test_factors=factors
            ),
            seed=0,
        )

    return of


def test_an_evaluation_holds_the_metrics_the_table_and_the_route(evaluated) -> None:
    found = evaluated(Reader())
    assert {
        "mig",
        "dci_disentanglement",
        "factor_vae",
        "beta_vae",
        "sap",
        "irs",
        "info_e",
    } <= found.metrics.keys()
    assert found.metrics["mig"].n == 600
    np.testing.assert_allclose(found.arrays["factor_information"], [[1, 0, 0], [0, 1, 0]], atol=0.02)
    assert found.arrays["factor_names"].tolist() == ["upper", "lower"]
    assert found.arrays["code_names"].tolist() == ["kind", "place", "normal 1"]
    assert found.protocol["name"] == "factors"
    assert (
        "codes by the rule of images rendered from independent factors, 600 to learn"
        in (found.protocol["disentanglement"])
    )


def test_a_model_that_reads_no_codes_is_not_measured(evaluated) -> None:
    found = evaluated(Mute())
    assert "mig" not in found.metrics
    assert "factor_information" not in found.arrays
    assert found.protocol["name"] == "images"


def test_a_generator_is_measured_whether_or_not_codes_of_data_are_read(evaluated) -> None:
    for model in (Mute(), Reader()):  # both draw nothing but darkness
        found = evaluated(model)
        assert found.metrics["generator_mig"].value == found.metrics["generator_variety"].value == 0.0
        assert found.metrics["generator_mig"].ceiling == pytest.approx(1.0, abs=0.05)
        assert "factors of 1200 generated images" in found.protocol["generator"]
