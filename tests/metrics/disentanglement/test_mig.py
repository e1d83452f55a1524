"""The gap and the information behind it: oracles, invariances, and scikit-learn's estimate by another road."""

import numpy as np
import pytest
from oracles import SIZES, draw, mixture, noise, unit
from sklearn.metrics import mutual_info_score

from infot.errors import ProblemError
from infot.metrics.disentanglement import Coded, bin_codes, factor_information, information_share, mig


def with_codes(data: Coded, codes: np.ndarray) -> Coded:
    return Coded(codes, data.factors)


def slow_mig(codes: np.ndarray, factors: np.ndarray, bins: int) -> float:
    """disentanglement_lib's definition, written from its words: histogram bins, scikit-learn's information."""
    gaps = []
    for factor in factors.T:
        informations = []
        for code in codes.T:
            left_edges = np.histogram(code, bins)[1][:-1]
            binned = [sum(value >= edge for edge in left_edges) for value in code]
            informations.append(mutual_info_score(factor, binned))
        best, second = sorted(informations)[::-1][:2]
        gaps.append((best - second) / mutual_info_score(factor, factor))
    return float(np.mean(gaps))


@pytest.mark.parametrize(("bins", "expected"), [(20, 0.895), (40, 0.987)])
def test_the_ceiling_of_perfect_codes_is_that_of_the_bins(bins, expected) -> None:
    assert mig(draw(unit), bins=bins) == pytest.approx(expected, abs=0.004)


def test_the_ceiling_in_closed_form() -> None:
    # 20 bins over 0..39 hold two values each, over 0..31 one or two: H(bin)/H(factor), less a second best of nothing
    def entropy(counts: np.ndarray) -> float:
        p = counts / counts.sum()
        return float(-(p * np.log(p)).sum())

    shares = []
    for size in SIZES:
        cells = np.minimum(np.arange(size) * 20 // (size - 1), 19)
        shares.append(entropy(np.unique(cells, return_counts=True)[1]) / np.log(size))
    seconds = 0.004  # plug-in bias of the second best at 10,000 data
    assert mig(draw(unit)) == pytest.approx(np.mean(shares) - seconds, abs=0.006)


def test_noise_has_no_gap() -> None:
    assert mig(draw(noise(10))) == pytest.approx(0.0003, abs=0.0006)


@pytest.mark.parametrize(("n_codes", "expected"), [(5, 0.18), (10, 0.09)])
def test_random_linear_mixtures_have_a_small_gap(n_codes, expected) -> None:
    values = [mig(draw(mixture(n_codes, seed))) for seed in range(10)]
    assert np.mean(values) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("represent", [unit, mixture(5), noise(3)])
def test_it_agrees_with_the_slow_definition(represent) -> None:
    data = draw(represent, n=500)
    assert mig(data, bins=7) == pytest.approx(slow_mig(data.codes, data.factors, 7), abs=1e-12)


def test_order_and_affine_scale_of_codes_do_not_matter() -> None:
    data = draw(mixture(5))
    rescaled = data.codes[:, [3, 0, 4, 1, 2]] * np.array([-2.0, 8.0, 0.5, 1.0, -4.0]) + 3
    assert mig(with_codes(data, rescaled)) == pytest.approx(
        mig(data), abs=2e-3
    )  # values on edges change bins


def test_duplicated_codes_have_no_gap_and_one_code_has_the_whole() -> None:
    data = draw(unit)
    assert mig(with_codes(data, np.repeat(data.codes, 2, axis=1))) == 0.0
    alone = mig(with_codes(data, data.codes[:, :1]))
    assert alone == pytest.approx(information_share(data)[:, 0].mean())


def test_constant_codes_tell_nothing() -> None:
    data = draw(lambda factors: np.ones((len(factors), 3)))
    assert mig(data) == 0.0
    assert (factor_information(data) == 0).all()


def test_information_is_a_matrix_of_factors_by_codes() -> None:
    information = factor_information(draw(lambda factors: unit(factors)[:, :4]))
    assert information.shape == (5, 4)
    np.testing.assert_allclose(np.diagonal(information)[:2], np.log([3, 6]), atol=0.002)
    assert information[4].max() < 0.05


def test_bins_are_of_equal_width_and_hold_the_ends() -> None:
    codes = np.array([[0.0], [0.24], [0.25], [0.5], [0.99], [1.0]])
    assert bin_codes(codes, 4)[:, 0].tolist() == [0, 0, 1, 2, 3, 3]


def test_bad_input_is_refused() -> None:
    factors = np.array([[0, 1], [1, 0]])
    with pytest.raises(ProblemError, match="codes and factors must have one length, got 3 and 2"):
        Coded(np.zeros((3, 1)), factors)
    with pytest.raises(
        ProblemError, match=r"factors must hold whole numbers from 0.*values in \[-1.0, 0.0\]"
    ):
        Coded(np.zeros((2, 1)), -factors)
    with pytest.raises(ProblemError, match="factor 1 has the same value in all 2 data: leave it out"):
        Coded(np.zeros((2, 1)), np.array([[0, 2], [1, 2]]))
    with pytest.raises(ProblemError, match="codes holds NaN or infinite values"):
        Coded(np.full((2, 1), np.nan), factors)
    with pytest.raises(ProblemError, match=r"factors of at least 2 values each, got sizes \(3, 1\)"):
        Coded.draw(unit, (3, 1), 10, np.random.default_rng(0))
    with pytest.raises(ProblemError, match=r"represent must give a code for each of 10 rows, got \(1, 2\)"):
        Coded.draw(lambda factors: np.zeros((1, 2)), (3, 2), 10, np.random.default_rng(0))
