"""Information of the plan: certain, absent and partial codes, and the divergence form as a second road."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from infot.errors import ProblemError
from infot.metrics import code_frequencies, plan_information, plan_information_metric


def test_certain_balanced_codes_carry_log_k() -> None:
    assert plan_information(np.eye(5)[np.arange(50) % 5]) == pytest.approx(np.log(5))


def test_the_same_posterior_everywhere_carries_nothing() -> None:
    assert plan_information(np.tile([0.7, 0.2, 0.1], (20, 1))) == pytest.approx(0, abs=1e-12)


def test_certain_unbalanced_codes_carry_their_entropy() -> None:
    share = 0.25
    expected = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert plan_information(np.eye(2)[[0, 1, 1, 1]]) == pytest.approx(expected)


@given(st.lists(st.lists(st.integers(1, 9), min_size=3, max_size=3), min_size=2, max_size=8))
def test_it_agrees_with_the_mean_divergence_from_the_marginal(rows) -> None:
    counts = np.array(rows) * 1.0
    posterior = counts / counts.sum(axis=1, keepdims=True)
    second_road = np.mean([entropy(row, posterior.mean(axis=0)) for row in posterior])
    assert plan_information(posterior) == pytest.approx(second_road, abs=1e-9)


def test_frequencies_are_the_mean_of_the_rows() -> None:
    frequencies = code_frequencies(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    np.testing.assert_allclose(frequencies, [0.75, 0.25])


def test_the_metric_has_log_k_as_ceiling() -> None:
    metric = plan_information_metric(torch.eye(10))
    assert metric.value == pytest.approx(metric.ceiling)
    assert (metric.floor, metric.better, metric.n) == (0.0, "higher", 10)


@pytest.mark.parametrize("rows", [[[0.5, 0.4]], [[1.5, -0.5]]])
def test_rows_that_are_no_probabilities_are_refused(rows) -> None:
    with pytest.raises(ProblemError, match="posterior must hold probabilities"):
        plan_information(np.array(rows))
