"""The scales in which prices are given, against loops over pairs."""

import dataclasses

import pytest
import torch

from infot import ot
from infot.assembly import build_objective
from infot.data import load
from infot.objectives.structured import SamplePlan
from infot.presets import PRESETS
from infot.scales import mean_cost, neighbour_cost


def points(n: int = 40) -> torch.Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(0))


def test_mean_cost_is_that_of_all_pairs() -> None:
    x = points()
    pairs = [float((a - b).square().sum()) for a in x for b in x]
    assert mean_cost(x) == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)


def test_neighbour_cost_of_all_data_is_the_median_of_the_nearest() -> None:
    x = points(41)
    nearest = sorted(
        min(float((a - b).square().sum()) for j, b in enumerate(x) if j != i) for i, a in enumerate(x)
    )
    assert neighbour_cost(x, 41) == pytest.approx(nearest[20], rel=1e-5)
    assert neighbour_cost(x, 1000) == neighbour_cost(x, 41)


def test_neighbour_cost_is_that_of_the_given_cost() -> None:
    assert neighbour_cost(points(), 40, ot.Lp(1.0)) < neighbour_cost(2 * points(), 40, ot.Lp(1.0))
    assert neighbour_cost(2 * points(), 40, ot.Lp(1.0)) == pytest.approx(
        2 * neighbour_cost(points(), 40, ot.Lp(1.0)), rel=1e-5
    )
    assert neighbour_cost(3 * points(), 20) == pytest.approx(9 * neighbour_cost(points(), 20), rel=1e-5)


def test_larger_batches_have_nearer_neighbours() -> None:
    assert neighbour_cost(points(), 40) < neighbour_cost(points(), 10)


@pytest.mark.parametrize("least", [0.0, 0.5, 1.0])
def test_epsilon_does_not_fall_below_the_neighbours_of_a_batch(least: float) -> None:
    dataset = load("gaussians1200")
    config = PRESETS["gaussians1200"]
    wanted = dataclasses.replace(config.objective, epsilon_least=least)
    objective = build_objective(dataclasses.replace(config, objective=wanted), dataset)
    assert isinstance(objective, SamplePlan)
    settings = objective.problems.settings
    start, end = (mean_cost(dataset.training_sample()) * epsilon for epsilon in wanted.epsilon)
    apart = neighbour_cost(dataset.training_sample(), config.training.batch_size)
    assert end < apart < start
    assert settings.epsilon(0.0) == pytest.approx(start)
    assert settings.epsilon(1.0) == pytest.approx(max(end, least * apart))


@pytest.mark.parametrize("preset", ["ring8", "grid25", "anisotropic", "anisotropic3"])
def test_presets_of_close_data_end_above_the_bound(preset: str) -> None:
    dataset, config = load(preset), PRESETS[preset]
    end = mean_cost(dataset.training_sample()) * config.objective.epsilon[1]
    assert neighbour_cost(dataset.training_sample(), config.training.batch_size) < end
