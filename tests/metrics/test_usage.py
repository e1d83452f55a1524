"""How often codes are used, by hand and against the classes of data."""

import numpy as np
import pytest

from infot.errors import ProblemError
from infot.metrics import class_share_distance, class_share_metric, usage_metrics


def test_equal_use_is_the_ceiling_and_a_dead_code_the_floor() -> None:
    equal = usage_metrics(np.eye(4))
    assert equal["code_frequency_min"].value == equal["code_frequency_min"].ceiling == 0.25
    assert equal["code_use_entropy"].value == pytest.approx(np.log(4)) == equal["code_use_entropy"].ceiling
    dead = usage_metrics(np.eye(4)[[0, 1, 2, 2]])
    assert dead["code_frequency_min"].value == 0
    assert dead["code_use_entropy"].value == pytest.approx(1.5 * np.log(2))


def test_unsure_codes_count_by_their_shares() -> None:
    metrics = usage_metrics(np.array([[0.9, 0.1], [0.7, 0.3]]))
    assert metrics["code_frequency_min"].value == pytest.approx(0.2)


def test_the_right_frequencies_have_distance_zero_and_equal_ones_the_total_variation() -> None:
    table = np.diag([10, 20, 70])
    assert class_share_distance(table, np.array([0.1, 0.2, 0.7])) == pytest.approx(0)
    truth, even = np.array([0.1, 0.2, 0.7]), np.full(3, 1 / 3)
    assert class_share_distance(table, even) == pytest.approx(abs(truth - even).sum() / 2)


def test_codes_that_share_a_class_add_up() -> None:
    table = np.array([[30, 0], [30, 0], [0, 40]])
    assert class_share_distance(table, np.array([0.5, 0.1, 0.4])) == pytest.approx(0)


def test_a_code_without_data_stands_for_no_class() -> None:
    table = np.array([[50, 0], [0, 50], [0, 0]])
    assert class_share_distance(table, np.array([0.4, 0.4, 0.2])) == pytest.approx(0.2)


def test_the_rarest_class_alone_is_the_ceiling() -> None:
    metric = class_share_metric(np.diag([10, 30, 60]), np.array([1.0, 0.0, 0.0]))
    assert metric.value == pytest.approx(0.9) and metric.ceiling == pytest.approx(0.9)
    assert (metric.floor, metric.better, metric.n) == (0.0, "lower", 100)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ProblemError, match="expected counts of 3 codes"):
        class_share_distance(np.diag([1, 2]), np.full(3, 1 / 3))
    with pytest.raises(ProblemError, match="with a positive sum"):
        class_share_distance(np.zeros((2, 2), dtype=int), np.full(2, 0.5))
