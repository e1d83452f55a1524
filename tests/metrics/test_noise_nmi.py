"""The noise's knowledge of the mode: none where it is independent, all of it where the noise decides."""

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import adjusted_mutual_info_score

from infot.errors import ProblemError
from infot.metrics import noise_nmi, noise_nmi_metric

N = 10_000


def normal(dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((N, dim))


def ranks(values: np.ndarray, modes: int) -> np.ndarray:
    return ((rankdata(values) - 1) * modes // len(values)).astype(int)


@pytest.mark.parametrize("dim", [1, 2, 16])
@pytest.mark.parametrize("modes", [8, 25])
def test_independent_noise_has_none_of_the_bias_of_the_plug_in_estimate(dim, modes) -> None:
    rng = np.random.default_rng(dim * modes)
    values = [noise_nmi(normal(dim, seed), rng.integers(modes, size=N)) for seed in range(3)]
    assert max(values) < 0.005  # the plug-in estimate on 256 cells is .04 at 8 modes, .09 at 25
    assert min(values) > -0.005


@pytest.mark.parametrize("dim", [1, 2, 16])
def test_a_mode_chosen_by_one_coordinate_is_seen_among_any_number(dim) -> None:
    noise = normal(dim)
    assert noise_nmi(noise, ranks(noise[:, -1], 10)) == pytest.approx(1, abs=1e-9)
    assert noise_nmi(noise, ranks(noise[:, -1], 8)) > 0.8


def test_a_mode_chosen_by_the_angle_is_seen_though_no_coordinate_shows_it() -> None:
    noise = normal(2)
    quadrant = (noise[:, 0] > 0).astype(int) ^ (noise[:, 1] > 0).astype(int)
    assert noise_nmi(noise[:, :1], quadrant) < 0.01
    assert noise_nmi(noise, quadrant) > 0.8


def test_weak_dependence_grows_with_its_share() -> None:
    noise, rng = normal(2), np.random.default_rng(3)
    chosen, random = ranks(noise[:, 0], 8), rng.integers(8, size=N)
    values = [noise_nmi(noise, np.where(rng.random(N) < share, chosen, random)) for share in (0.1, 0.3, 0.6)]
    assert 0.005 < values[0] < values[1] < values[2] < 0.6


def test_it_agrees_with_scikit_learns_adjusted_information_up_to_the_normaliser() -> None:
    noise = normal(1)
    modes = np.where(np.random.default_rng(1).random(N) < 0.5, ranks(noise[:, 0], 4), 0)
    bins = ranks(noise[:, 0], 10)
    # Among min-normalised scores H(m) is the smaller entropy here, so both normalise alike.
    expected = adjusted_mutual_info_score(modes, bins, average_method="min")
    assert noise_nmi(noise, modes, cells=2) == pytest.approx(expected, abs=1e-6)


def test_a_single_mode_needs_no_explanation() -> None:
    assert noise_nmi(normal(2), np.full(N, 3)) == 0.0


def test_as_many_cells_as_samples_explain_nothing() -> None:
    rng = np.random.default_rng(0)
    assert noise_nmi(rng.standard_normal((300, 2)), rng.integers(2, size=300), bins=300, cells=300) == 0.0


def test_constant_noise_knows_nothing() -> None:
    assert noise_nmi(np.zeros((N, 2)), np.arange(N) % 8) == pytest.approx(0.0, abs=1e-12)


def test_the_metric_says_that_lower_is_better() -> None:
    metric = noise_nmi_metric(normal(2), np.arange(N) % 8)
    assert (metric.floor, metric.ceiling, metric.better, metric.n) == (0.0, 1.0, "lower", N)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ProblemError, match="noise and modes must have one length, got 10000 and 5"):
        noise_nmi(normal(2), np.zeros(5))
    with pytest.raises(ProblemError, match="needs at least 256 samples, got 100"):
        noise_nmi(normal(2)[:100], np.zeros(100))
