"""Coverage of known mixtures: true data, lost, shrunken, swollen modes, skewed shares; W2 by two roads."""

import numpy as np
import ot as pot
import pytest
import torch
from scipy.stats import binom

from infot.data.base import GaussianMixture
from infot.data.gaussians import gaussian_mixture
from infot.errors import ProblemError
from infot.metrics import cover, coverage_metrics, nearest_modes, w2, w2_data_metric, w2_metric

N = 2500


def draw(mixture: GaussianMixture, n: int = N, seed: int = 0) -> torch.Tensor:
    return mixture.sample(n, torch.Generator().manual_seed(seed))[0]


def scaled(mixture: GaussianMixture, factor: float, weights: torch.Tensor | None = None) -> GaussianMixture:
    weights = mixture.weights if weights is None else weights
    return GaussianMixture(mixture.centres, mixture.sigma * factor, weights, mixture.rank)


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_true_data_is_of_high_quality_at_the_known_rate(name) -> None:
    mixture = gaussian_mixture(name)
    share = cover(draw(mixture, 20_000), mixture).high_quality
    low, high = binom.interval(0.999, 20_000, 1 - np.exp(-4.5))
    assert low <= 20_000 * share <= high


@pytest.mark.parametrize(("name", "modes", "floor"), [("ring8", 8, 0.0014), ("grid25", 25, 0.0048)])
def test_true_data_has_every_mode_and_the_known_reverse_kl(name, modes, floor) -> None:
    mixture = gaussian_mixture(name)
    metrics = coverage_metrics(draw(mixture), mixture)
    assert metrics["modes"].value == metrics["modes"].ceiling == modes
    assert metrics["modes_half_mass"].value == modes
    # (L - 1) / 2n is the mean of KL(empirical | true) for n draws.
    assert metrics["reverse_kl"].floor == pytest.approx(floor, rel=0.25)
    assert metrics["reverse_kl"].value < 3 * floor
    assert metrics["reverse_kl"].ceiling == pytest.approx(np.log(modes))
    assert metrics["high_quality"].ceiling == pytest.approx(0.9889, abs=0.001)


def test_true_data_has_variance_ratio_one_though_the_tails_are_cut_off() -> None:
    mixture = gaussian_mixture("ring8")
    ratios = cover(draw(mixture, 80_000), mixture).variance_ratios
    assert ratios.mean() == pytest.approx(1, abs=0.01)
    assert ratios.min() > 0.96
    assert ratios.max() < 1.04


def test_true_data_of_700_of_1200_dimensions_passes_the_same_test() -> None:
    mixture = gaussian_mixture("gaussians1200")
    summary = cover(draw(mixture, 2000), mixture).summary()
    assert summary["modes_half_mass"] == 10
    assert summary["high_quality"] == pytest.approx(0.9889, abs=0.01)
    assert summary["variance_ratio_mean"] == pytest.approx(1, abs=0.01)


def test_lost_modes_are_seen() -> None:
    mixture = gaussian_mixture("ring8")
    weights = torch.tensor([1.0, 1, 1, 1, 1, 1, 0, 0]) / 6
    coverage = cover(draw(scaled(mixture, 1.0, weights), 20_000), mixture)
    assert coverage.modes == coverage.modes_half_mass == 6
    assert coverage.reverse_kl == pytest.approx(np.log(8 / 6), abs=0.002)
    assert np.isnan(coverage.variance_ratios[6:]).all()


def test_a_mode_with_a_third_of_its_mass_counts_but_not_as_half() -> None:
    mixture = gaussian_mixture("ring8")
    weights = torch.tensor([7 / 24 + 3 / 8, *[1 / 24] * 7])
    weights = weights / weights.sum()
    coverage = cover(draw(scaled(mixture, 1.0, weights)), mixture)
    assert (coverage.modes, coverage.modes_half_mass) == (8, 1)


@pytest.mark.parametrize("factor", [0.5, 0.9])
def test_shrunken_modes_raise_quality_above_truth_and_lower_the_variance_ratio(factor) -> None:
    mixture = gaussian_mixture("ring8")
    metrics = coverage_metrics(draw(scaled(mixture, factor)), mixture)
    aim = metrics["high_quality"].ceiling
    assert aim is not None
    assert metrics["high_quality"].value > aim
    assert metrics["variance_ratio_mean"].value == pytest.approx(factor**2, rel=0.08)


