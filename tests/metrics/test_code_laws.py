"""Information of continuous codes: against closed forms, numerical integration, and true draws."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, norm

from infot.errors import ProblemError
from infot.metrics import code_law_metrics, law_information, prior_distance, prior_distance_metrics


def test_equal_laws_tell_nothing_and_far_ones_tell_each_datum() -> None:
    assert law_information(np.full(7, 0.3), np.full(7, 0.5)) == pytest.approx(
        (0, 0.5 * (0.09 + 0.25 - 1) - np.log(0.5)), abs=1e-12
    )
    apart = np.arange(8) * 100.0
    assert law_information(apart, np.ones(8))[0] == pytest.approx(np.log(8))


def test_a_gaussian_channel_has_its_closed_form() -> None:
    s, n = 0.3, 500  # means at the quantiles of N(0, 1 - s^2): their mixture is the prior, up to 1 / n
    means = np.sqrt(1 - s**2) * norm.ppf((np.arange(n) + 0.5) / n)
    information, gap = law_information(means, np.full(n, s))
    assert information == pytest.approx(-np.log(s), abs=5e-3)
    assert gap == pytest.approx(0, abs=5e-3)


def test_quadrature_agrees_with_numerical_integration() -> None:
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=6), rng.uniform(0.3, 1.0, size=6)

    def mixture(z: float) -> float:
        return float(norm.pdf(z, mean, std).mean())

    def told(z: float) -> float:
        parts = norm.pdf(z, mean, std)
        return float((parts * np.log(np.maximum(parts, 1e-300) / mixture(z))).mean())

    def gap(z: float) -> float:
        return mixture(z) * float(np.log(mixture(z)) - norm.logpdf(z))

    expected = (quad(told, -8, 8, limit=200)[0], quad(gap, -8, 8, limit=200)[0])
    assert law_information(mean, std) == pytest.approx(expected, abs=2e-3)


def test_metrics_are_numbered_and_true_draws_reach_the_floor() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(400, 2))
    found = prior_distance_metrics(draws)
    assert [*found] == ["code_prior_distance_1", "code_prior_distance_2"]
    for column, metric in zip(draws.T, found.values(), strict=True):
        assert metric.value == pytest.approx(kstest(column, "norm").statistic)
    many = [prior_distance(rng.normal(size=400)) for _ in range(200)]
    error = np.std(many) / np.sqrt(200)
    # the limit is approached like 1 / (6 sqrt n) from below in this size
    assert np.mean(many) == pytest.approx(found["code_prior_distance_1"].floor, abs=4 * error + 0.17 / 400)
    laws = code_law_metrics(draws, np.full((400, 2), 0.1))
    assert {*laws} == {f"code_{what}_{j}" for what in ("information", "prior_gap") for j in (1, 2)}
    assert laws["code_information_2"].ceiling == pytest.approx(np.log(400))


def test_a_deviation_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ProblemError, match="as many positive deviations as means"):
        law_information(np.zeros(2), np.array([1.0, 0.0]))
