"""Clustering scores on oracles that know the answer, scikit-learn and brute force as second roads."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from infot.errors import ProblemError
from infot.metrics import (
    accuracy,
    ari,
    clustering_metrics,
    code_metrics,
    conditional_entropy,
    contingency,
    match,
    nmi,
    purity,
)

LABELS = np.repeat(np.arange(5), 40)
SCORES = (accuracy, purity, nmi, ari)

indices = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=2, max_size=60)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("permutation", [(0, 1, 2, 3, 4), (3, 0, 4, 1, 2)])
def test_codes_that_are_the_labels_up_to_names_are_perfect(score, permutation) -> None:
    assert score(contingency(np.array(permutation)[LABELS], LABELS)) == pytest.approx(1.0)


def test_one_code_for_everything_scores_as_the_commonest_label() -> None:
    table = contingency(np.zeros_like(LABELS), LABELS)
    assert accuracy(table) == purity(table) == pytest.approx(0.2)
    assert nmi(table) == ari(table) == 0.0


def test_independent_codes_score_near_chance() -> None:
    codes = np.random.default_rng(0).integers(5, size=20_000)
    table = contingency(codes, np.arange(20_000) % 5)
    assert 0.2 < accuracy(table) < 0.22
    assert nmi(table) < 0.002
    assert abs(ari(table)) < 0.002


def test_two_codes_for_each_label_keep_purity_but_not_accuracy() -> None:
    codes = 2 * LABELS + np.arange(len(LABELS)) % 2
    table = contingency(codes, LABELS)
    assert table.shape == (10, 5)
    assert purity(table) == 1.0
    assert accuracy(table) == pytest.approx(0.5)
    assert nmi(table) == pytest.approx(2 * np.log(5) / (np.log(5) + np.log(10)))


def test_fewer_codes_than_labels_cannot_be_accurate() -> None:
    table = contingency(LABELS // 2, LABELS)  # codes 0, 0, 1, 1, 2
    assert accuracy(table) == purity(table) == pytest.approx(0.6)


@given(indices)
def test_nmi_and_ari_agree_with_scikit_learn(pairs) -> None:
    codes, labels = np.array(pairs).T
    table = contingency(codes, labels, n_codes=5, n_labels=7)
    assert nmi(table) == pytest.approx(normalized_mutual_info_score(labels, codes), abs=1e-9)
    assert ari(table) == pytest.approx(adjusted_rand_score(labels, codes), abs=1e-12)


@given(indices)
def test_accuracy_agrees_with_trying_every_matching(pairs) -> None:
    codes, labels = np.array(pairs).T
    table = contingency(codes, labels, n_codes=5, n_labels=7)
    best = max(
        sum(table[code, label] for code, label in enumerate(matching))
        for matching in itertools.permutations(range(7), 5)
    )
    assert accuracy(table) == pytest.approx(best / len(pairs))
    assert table[np.arange(5), match(table)].sum() == best
    assert purity(table) >= accuracy(table) - 1e-12


def test_match_names_the_label_of_each_code_and_leaves_spare_codes_out() -> None:
    assert match(np.array([[0, 9], [5, 0], [0, 1]])).tolist() == [1, 0, -1]


def test_conditional_entropies_of_known_tables() -> None:
    table = np.array(
        [[2, 2, 0], [0, 0, 4]]
    )  # code 0 leaves one bit open, code 1 nothing; labels name the code
    assert conditional_entropy(table) == pytest.approx(np.log(2) / 2)
    assert conditional_entropy(table.T) == pytest.approx(0.0, abs=1e-12)


@given(indices)
def test_conditional_entropy_agrees_with_the_mean_entropy_of_the_rows(pairs) -> None:
    codes, labels = np.array(pairs).T
    table = contingency(codes, labels)
    rows = table[table.sum(axis=1) > 0]
    expected = sum(row.sum() / len(pairs) * entropy(row) for row in rows)
    assert conditional_entropy(table) == pytest.approx(expected, abs=1e-9)


def test_clustering_metrics_put_chance_at_the_floor() -> None:
    metrics = clustering_metrics(contingency(LABELS, LABELS))
    assert {name: metric.value for name, metric in metrics.items()} == dict.fromkeys(
        ("accuracy", "purity", "nmi", "ari"), pytest.approx(1.0)
    )
    floor = metrics["accuracy"].floor
    assert floor is not None
    assert 0.2 < floor < 0.35
    assert metrics["ari"].floor == pytest.approx(0, abs=0.01)
    assert all(metric.ceiling == 1.0 and metric.n == len(LABELS) for metric in metrics.values())


def test_the_floor_of_codes_without_knowledge_is_their_value() -> None:
    codes = np.random.default_rng(1).integers(5, size=5000)
    for metric in clustering_metrics(contingency(codes, np.arange(5000) % 5)).values():
        assert metric.value == pytest.approx(metric.floor, abs=0.01)


def test_code_metrics_tell_shared_modes_from_spread_codes() -> None:
    shared = code_metrics(contingency(np.arange(800) % 8, np.arange(800) % 4))  # two codes a mode
    assert shared["mode_entropy_given_code"].value == pytest.approx(0, abs=1e-12)
    assert shared["code_entropy_given_mode"].value == pytest.approx(np.log(2))
    spread = code_metrics(contingency(np.arange(800) % 4, np.arange(800) % 8))  # two modes a code
    assert spread["mode_entropy_given_code"].value == pytest.approx(np.log(2))
    assert spread["code_accuracy"].value == spread["code_purity"].value == 0.5
    assert spread["mode_entropy_given_code"].ceiling == pytest.approx(np.log(8), abs=0.05)
    assert spread["mode_entropy_given_code"].better == "lower"


def test_tensors_are_welcome() -> None:
    labels = torch.from_numpy(LABELS)
    assert accuracy(contingency(labels, labels)) == 1.0


def test_bad_tables_are_refused() -> None:
    with pytest.raises(ProblemError, match="codes and labels must have one length, got 2 and 3"):
        contingency(np.zeros(2), np.zeros(3))
    with pytest.raises(ProblemError, match=r"a table of 2 codes x 3 labels cannot hold \(2, 2\)"):
        contingency(np.array([2]), np.array([2]), n_codes=2, n_labels=3)
    with pytest.raises(ProblemError, match="non-negative counts with a positive sum"):
        purity(np.zeros((2, 2)))
