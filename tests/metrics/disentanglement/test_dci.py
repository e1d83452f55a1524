"""DCI: the scores of given importances in closed form, oracles, and the fast predictor against boosting."""

import numpy as np
import pytest
from oracles import draw, mixture, noise, unit
from scipy.stats import entropy

from infot.errors import ProblemError
from infot.metrics.disentanglement import (
    Boosting,
    Coded,
    Forest,
    Predictor,
    RegressionForest,
    Represent,
    completeness,
    dci,
    disentanglement,
)

FOREST = Forest()


def score(represent: Represent, predictor: Predictor = FOREST, n: int = 2000):
    train, test = draw(represent, n, seed=1), draw(represent, n // 2, seed=2)
    return dci(train, test, np.random.default_rng(0), predictor=predictor)


def test_closed_forms_of_given_importances() -> None:
    assert disentanglement(np.eye(4)) == completeness(np.eye(4)) == 1.0
    assert disentanglement(np.ones((6, 4))) == pytest.approx(0.0, abs=1e-12)
    assert completeness(np.ones((6, 4))) == pytest.approx(0.0, abs=1e-12)
    doubled = np.repeat(np.eye(4), 2, axis=0)  # two codes a factor
    assert disentanglement(doubled) == 1.0
    assert completeness(doubled) == pytest.approx(1 - np.log(2) / np.log(8))
    merged = doubled.T  # two factors a code
    assert completeness(merged) == 1.0
    assert disentanglement(merged) == pytest.approx(1 - np.log(2) / np.log(8))


def test_rows_count_by_their_importance_and_dead_rows_not_at_all() -> None:
    r = np.array([[3.0, 0.0], [0.5, 0.5], [0.0, 0.0]])
    assert disentanglement(r) == pytest.approx(3 / 4)
    assert completeness(r) == pytest.approx((3.5 * (1 - entropy([6 / 7, 1 / 7], base=3)) + 0.5) / 4)


def test_scale_and_order_of_importances_do_not_matter() -> None:
    r = np.random.default_rng(0).random((6, 4))
    shuffled = 7 * r[[5, 1, 0, 2, 4, 3]][:, [2, 0, 3, 1]]
    assert disentanglement(shuffled) == pytest.approx(disentanglement(r))
    assert completeness(shuffled) == pytest.approx(completeness(r))


def test_it_agrees_with_the_definition_by_scipy() -> None:
    r = np.random.default_rng(1).random((6, 4))
    rows = 1 - entropy(r.T + 1e-11, base=4)  # the published code adds 1e-11
    assert disentanglement(r) == pytest.approx((rows * r.sum(axis=1) / r.sum()).sum(), abs=1e-9)
    columns = 1 - entropy(r + 1e-11, base=6)
    assert completeness(r) == pytest.approx((columns * r.sum(axis=0) / r.sum()).sum(), abs=1e-9)


def test_no_importance_is_no_score_and_one_code_is_complete() -> None:
    assert disentanglement(np.zeros((3, 2))) == completeness(np.zeros((3, 2))) == 0.0
    assert completeness(np.array([[1.0, 2.0]])) == 1.0
    with pytest.raises(ProblemError, match="importances must not be negative, got -1.0"):
        disentanglement(-np.eye(2))


@pytest.mark.parametrize("predictor", [Forest(), RegressionForest()])
def test_perfect_codes_are_disentangled_and_complete(predictor) -> None:
    found = score(unit, predictor)
    assert found.disentanglement > 0.95
    assert found.completeness > 0.95
    assert found.informativeness > 0.9
    assert found.importance.shape == (5, 5)


def test_boosting_finds_perfect_codes() -> None:
    def three(factors: np.ndarray) -> np.ndarray:
        return unit(factors)[:, :2]

    train, test = draw(three, 1000, seed=1), draw(three, 500, seed=2)
    few = [Coded(data.codes, data.factors[:, :2]) for data in (train, test)]
    found = dci(few[0], few[1], np.random.default_rng(0), predictor=Boosting(rounds=20))
    assert found.disentanglement > 0.99
    assert found.informativeness == 1.0


def test_noise_is_at_chance() -> None:
    found = score(noise(10))
    assert found.disentanglement < 0.05
    assert found.informativeness == pytest.approx(np.mean([1 / s for s in (3, 6, 40, 32, 32)]), abs=0.03)


def test_mixtures_are_far_from_disentangled() -> None:
    assert score(mixture(5)).disentanglement < 0.35


def test_duplicated_codes_stay_disentangled_and_lose_completeness() -> None:
    rng = np.random.default_rng(0)

    def twice(factors: np.ndarray) -> np.ndarray:
        both = np.repeat(unit(factors), 2, axis=1)
        return both + 0.02 * rng.standard_normal(
            both.shape
        )  # else the first of two equal codes is always split on

    found = score(twice)
    assert found.disentanglement > 0.9
    assert found.completeness < 0.85


def test_constant_codes_score_nothing() -> None:
    found = score(lambda factors: np.zeros((len(factors), 2)))
    assert found.disentanglement == found.completeness == 0.0


def test_monotone_changes_of_a_code_leave_trees_alone() -> None:
    def bent(factors: np.ndarray) -> np.ndarray:
        return np.exp(mixture(5)(factors))

    assert score(bent).disentanglement == pytest.approx(score(mixture(5)).disentanglement, abs=0.01)


def test_depths_belong_to_factors() -> None:
    with pytest.raises(ProblemError, match="expected a depth for each of 5 factors, got 2"):
        score(unit, RegressionForest(depths=(4, 2)))
