"""Robustness to other factors: oracles, a closed form, and the slow definition."""

import numpy as np
import pytest
from oracles import draw, mixture, noise, unit

from infot.metrics.disentanglement import Coded, irs, robustness


def test_perfect_codes_in_any_order_scale_and_number_are_robust() -> None:
    data = draw(unit)
    assert irs(data) == pytest.approx(1.0)
    assert irs(Coded(-3 * data.codes[:, ::-1] + 1, data.factors)) == pytest.approx(1.0)
    assert irs(Coded(np.repeat(data.codes, 2, axis=1), data.factors)) == pytest.approx(1.0)


def test_a_code_of_two_factors_has_a_robustness_in_closed_form() -> None:
    factors = np.stack(np.meshgrid(np.arange(3), np.arange(3), np.arange(2), indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    both = Coded((factors[:, :1] + 2.0 * factors[:, 1:2]), factors)
    # |a + 2b - 3| is 3 at most; given a it is 2, given b it is 1, given neither 3
    np.testing.assert_allclose(robustness(both, quantile=1.0)[:, 0], [1 / 3, 2 / 3, 0])
    assert irs(both, quantile=1.0) == pytest.approx(2 / 3)


def test_noise_is_lower_and_constants_are_nothing() -> None:
    uniform = draw(lambda factors: np.random.default_rng(0).random((len(factors), 3)))
    assert irs(uniform) < 0.05
    assert irs(draw(noise(3))) < 0.5  # the tail of a Gaussian: one datum in 10,000 deviates 4, one in 100 2.6
    assert irs(draw(lambda factors: np.ones((len(factors), 2)))) == 0.0


def test_constant_dimensions_do_not_count() -> None:
    data = draw(mixture(5))
    padded = Coded(np.concatenate([data.codes, np.ones((data.n, 2))], axis=1), data.factors)
    assert irs(padded) == pytest.approx(irs(data))


@pytest.mark.parametrize("bins", [None, 7])
def test_it_agrees_with_the_slow_definition(bins) -> None:
    data = draw(mixture(5), 800)
    factors = data.factors
    if bins:
        columns = [np.digitize(f, np.histogram(f, bins)[1][:-1]) for f in factors.T]
        factors = np.stack(columns, axis=1)
    largest = [max(abs(value - code.mean()) for value in code) for code in data.codes.T]
    total = 0.0
    for code, scale in zip(data.codes.T, largest, strict=True):
        candidates = []
        for factor in factors.T:
            deviations = []
            for value in sorted(set(factor.tolist())):
                group = code[factor == value]
                deviations.append(np.quantile([abs(x - np.mean(group)) for x in group], 0.99))
            candidates.append(1 - np.mean(deviations) / scale)
        total += max(candidates) * scale
    assert irs(data, bins=bins) == pytest.approx(total / sum(largest), abs=1e-12)
