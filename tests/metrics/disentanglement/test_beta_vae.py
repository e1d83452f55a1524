"""Differences of pairs: oracles, the slow definition, and what scale does."""

import numpy as np
import pytest
from oracles import SIZES, draw, mixture, noise, unit
from sklearn.linear_model import LogisticRegression

from infot.metrics.disentanglement import FreshGroups, PooledGroups, Represent, Votes, beta_vae
from infot.metrics.disentanglement.beta_vae import differences

VOTES = Votes(size=64, train=1000, test=1000)


def score(represent: Represent) -> float:
    train, test = (PooledGroups(draw(represent, seed=seed)) for seed in (1, 2))
    return beta_vae(train, test, np.random.default_rng(0), votes=VOTES)


def test_perfect_codes_and_duplicates_are_told_apart() -> None:
    assert score(unit) == 1.0
    assert score(lambda factors: np.repeat(unit(factors), 2, axis=1)) == 1.0


@pytest.mark.parametrize(("n_codes", "expected"), [(5, 0.92), (10, 0.99)])
def test_random_linear_mixtures_score_high_which_is_the_trap(n_codes, expected) -> None:
    values = [score(mixture(n_codes, seed)) for seed in range(8)]
    assert np.mean(values) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("represent", [noise(10), lambda factors: np.zeros((len(factors), 3))])
def test_noise_and_constants_are_at_chance(represent) -> None:
    assert score(represent) == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 1000))


def test_the_order_and_shift_of_codes_do_not_matter() -> None:
    assert score(lambda factors: 7 - mixture(5)(factors)[:, ::-1]) == pytest.approx(
        score(mixture(5)), abs=0.01
    )


def test_features_agree_with_the_slow_definition() -> None:
    represent = mixture(5)
    groups = FreshGroups(represent, SIZES)
    found = differences(groups, np.random.default_rng(3), count=10, size=8)
    pairs = groups.pairs(np.arange(10) % 5, 8, np.random.default_rng(3))
    for i in range(10):
        total = sum(np.abs(pair[0] - pair[1]) for pair in pairs[i])
        np.testing.assert_allclose(found[i], total / 8)


def test_the_score_is_that_of_scikit_learns_classifier() -> None:
    groups = FreshGroups(mixture(10), SIZES)
    few = Votes(size=4, train=200, test=100)
    found = beta_vae(groups, groups, np.random.default_rng(5), votes=few)
    rng = np.random.default_rng(5)
    x, y = (differences(groups, rng, count=n, size=4) for n in (200, 100))
    model = LogisticRegression(max_iter=10_000).fit(x, np.arange(200) % 5)
    assert found == pytest.approx(float((model.predict(y) == np.arange(100) % 5).mean()), abs=0.03)


def test_without_test_groups_it_is_scored_on_what_it_learnt_from() -> None:
    groups = FreshGroups(noise(30), SIZES)
    assert beta_vae(groups, groups, np.random.default_rng(0), votes=Votes(2, 50, 0)) > 0.5