def test_swollen_modes_lower_the_quality_and_raise_the_variance_ratio() -> None:
    mixture = gaussian_mixture("ring8")
    metrics = coverage_metrics(draw(scaled(mixture, 1.5)), mixture)
    assert metrics["high_quality"].value == pytest.approx(1 - np.exp(-4.5 / 1.5**2), abs=0.02)
    assert metrics["variance_ratio_max"].value > 1.3
    aim = metrics["variance_ratio_max"].floor
    assert aim is not None
    assert 1.0 < aim < 1.2


def test_a_generator_without_any_good_sample_gets_the_worst_values() -> None:
    mixture = gaussian_mixture("ring8")
    metrics = coverage_metrics(np.zeros((100, 2)), mixture)
    assert {name: metric.value for name, metric in metrics.items()} == {
        "modes": 0.0,
        "modes_half_mass": 0.0,
        "high_quality": 0.0,
        "reverse_kl": pytest.approx(np.log(8)),
    }


def test_unequal_weights_are_the_reference_of_the_reverse_kl() -> None:
    mixture = scaled(gaussian_mixture("ring8"), 1.0, torch.tensor([0.3, *[0.1] * 7]))
    coverage = cover(draw(mixture, 20_000), mixture)
    assert coverage.reverse_kl < 0.001
    assert coverage.worst_reverse_kl == pytest.approx(np.log(10))
    balanced = cover(draw(gaussian_mixture("ring8"), 20_000), mixture)
    expected = np.log(0.125 / 0.3) / 8 + np.log(1.25) * 7 / 8
    assert balanced.reverse_kl == pytest.approx(expected, rel=0.1)


def test_nearest_modes_finds_the_centre_and_its_distance() -> None:
    modes, distances = nearest_modes(np.array([[0.9, 0.0], [0.0, 3.0]]), np.eye(2))
    assert modes.tolist() == [0, 1]
    np.testing.assert_allclose(distances, [0.1, 2.0])


@pytest.mark.parametrize("dim", [2, 40])
def test_w2_agrees_with_an_independent_linear_programme(dim) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, dim)), 1 + rng.standard_normal((60, dim))
    uniform = np.full(60, 1 / 60)
    assert w2(x, y) == pytest.approx(np.sqrt(pot.emd2(uniform, uniform, pot.dist(x, y))), rel=1e-9)


def test_w2_of_a_shift_is_its_length_and_of_equal_sets_is_zero() -> None:
    x = np.random.default_rng(0).standard_normal((50, 3))
    assert w2(x, x[::-1]) == 0.0
    assert w2(x, x + np.array([3.0, 4.0, 0.0])) == pytest.approx(5.0)


def test_w2_of_stratified_truth_is_at_its_floor_and_random_counts_are_far_above() -> None:
    mixture, n = gaussian_mixture("ring8"), 800
    labels = torch.arange(8).repeat_interleave(n // 8)
    stratified = w2_metric(mixture.sample_at(labels, torch.Generator().manual_seed(5)), mixture)
    assert stratified.floor is not None
    assert stratified.value == pytest.approx(stratified.floor, rel=0.15)
    assert stratified.floor < 0.01
    assert w2_metric(draw(mixture, n), mixture).value > 10 * stratified.floor


def test_w2_of_the_mean_alone_is_the_ceiling() -> None:
    metric = w2_metric(np.zeros((400, 2)), gaussian_mixture("ring8"))
    assert metric.value == pytest.approx(metric.ceiling, rel=0.01)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ProblemError, match="samples have 3 dimensions, the centres 2"):
        cover(np.zeros((5, 3)), gaussian_mixture("ring8"))
    with pytest.raises(ProblemError, match=r"two sets of one shape, got \(5, 3\) and \(4, 3\)"):
        w2(np.zeros((5, 3)), np.zeros((4, 3)))


def test_w2_to_data_has_the_training_data_as_floor_and_their_mean_as_ceiling() -> None:
    rng = np.random.default_rng(0)
    held_out, train, samples = (rng.standard_normal((300, 2)) for _ in range(3))
    metric = w2_data_metric(samples, held_out, train)
    assert metric.floor is not None
    assert metric.floor == w2(train, held_out)
    assert metric.value < 2 * metric.floor  # both are sampling noise
    mean = np.tile(held_out.mean(axis=0), (300, 1))
    assert w2_data_metric(mean, held_out, train).value == pytest.approx(metric.ceiling)
