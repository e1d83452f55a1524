"""InfoMEC: its pieces against direct formulas, scikit-learn's neighbours, and oracles."""

import numpy as np
import pytest
from oracles import draw, mixture, noise, unit
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from infot.metrics.disentanglement import Coded, infomec, neighbour_information
from infot.metrics.disentanglement.infomec import largest_share


def score(represent, n: int = 2000):
    return infomec(draw(represent, n, seed=1), draw(represent, n // 2, seed=2), np.random.default_rng(0))


def test_largest_shares_in_closed_form() -> None:
    assert largest_share(np.eye(3)) == 1.0
    assert largest_share(np.ones((2, 3))) == pytest.approx(0.0)
    assert largest_share(np.array([[3.0, 1.0]])) == pytest.approx((3 / 4 - 1 / 2) / (1 / 2))
    assert largest_share(np.zeros((2, 3))) == pytest.approx(0.0)
    assert largest_share(np.array([[0.5], [0.0]])) == 0.5
    assert largest_share(np.zeros((3, 0))) == largest_share(np.zeros((0, 3))) == 0.0


@pytest.mark.parametrize("classes", [3, 32])
def test_information_by_neighbours_agrees_with_scikit_learn(classes) -> None:
    rng = np.random.default_rng(classes)
    factor = rng.integers(classes, size=1000)
    code = factor + rng.standard_normal(1000)
    expected = mutual_info_classif(
        code[:, None], factor, discrete_features=False, n_neighbors=10, random_state=0
    )
    assert neighbour_information(code, factor, rng) == pytest.approx(expected[0], abs=1e-4)


def test_information_of_separated_and_of_overlapping_classes() -> None:
    rng = np.random.default_rng(0)
    factor = rng.integers(2, size=20_000)
    assert neighbour_information(factor.astype(float), factor, rng) == pytest.approx(np.log(2), abs=0.01)
    assert neighbour_information(rng.random(20_000), factor, rng) < 0.01
    # uniform on [0, 1] or [1/2, 3/2]: half of the data tell their class, half nothing
    code = rng.random(20_000) + factor / 2
    assert neighbour_information(code, factor, rng) == pytest.approx(np.log(2) / 2, abs=0.01)


def test_classes_of_a_single_datum_are_left_out() -> None:
    rng = np.random.default_rng(0)
    factor = np.append(np.repeat([0, 1], 50), 2)
    code = np.append(np.repeat([0.0, 9.0], 50), 4.0)
    kept = neighbour_information(code[:-1], factor[:-1], rng)
    assert neighbour_information(code, factor, rng) == pytest.approx(kept, abs=1e-12)


def test_perfect_codes_are_modular_compact_and_explicit() -> None:
    found = score(unit, 4000)
    assert found.modularity > 0.95
    assert found.compactness > 0.95
    assert found.explicitness > 0.9
    assert np.diagonal(found.information).min() > 0.9


def test_noise_is_not_explicit_and_its_shares_are_those_of_chance() -> None:
    found = score(noise(10))
    assert found.explicitness == pytest.approx(0.0, abs=0.05)
    assert found.modularity < 0.7


def test_a_rotation_is_explicit_and_neither_modular_nor_compact() -> None:
    found = score(mixture(5), 4000)
    assert found.explicitness > 0.8
    assert found.modularity < 0.6
    assert found.compactness < 0.6


def test_duplicated_codes_stay_modular_and_lose_compactness() -> None:
    found = score(lambda factors: np.repeat(unit(factors), 2, axis=1))
    assert found.modularity > 0.9
    assert found.compactness == pytest.approx((1 / 2 - 1 / 10) / (9 / 10), abs=0.05)


def test_narrow_dimensions_are_not_active() -> None:
    rng = np.random.default_rng(0)

    def padded(factors: np.ndarray) -> np.ndarray:
        return np.concatenate([unit(factors), 0.01 * rng.standard_normal((len(factors), 3))], axis=1)

    assert score(padded).modularity > 0.95  # three dimensions of noise would lower it


def test_shares_follow_from_the_information() -> None:
    found = score(mixture(5))
    shares = found.information / found.information.sum(axis=0)
    assert found.modularity == pytest.approx((shares.max(axis=0).mean() - 1 / 5) / (4 / 5))
    rows = found.information / found.information.sum(axis=1, keepdims=True)
    assert found.compactness == pytest.approx((rows.max(axis=1).mean() - 1 / 5) / (4 / 5))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_explicitness_agrees_with_the_slow_definition() -> None:
    train, test = draw(mixture(5), 1500, seed=1), draw(mixture(5), 800, seed=2)
    mean, spread = train.codes.mean(axis=0), train.codes.std(axis=0)
    gains = []
    for k in range(5):
        y = train.factors[:, k]
        model = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=100)
        model.fit((train.codes - mean) / spread, y)
        null = LogisticRegression(C=np.inf, class_weight="balanced").fit(np.zeros((train.n, 1)), y)
        truth, values = test.factors[:, k], model.classes_
        told = log_loss(truth, model.predict_proba((test.codes - mean) / spread), labels=values)
        untold = log_loss(truth, null.predict_proba(np.zeros((test.n, 1))), labels=values)
        gains.append(1 - told / untold)
    found = infomec(train, test, np.random.default_rng(0))
    assert found.explicitness == pytest.approx(np.mean(gains), abs=1e-4)


def test_constant_codes_tell_nothing() -> None:
    data = Coded(np.zeros((400, 2)), np.random.default_rng(0).integers(3, size=(400, 2)))
    found = infomec(data, data, np.random.default_rng(0))
    assert found.modularity == found.compactness == 0.0
    assert found.explicitness == pytest.approx(0.0, abs=1e-6)
