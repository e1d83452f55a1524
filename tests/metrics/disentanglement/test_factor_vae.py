"""Votes of still dimensions: oracles by both sources of groups, and a slow count by another road."""

import numpy as np
import pytest
from oracles import SIZES, draw, mixture, noise, unit

from infot.errors import ProblemError
from infot.metrics.disentanglement import (
    Coded,
    FreshGroups,
    Groups,
    PooledGroups,
    Represent,
    Votes,
    factor_vae,
)
from infot.metrics.disentanglement.factor_vae import still_dimensions

VOTES = Votes(size=64, train=2000, test=2000)


def fresh(represent: Represent, votes: Votes = VOTES, seed: int = 0, dead_below: float = 0.05) -> float:
    groups = FreshGroups(represent, SIZES)
    spread = draw(represent).codes.std(axis=0)
    rng = np.random.default_rng(seed)
    return factor_vae(groups, groups, rng, spread=spread, votes=votes, dead_below=dead_below)


def pooled(represent: Represent, seed: int = 0) -> float:
    train, test = draw(represent, seed=1), draw(represent, seed=2)
    spread = train.codes.std(axis=0)
    rng = np.random.default_rng(seed)
    return factor_vae(PooledGroups(train), PooledGroups(test), rng, spread=spread, votes=VOTES)


@pytest.mark.parametrize("score", [fresh, pooled])
def test_perfect_codes_score_one_in_any_order_and_scale(score) -> None:
    assert score(unit) == 1.0
    assert score(lambda factors: unit(factors)[:, ::-1] * [3, -1, 0.1, 100, 1] + 5) == 1.0
    assert score(lambda factors: np.repeat(unit(factors), 2, axis=1)) == 1.0


@pytest.mark.parametrize("score", [fresh, pooled])
def test_noise_is_at_chance(score) -> None:
    # Five dimensions of noise: the best factor of each is chosen by chance, and test votes are at 1/5 again.
    assert score(noise(10)) == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 2000))


@pytest.mark.parametrize(("n_codes", "expected"), [(5, 0.85), (10, 0.95)])
def test_random_linear_mixtures_score_high_which_is_the_trap(n_codes, expected) -> None:
    values = [pooled(mixture(n_codes, seed)) for seed in range(8)]
    assert np.mean(values) == pytest.approx(expected, abs=0.06)


def test_both_sources_give_the_same_score_up_to_noise() -> None:
    represent = mixture(5, seed=3)
    error = np.sqrt(0.8 * 0.2 / VOTES.test)
    assert pooled(represent) == pytest.approx(fresh(represent), abs=6 * error)


def slow_votes(groups: Groups, spread: np.ndarray, count: int, size: int, seed: int) -> np.ndarray:
    """Count votes one by one, with unbiased variances, from the same draws."""
    held = np.arange(count) % 5
    codes = groups.holding(held, size, np.random.default_rng(seed))
    votes = np.zeros((5, len(spread)), dtype=int)
    for k, group in zip(held, codes, strict=True):
        ratios = [np.var(group[:, d], ddof=1) / spread[d] ** 2 for d in range(len(spread))]
        votes[k, int(np.argmin(ratios))] += 1
    return votes


def test_votes_agree_with_a_slow_count() -> None:
    groups, spread = FreshGroups(mixture(5), SIZES), np.array([1.0, 2.0, 0.5, 1.0, 3.0])
    fast = still_dimensions(
        groups, np.random.default_rng(4), count=200, size=16, spread=spread, alive=np.ones(5, dtype=bool)
    )
    np.testing.assert_array_equal(fast, slow_votes(groups, spread, 200, 16, seed=4))


def test_dead_dimensions_have_no_vote() -> None:
    # A collapsed dimension that follows no factor is constant in every group: it would take every vote.
    def collapsed(factors: np.ndarray) -> np.ndarray:
        return np.concatenate([unit(factors), np.full((len(factors), 1), 0.3)], axis=1)

    def whisper(factors: np.ndarray) -> np.ndarray:
        return 0.01 * unit(factors)

    assert fresh(collapsed) == 1.0
    assert fresh(whisper) == 0.0
    assert fresh(whisper, dead_below=0.0) == 1.0


def test_without_test_votes_it_is_scored_on_what_it_learnt_from() -> None:
    few = Votes(size=2, train=25, test=0)
    assert few.scored == 25
    assert fresh(noise(20), votes=few) > 0.4  # 25 votes on 20 dimensions are remembered


@pytest.mark.parametrize("source", ["fresh", "pooled"])
def test_groups_share_the_held_factor_and_no_other(source) -> None:
    identity = np.asarray
    data = draw(identity, n=20_000)
    groups = FreshGroups(identity, SIZES) if source == "fresh" else PooledGroups(data)
    held = np.repeat(np.arange(5), 40)
    codes = groups.holding(held, 64, np.random.default_rng(0))
    assert codes.shape == (200, 64, 5)
    constant = (codes == codes[:, :1]).all(axis=1)
    np.testing.assert_array_equal(constant, np.eye(5, dtype=bool)[held])
    shown = {k: {int(group[0, k]) for group in codes[held == k]} for k in range(5)}
    assert all(len(shown[k]) > 0.5 * size for k, size in enumerate(SIZES))  # the value itself varies
    free = codes[held != 2][..., 2].ravel()
    assert free.mean() == pytest.approx(19.5, abs=4 * 11.5 / np.sqrt(len(free)))


@pytest.mark.parametrize("source", ["fresh", "pooled"])
def test_pairs_share_the_held_factor_pair_by_pair(source) -> None:
    identity = np.asarray
    groups = FreshGroups(identity, SIZES) if source == "fresh" else PooledGroups(draw(identity))
    held = np.arange(5)
    codes = groups.pairs(held, 300, np.random.default_rng(0))
    assert codes.shape == (5, 300, 2, 5)
    alike = (codes[:, :, 0] == codes[:, :, 1]).mean(axis=1)
    np.testing.assert_allclose(np.diagonal(alike), 1.0)
    off = alike[~np.eye(5, dtype=bool)].reshape(5, 4)
    expected = np.array([[1 / SIZES[j] for j in range(5) if j != i] for i in range(5)])
    np.testing.assert_allclose(off, expected, atol=4 * np.sqrt(0.25 / 300))
    assert len(np.unique(codes[2, :, 0, 2])) > 20  # the shared value differs between pairs


def test_a_pool_that_is_too_small_is_refused() -> None:
    data = Coded(np.zeros((60, 2)), np.arange(60)[:, None] % 2)
    with pytest.raises(
        ProblemError, match="only 30 data of the sample have value . of factor 0, and a group needs 64"
    ):
        PooledGroups(data).holding(np.array([0]), 64, np.random.default_rng(0))
