"""Precision and recall of clouds whose overlap is known."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from infot.errors import ProblemError
from infot.metrics import Neighbourhoods, compare_neighbourhoods, neighbourhood_metrics


def modes(counts: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw points of clusters that are far apart, on the axes."""
    centres = 100 * np.eye(len(counts))
    return np.concatenate(
        [c + rng.normal(size=(n, len(counts))) for c, n in zip(centres, counts, strict=True)]
    )


def by_balls(x: np.ndarray, y: np.ndarray, k: int) -> float:
    """Return the share of x in a ball around a point of y, by another library's neighbours, one ball at a time."""
    radii = NearestNeighbors(n_neighbors=k + 1).fit(y).kneighbors(y)[0][:, k]
    return float(np.mean([any(np.linalg.norm(p - q) <= r for q, r in zip(y, radii, strict=True)) for p in x]))


@pytest.mark.parametrize("k", [1, 3])
def test_balls_taken_one_by_one_give_the_same(k) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(60, 3)) * [1, 2, 0.5]
    found = compare_neighbourhoods(x, y, k)
    assert (found.precision, found.recall) == (by_balls(x, y, k), by_balls(y, x, k))


def test_data_against_itself_are_perfect() -> None:
    x = np.random.default_rng(0).normal(size=(100, 4))
    assert compare_neighbourhoods(x, x) == Neighbourhoods(1.0, 1.0, 4 / 3, 1.0)  # each in its own ball too


def test_a_mode_left_out_costs_recall_and_coverage_alone() -> None:
    rng = np.random.default_rng(0)
    data = modes((100, 100, 100, 100), rng)
    whole = compare_neighbourhoods(modes((100, 100, 100, 100), rng), data)
    dropped = compare_neighbourhoods(modes((130, 130, 140, 0), rng), data)
    assert dropped.precision == pytest.approx(whole.precision, abs=0.05)
    assert dropped.recall == pytest.approx(0.75 * whole.recall, abs=0.05)
    assert dropped.coverage < 0.85 * whole.coverage


def test_samples_shrunk_to_the_centre_are_precise_and_cover_little() -> None:
    rng = np.random.default_rng(0)
    data, samples = rng.normal(size=(300, 5)), 0.3 * rng.normal(size=(300, 5))
    found = compare_neighbourhoods(samples, data)
    assert found.precision > 0.99
    assert found.recall < 0.1
    assert found.density > 1.5


def test_samples_far_from_data_get_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    assert compare_neighbourhoods(x + 100, x) == Neighbourhoods(0.0, 0.0, 0.0, 0.0)


def test_the_ceiling_is_what_training_data_reach() -> None:
    rng = np.random.default_rng(0)
    held_out, train, samples = rng.normal(size=(3, 200, 4))
    metrics = neighbourhood_metrics(samples, held_out, train)
    aim = compare_neighbourhoods(train, held_out)
    assert {name: metric.ceiling for name, metric in metrics.items()} == vars(aim)
    assert metrics["density"].value == pytest.approx(1, abs=0.1)
    assert all(metric.value == pytest.approx(metric.ceiling, abs=0.1) for metric in metrics.values())


@pytest.mark.parametrize("shapes", [((5, 3), (5, 2)), ((3, 2), (9, 2))])
def test_sets_that_do_not_fit_are_refused(shapes) -> None:
    with pytest.raises(ProblemError, match="two sets of at least 4 points of one dimension, got shapes"):
        compare_neighbourhoods(*(np.ones(shape) for shape in shapes))
