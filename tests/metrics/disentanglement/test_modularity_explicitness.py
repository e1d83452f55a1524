"""Modularity and explicitness: oracles, closed forms, and the slow definitions."""

import numpy as np
import pytest
from oracles import draw, mixture, noise, unit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score

from infot.errors import ProblemError
from infot.metrics.disentanglement import Coded, explicitness, modularity


def halves(represent, n: int = 3000) -> tuple[Coded, Coded]:
    return draw(represent, n, seed=1), draw(represent, n // 2, seed=2)


def test_perfect_and_duplicated_codes_are_modular() -> None:
    assert modularity(draw(unit)) > 0.999
    assert modularity(draw(lambda factors: np.repeat(unit(factors), 2, axis=1))) > 0.999


def test_a_code_of_two_equal_factors_has_a_modularity_in_closed_form() -> None:
    factors = np.random.default_rng(0).integers(4, size=(20_000, 3))
    both = Coded((4 * factors[:, :1] + factors[:, 1:2]).astype(float), factors)
    assert modularity(both, bins=16) == pytest.approx(1 - 1 / 2, abs=0.01)


def test_dead_codes_count_as_nothing_and_noise_scores_high_which_is_the_trap() -> None:
    half_dead = draw(lambda factors: np.concatenate([unit(factors), np.zeros((len(factors), 5))], axis=1))
    assert modularity(half_dead) == pytest.approx(0.5, abs=1e-3)
    assert 0.4 < modularity(draw(noise(10))) < 0.8


def test_modularity_agrees_with_the_slow_definition() -> None:
    data = draw(mixture(5), 500)
    values = []
    for code in data.codes.T:
        edges = np.linspace(code.min(), code.max(), 8)
        binned = [min(int(sum(value >= edges)) - 1, 6) for value in code]
        squares = [mutual_info_score(factor, binned) ** 2 for factor in data.factors.T]
        best = max(squares)
        values.append(1 - (sum(squares) - best) / (best * 4))
    assert modularity(data, bins=7) == pytest.approx(np.mean(values), abs=1e-9)


def test_explicitness_of_noise_is_a_half_and_of_codes_near_one_whatever_their_rotation() -> None:
    assert explicitness(*halves(noise(5))) == pytest.approx(0.5, abs=0.03)
    straight, rotated = explicitness(*halves(unit)), explicitness(*halves(mixture(5)))
    assert straight > 0.95
    assert rotated == pytest.approx(straight, abs=0.01)


def test_explicitness_does_not_depend_on_scale_or_order() -> None:
    train, test = halves(mixture(5), 1000)
    changed = [Coded(100 - 50 * data.codes[:, ::-1], data.factors) for data in (train, test)]
    assert explicitness(*changed) == pytest.approx(explicitness(train, test), abs=1e-3)


def test_explicitness_agrees_with_the_slow_definition() -> None:
    train, test = halves(mixture(5), 1500)
    mean, spread = train.codes.mean(axis=0), train.codes.std(axis=0)
    areas = []
    for k in range(5):
        model = LogisticRegression(max_iter=100).fit((train.codes - mean) / spread, train.factors[:, k])
        probabilities = model.predict_proba((test.codes - mean) / spread)
        areas.append(roc_auc_score(test.factors[:, k], probabilities, multi_class="ovr") if k else None)
    areas = areas[1:]  # of shape, three values, the same function
    only = [Coded(data.codes, data.factors[:, 1:]) for data in (train, test)]
    assert explicitness(*only) == pytest.approx(np.mean(areas), abs=1e-9)


def test_constant_codes_are_at_chance() -> None:
    assert explicitness(*halves(lambda factors: np.zeros((len(factors), 2)), 1000)) == 0.5


def test_values_that_were_never_learnt_are_refused() -> None:
    train = Coded(np.arange(4.0)[:, None], np.array([[0], [1], [0], [1]]))
    test = Coded(np.arange(2.0)[:, None], np.array([[0], [2]]))
    with pytest.raises(
        ProblemError, match="value 2 of factor 0 is in the test data and not in the training data"
    ):
        explicitness(train, test)
