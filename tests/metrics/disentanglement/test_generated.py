"""Scores of a generator alone, of generators whose faults are known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from infot.errors import ProblemError
from infot.metrics.disentanglement import DEFAULT, Coded, Drawn, generator_metrics, generator_scores, mig

SIZES = (3, 6, 8)
N = 6000
FACTORS = np.random.default_rng(1).integers(np.array(SIZES), size=(N, 3))
TRUTH = Drawn(FACTORS.astype(float), FACTORS, SIZES)


def scores(codes: np.ndarray, factors: np.ndarray = FACTORS) -> dict[str, float]:
    return generator_scores(Drawn(codes, factors, SIZES), np.random.default_rng(0))


def test_a_code_that_decides_one_factor_a_dimension_scores_one_whatever_the_order() -> None:
    found = scores(FACTORS[:, [2, 0, 1]].astype(float))
    assert all(value == pytest.approx(1.0, abs=0.01) for value in found.values()), found


def test_where_every_factor_varies_it_is_the_mig_of_the_codes() -> None:
    rng = np.random.default_rng(2)
    codes = FACTORS @ rng.normal(size=(3, 5)) + 0.3 * rng.standard_normal((N, 5))
    assert scores(codes)["generator_mig"] == pytest.approx(mig(Coded(codes, FACTORS)))
    assert 0.02 < scores(codes)["generator_mig"] < 0.5


def test_what_the_noise_decides_is_told_by_no_code() -> None:
    found = scores(FACTORS[:, :2].astype(float))  # the last factor is free
    assert found["generator_mig"] == pytest.approx(2 / 3, abs=0.01)
    assert found["generator_dci_informativeness"] == pytest.approx((1 + 1 + 1 / 8) / 3, abs=0.02)
    assert found["generator_variety"] == pytest.approx(1.0, abs=0.01)


def test_a_factor_that_is_never_drawn_costs_variety_and_counts_as_untold() -> None:
    collapsed = FACTORS.copy()
    collapsed[:, 1] = 4
    found = scores(collapsed.astype(float), collapsed)
    assert found["generator_mig"] == pytest.approx(2 / 3, abs=0.01)
    assert found["generator_dci_disentanglement"] == pytest.approx(1.0, abs=0.01)
    assert found["generator_dci_informativeness"] == pytest.approx(2 / 3, abs=0.01)
    assert found["generator_variety"] == pytest.approx(2 / 3, abs=0.01)


def test_one_image_for_every_code_scores_nothing() -> None:
    assert set(scores(FACTORS.astype(float), np.zeros_like(FACTORS)).values()) == {0.0}


def test_shuffled_codes_score_the_floor_and_the_truth_its_ceiling() -> None:
    shuffled = np.random.default_rng(5).permutation(FACTORS).astype(float)
    found = generator_metrics(Drawn(shuffled, FACTORS, SIZES), TRUTH, np.random.default_rng(0))
    for name in ("generator_mig", "generator_dci_disentanglement", "generator_dci_informativeness"):
        metric = found[name]
        assert metric.floor == pytest.approx(metric.value, abs=0.03), name
        assert metric.ceiling == pytest.approx(1.0, abs=0.01), name
    perfect = generator_metrics(TRUTH, TRUTH, np.random.default_rng(0))
    assert all(metric.value == pytest.approx(metric.ceiling) for metric in perfect.values())
    assert all(metric.better == "higher" and metric.n == N for metric in perfect.values())


@pytest.mark.parametrize("wrong", [0.5])
def test_the_ceiling_knows_how_well_the_judge_reads(wrong: float) -> None:
    rng = np.random.default_rng(6)
    read = np.where(rng.random((N, 3)) < wrong, rng.integers(np.array(SIZES), size=(N, 3)), FACTORS)
    found = generator_metrics(
        Drawn(FACTORS.astype(float), read, SIZES), Drawn(FACTORS.astype(float), read, SIZES), rng
    )
    assert found["generator_mig"].value == pytest.approx(found["generator_mig"].ceiling)
    # I(v; read) / H(read) where the reading is the value with probability 1 - w + w / s, each other with w / s
    expected = np.mean([_told(size, wrong) for size in SIZES])
    assert found["generator_mig"].ceiling == pytest.approx(expected, abs=0.02)


def _told(size: int, wrong: float) -> float:
    law = np.full(size, wrong / size)
    law[0] += 1 - wrong
    return 1 + float((law * np.log(law)).sum() / np.log(size))


def test_the_bins_are_those_of_the_profile() -> None:
    codes = np.random.default_rng(7).uniform(size=(N, 1))
    factors = np.concatenate([(codes * 8).astype(int).clip(0, 7)[:, [0, 0, 0]]], axis=1) % np.array(SIZES)
    fine, coarse = (
        generator_scores(
            Drawn(codes, factors, SIZES), np.random.default_rng(0), profile=replace(DEFAULT, bins=bins)
        )["generator_mig"]
        for bins in (40, 2)
    )
    assert fine > coarse + 0.2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Drawn(np.zeros((5, 1)), FACTORS[:4], SIZES),
            "as many codes as factors, four or more, got 5",
        ),
        (lambda: Drawn(np.zeros((3, 1)), FACTORS[:3], SIZES), "four or more, got 3 and 3"),
        (lambda: Drawn(np.zeros((4, 1)), FACTORS[:4], (3, 6)), "a size for each of 3 factors, got 2"),
        (lambda: Drawn(np.zeros((4, 1)), FACTORS[:4] + 8, SIZES), r"below their sizes \(3, 6, 8\)"),
        (lambda: Drawn(np.full((4, 1), np.nan), FACTORS[:4], SIZES), "codes holds NaN"),
        (
            lambda: generator_metrics(TRUTH, Drawn(FACTORS, FACTORS, (9, 9, 9)), np.random.default_rng(0)),
            r"the same factors, got sizes \(3, 6, 8\) and \(9, 9, 9\)",
        ),
    ],
)
def test_bad_input_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        make()
