"""The suite as a whole: names, floors, ceilings, profiles, dead and scaled dimensions."""

from dataclasses import replace

import numpy as np
import pytest
from oracles import SIZES, mixture, noise, unit

from infot.metrics.disentanglement import (
    DEFAULT,
    DLIB,
    INFOGAN_CR,
    Disentanglement,
    Forest,
    FreshGroups,
    PooledGroups,
    Represent,
    Votes,
    disentanglement_metrics,
    disentanglement_scores,
)

NAMES = {
    "mig", "dci_disentanglement", "dci_completeness", "dci_informativeness", "factor_vae", "beta_vae", "sap",
    "modularity", "explicitness", "irs", "info_m", "info_e", "info_c",
}  # fmt: skip
FEW = Votes(32, 300, 300)
QUICK = replace(DEFAULT, train=3000, test=3000, votes=FEW, pairs=FEW, predictor=Forest(5, 7))


def measure(represent: Represent, seed: int = 0) -> Disentanglement:
    return disentanglement_metrics(represent, SIZES, np.random.default_rng(seed), profile=QUICK)


@pytest.fixture(scope="module")
def perfect() -> Disentanglement:
    return measure(unit)


def test_perfect_codes_reach_every_ceiling(perfect) -> None:
    assert set(perfect.metrics) == NAMES
    for name, metric in perfect.metrics.items():
        few_trees = 0.1 if name == "dci_informativeness" else 0.02
        assert metric.value == pytest.approx(metric.ceiling, abs=few_trees), name
        assert metric.name == name
        assert metric.better == "higher"
        assert metric.floor < metric.ceiling, name


def test_floors_are_those_of_noise() -> None:
    for name, metric in measure(noise(5, seed=7)).metrics.items():
        if name not in ("info_m", "info_c"):  # shares of informations that are mostly nought: anything
            assert metric.value == pytest.approx(metric.floor, abs=0.12), name


def test_ceilings_are_not_one_where_the_protocol_limits_perfect_codes(perfect) -> None:
    assert perfect.metrics["mig"].ceiling == pytest.approx(0.88, abs=0.02)
    assert perfect.metrics["sap"].ceiling < 0.4
    assert perfect.metrics["factor_vae"].ceiling == 1.0


def test_the_information_explains_the_gap(perfect) -> None:
    assert perfect.information.shape == (5, 5)
    ordered = np.sort(perfect.information, axis=1)
    assert perfect.metrics["mig"].value == pytest.approx((ordered[:, -1] - ordered[:, -2]).mean())


def test_dead_and_rescaled_dimensions_change_nothing(perfect) -> None:
    def disguised(factors: np.ndarray) -> np.ndarray:
        whisper = 0.01 * unit(factors)[:, :1]
        codes = unit(factors) * np.array([0.1, 20.0, -1.0, 3.0, 1.0]) + 4
        return np.concatenate([codes[:, :2], whisper, codes[:, 2:], np.ones((len(factors), 1))], axis=1)

    found = measure(disguised)
    assert found.alive.tolist() == [True, True, False, True, True, True, False]
    assert found.information.shape == (5, 7)
    assert (found.information[:, ~found.alive] == 0).all()
    for name, metric in found.metrics.items():
        assert metric.value == pytest.approx(perfect.metrics[name].value, abs=0.02), name


def test_codes_that_are_all_dead_score_nothing() -> None:
    found = measure(lambda factors: np.full((len(factors), 3), 2.0))
    assert not found.alive.any()
    values = {name: metric.value for name, metric in found.metrics.items()}
    nothing = [
        "mig",
        "dci_disentanglement",
        "dci_completeness",
        "factor_vae",
        "modularity",
        "irs",
        "info_m",
        "info_c",
    ]
    assert {name: values[name] for name in nothing} == dict.fromkeys(nothing, 0.0)
    assert values["explicitness"] == 0.5
    assert values["sap"] == 0.0


def test_a_mixture_looks_good_by_factor_vae_alone() -> None:
    values = {name: metric.value for name, metric in measure(mixture(10, seed=1)).metrics.items()}
    assert values["factor_vae"] > 0.75
    assert values["beta_vae"] > 0.85
    assert values["mig"] < 0.2
    assert values["dci_disentanglement"] < 0.5


def test_the_same_seed_gives_the_same_scores() -> None:
    first, second = (
        disentanglement_scores(mixture(3), SIZES, np.random.default_rng(3), profile=QUICK) for _ in range(2)
    )
    assert first == second


def test_n_says_what_a_score_rests_on(perfect) -> None:
    counts = {name: metric.n for name, metric in perfect.metrics.items()}
    assert counts["mig"] == counts["sap"] == 3000
    assert counts["factor_vae"] == counts["beta_vae"] == 300


def test_the_default_represents_no_more_data_than_it_says() -> None:
    rows = []

    def counted(factors: np.ndarray) -> np.ndarray:
        rows.append(len(factors))
        return unit(factors)

    disentanglement_scores(counted, SIZES, np.random.default_rng(0), profile=QUICK)
    assert sum(rows) == QUICK.train + QUICK.test


def test_profiles_of_published_code_state_its_counts() -> None:
    assert (DLIB.train, DLIB.test, DLIB.votes, DLIB.pairs) == (
        10_000,
        5_000,
        Votes(64, 10_000, 5_000),
        DLIB.votes,
    )
    assert (INFOGAN_CR.train, INFOGAN_CR.test) == (737_280 // 10, 0)
    assert (INFOGAN_CR.votes, INFOGAN_CR.pairs) == (Votes(100, 500, 0), Votes(50, 500, 0))
    assert DLIB.groups is INFOGAN_CR.groups is FreshGroups
    assert DEFAULT.groups is PooledGroups
    assert DLIB.dead_below is INFOGAN_CR.dead_below is None


@pytest.mark.parametrize("profile", [DLIB, INFOGAN_CR], ids=lambda p: p.name)
def test_profiles_of_published_code_run_at_small_counts(profile) -> None:
    small = replace(
        profile,
        train=1500,
        test=profile.test and 1500,
        votes=replace(profile.votes, train=100, test=profile.votes.test and 100),
        pairs=replace(profile.pairs, train=100, test=profile.pairs.test and 100),
        predictor=Forest(3, 7) if profile is DLIB else profile.predictor,
    )
    scores = disentanglement_scores(unit, SIZES, np.random.default_rng(0), profile=small)
    assert set(scores) == NAMES
    assert scores["factor_vae"] == scores["beta_vae"] == 1.0
    assert scores["dci_disentanglement"] > 0.95
    assert (scores["sap"] > 0.8) == (profile is INFOGAN_CR)  # it takes four factors as numbers
