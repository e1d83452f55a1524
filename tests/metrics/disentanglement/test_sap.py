"""Predictability from single codes: oracles, closed forms, and the slow definition."""

import numpy as np
import pytest
from oracles import draw, mixture, noise, unit
from sklearn.svm import LinearSVC

from infot.metrics.disentanglement import Coded, predictability, sap

NUMBERS = (1, 2, 3, 4)


def halves(represent, n: int = 2000) -> tuple[Coded, Coded]:
    return draw(represent, n, seed=1), draw(represent, n // 2, seed=2)


def test_perfect_codes_are_limited_by_the_classifier() -> None:
    # A linear classifier of one number finds the outer values alone, so classes of 32 and more are mostly missed.
    assert 0.15 < sap(*halves(unit)) < 0.4
    assert sap(*halves(unit), continuous=NUMBERS) > 0.9


def test_noise_constants_and_duplicates_have_no_gap() -> None:
    assert sap(*halves(noise(10))) == pytest.approx(0, abs=0.02)
    assert sap(*halves(lambda factors: np.zeros((len(factors), 2)))) == 0.0
    assert sap(*halves(lambda factors: np.repeat(unit(factors), 2, axis=1))) == 0.0
    assert sap(*halves(lambda factors: np.repeat(unit(factors), 2, axis=1)), continuous=NUMBERS) == 0.0


def test_a_rotation_has_a_small_gap_in_closed_form() -> None:
    weights = np.linalg.qr(np.random.default_rng(4).normal(size=(5, 5)))[0]
    scores = predictability(*halves(lambda factors: unit(factors) @ weights, 10_000), continuous=range(5))
    np.testing.assert_allclose(scores, weights**2, atol=0.05)  # R² of independent unit parts


def test_it_agrees_with_the_slow_definition() -> None:
    train, test = halves(mixture(5), 400)
    gaps = []
    for k in range(5):
        accuracies = []
        for d in range(5):
            model = LinearSVC(C=0.01, class_weight="balanced", max_iter=100_000)
            model.fit(train.codes[:, d : d + 1], train.factors[:, k])
            accuracies.append(np.mean(model.predict(test.codes[:, d : d + 1]) == test.factors[:, k]))
        gaps.append(sorted(accuracies)[-1] - sorted(accuracies)[-2])
    assert sap(train, test) == pytest.approx(np.mean(gaps), abs=1e-9)


def test_squared_correlations_agree_with_numpy() -> None:
    train, test = halves(mixture(5))
    scores = predictability(train, test, continuous=range(5))
    expected = np.corrcoef(train.factors.T, train.codes.T)[:5, 5:] ** 2
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_a_single_code_is_compared_with_none() -> None:
    train, test = halves(lambda factors: unit(factors)[:, 1:2])
    assert sap(train, test, continuous=range(5)) == pytest.approx(1 / 5, abs=0.01)
    assert 0 < sap(train, test) < 0.3
