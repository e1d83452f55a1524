"""Scores of classified samples whose values are known."""

import numpy as np
import pytest
from scipy.stats import entropy

from infot.errors import ProblemError
from infot.metrics import classifier_score, classifier_score_metric, code_agreement_metric


def test_the_score_is_the_exponential_of_the_information_that_a_sample_has_on_its_class() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(5), size=40)
    information = entropy(p.mean(axis=0)) - entropy(p, axis=1).mean()  # H(y) − H(y|x)
    assert classifier_score(p) == pytest.approx(np.exp(information))


@pytest.mark.parametrize(
    ("probabilities", "score"),
    [
        (np.eye(10), 10.0),
        (np.tile(np.eye(10)[3], (20, 1)), 1.0),  # one class alone
        (np.full((20, 10), 0.1), 1.0),  # never sure
        (np.tile(np.eye(10)[:5], (4, 1)), 5.0),  # half the classes
    ],
)
def test_clear_and_varied_samples_score_high(probabilities, score) -> None:
    assert classifier_score(probabilities) == pytest.approx(score)


def test_the_ceiling_is_the_score_of_held_out_data() -> None:
    metric = classifier_score_metric(np.full((4, 2), 0.5), np.array([[0.9, 0.1], [0.1, 0.9]]))
    assert (metric.value, metric.floor, metric.n) == (pytest.approx(1), 1, 4)
    assert metric.ceiling == classifier_score(np.array([[0.9, 0.1], [0.1, 0.9]]))


@pytest.mark.parametrize("row", [[0.5, 0.6], [1.5, -0.5]])
def test_what_is_no_distribution_is_refused(row) -> None:
    with pytest.raises(ProblemError, match="non-negative and sum to one"):
        classifier_score(np.array([row]))


def test_agreement_is_the_share_of_the_commonest_class_of_each_code() -> None:
    codes = np.repeat([0, 1, 2], [50, 30, 20])
    classes = np.concatenate([[1] * 45 + [0] * 5, [0] * 30, [0] * 10 + [2] * 10])
    truth = np.arange(90) % 3
    seen = np.where(np.arange(90) < 9, (truth + 1) % 3, truth)  # a tenth read wrongly
    metric = code_agreement_metric(codes, classes, labels=truth, classes_of_data=seen)
    assert metric.value == pytest.approx((45 + 30 + 10) / 100)
    assert metric.ceiling == pytest.approx(0.9)
    assert metric.floor == pytest.approx(0.5, abs=0.05)  # two classes of about a half each
    assert (metric.name, metric.n, metric.better) == ("code_agreement", 100, "higher")


def test_codes_that_know_nothing_of_classes_are_at_the_floor() -> None:
    rng = np.random.default_rng(0)
    codes, classes, labels = rng.integers(0, 10, size=(3, 2000))
    metric = code_agreement_metric(codes, classes, labels=labels, classes_of_data=labels)
    assert metric.floor is not None
    assert metric.value == pytest.approx(metric.floor, abs=0.02)
    assert metric.ceiling == 1
