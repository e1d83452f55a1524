"""What a generator's code decides of the factors of what it draws, of generators that are known."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from infot.data.factors import FactorImages, FactorSpace
from infot.errors import NumericalError
from infot.evaluation.generated_factors import measure_generator
from infot.evaluation.judges import FactorRecipe, find_factor_judge
from infot.evaluation.measured import Measured
from infot.metrics import DEFAULT
from infot.models.blocks import Categorical, Uniform
from infot.models.latents import LatentSpace
from infot.random import Streams

QUICK = replace(DEFAULT, train=1000, test=1000)


class Lamps(FactorImages):
    """Two rows of pixels; in each the factor is the place of the one that is on."""

    factors = FactorSpace(("upper", "lower"), (3, 4))
    shape = (1, 2, 4)

    def _draw(self, factors: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(factors, 4)[:, None].float()


class Painter:
    """Draw lamps: the category decides the upper one; the number of the code, or the noise, the lower one."""

    latents = LatentSpace((Categorical(3), Uniform(1)), Uniform(1))

    def __init__(self, *, by_noise: bool = False, light: float = 1.0) -> None:
        self.by_noise, self.light = by_noise, light

    def generate(self, code: Tensor, noise: Tensor) -> Tensor:
        place = noise[:, 0] if self.by_noise else code[:, 3]
        factors = torch.stack([code[:, :3].argmax(dim=1), (2 * place + 2).long().clamp(0, 3)], dim=1)
        return self.light * Lamps().render(factors)


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr(
        "infot.evaluation.generated_factors.find_factor_judge",
        partial(find_factor_judge, recipe=FactorRecipe(width=16, steps=200)),
    )

    def of(model, seed: int = 0) -> Measured:
        return measure_generator(model, Lamps(), Streams(seed), name="lamps", profile=QUICK)

    return of


def test_a_code_that_decides_each_factor_by_one_dimension_is_perfect(measured) -> None:
    found = measured(Painter())
    for name in ("generator_mig", "generator_dci_disentanglement", "generator_dci_completeness"):
        assert found.metrics[name].value == pytest.approx(1.0, abs=0.02), name
        assert found.metrics[name].ceiling == pytest.approx(1.0, abs=0.02), name
    assert found.metrics["generator_mig"].n == 2000
    assert "upper 1.000, lower 1.000" in found.protocol["generator"]


def test_what_the_noise_decides_is_held_against_the_code(measured) -> None:
    found = measured(Painter(by_noise=True)).metrics
    assert found["generator_mig"].value == pytest.approx(0.5, abs=0.02)
    assert found["generator_variety"].value == pytest.approx(1.0, abs=0.01)


def test_a_generator_that_draws_one_image_has_no_variety(measured) -> None:
    found = measured(Painter(light=0.0)).metrics
    assert {metric.value for metric in found.values()} == {0.0}


def test_the_seed_decides_everything(measured) -> None:
    assert measured(Painter(), 3).metrics == measured(Painter(), 3).metrics
    assert measured(Painter(), 3).metrics != measured(Painter(), 4).metrics


def test_values_that_are_not_finite_are_refused(measured) -> None:
    with pytest.raises(NumericalError, match="NaN or infinite"):
        measured(Painter(light=float("nan")))
