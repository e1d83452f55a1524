"""The Fréchet distance against closed forms, a root of a matrix that is not symmetric, and true Gaussians."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from infot.errors import ProblemError
from infot.metrics import frechet_distance, frechet_metric, gaussian_distance


def covariance(d: int, rng: np.random.Generator, rank: int | None = None) -> np.ndarray:
    factor = rng.normal(size=(d, rank or d))
    return factor @ factor.T / d


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_gaussians_with_commuting_covariances_are_the_distance_of_means_and_deviations(d, seed) -> None:
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    deviations, means = rng.uniform(0, 3, size=(2, d)), rng.normal(size=(2, d))
    a, b = (turn @ np.diag(s**2) @ turn.T for s in deviations)
    expected = ((means[0] - means[1]) ** 2).sum() + ((deviations[0] - deviations[1]) ** 2).sum()
    assert gaussian_distance(means[0], a, means[1], b) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("d", [1, 3, 20])
def test_the_trace_is_that_of_the_root_of_the_product(d) -> None:
    rng = np.random.default_rng(d)
    a, b = covariance(d, rng), covariance(d, rng)
    expected = np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert gaussian_distance(np.zeros(d), a, np.zeros(d), b) == pytest.approx(expected, rel=1e-8)


def test_singular_covariances_are_exact() -> None:
    rng = np.random.default_rng(0)
    line = covariance(5, rng, rank=1)
    assert gaussian_distance(np.zeros(5), line, np.zeros(5), 4 * line) == pytest.approx(
        np.trace(line), rel=1e-8
    )
    assert gaussian_distance(np.zeros(5), line, np.zeros(5), np.zeros((5, 5))) == pytest.approx(
        np.trace(line)
    )


def test_it_is_symmetric_and_zero_for_equal_sets() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(70, 4)) * [1, 2, 3, 4] + 1
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-10)
    assert frechet_distance(x, rng.permutation(x)) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(x, x + np.array([3, 0, 0, 4])) == pytest.approx(25)


def test_few_samples_of_one_law_lie_apart_by_the_stated_bias() -> None:
    rng, d, n = np.random.default_rng(0), 20, 500
    found = [frechet_distance(*rng.normal(size=(2, n, d))) for _ in range(20)]
    # 2 d / n from the means; d (d + 1) / (2 n) from the covariances, |E|² / 4 at their difference E
    assert np.mean(found) == pytest.approx((2 * d + d * (d + 1) / 2) / n, rel=0.1)


def test_the_floor_is_that_of_training_data_and_bad_samples_lie_above() -> None:
    rng = np.random.default_rng(0)
    held_out, train, samples = rng.normal(size=(3, 400, 8))
    metric = frechet_metric(samples * 0.5, held_out, train)
    assert metric.floor == frechet_distance(train, held_out)
    assert (metric.better, metric.ceiling, metric.n, metric.name) == ("lower", None, 400, "frechet")
    assert metric.value == pytest.approx(8 * 0.25, rel=0.15)


@pytest.mark.parametrize("shapes", [((5, 3), (5, 2)), ((1, 3), (5, 3))])
def test_sets_that_do_not_fit_are_refused(shapes) -> None:
    with pytest.raises(ProblemError, match="two sets of at least 2 points of one dimension, got shapes"):
        frechet_distance(*(np.ones(shape) for shape in shapes))


def test_a_matrix_that_is_no_covariance_is_refused() -> None:
    with pytest.raises(ProblemError, match="covariance_b must be positive semi-definite, .* -1"):
        gaussian_distance(np.zeros(2), np.eye(2), np.zeros(2), np.diag([1.0, -1.0]))
