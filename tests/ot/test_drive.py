"""Bold steps that fail give way to safe ones; averages take as many steps at every epsilon."""

import numpy as np
import pytest
import torch
from ot_contracts import random_cost, random_weights, rng

from infot import ot
from infot.ot.solvers.anderson import Anderson
from infot.ot.solvers.pace import Pace


@pytest.mark.parametrize("ratio", [0.3, 0.1, 0.06])
@pytest.mark.parametrize("code", [(3, 4), (2, 3, 2)])
@pytest.mark.parametrize("memory", [0, 6])
def test_bold_steps_lead_where_the_semi_dual_does(ratio: float, code: tuple[int, ...], memory: int) -> None:
    prices = tuple(0.1 * ratio ** (1 - k / (len(code) - 1)) for k in range(len(code) - 1))
    problem = ot.OTProblem(
        cost=random_cost(12, 7, 0),
        a=random_weights(12, 1),
        b=random_weights(7, 2),
        regulariser=ot.Structured(ot.Entropic(0.1), blocks=ot.Blocks(code=code), epsilon_code=prices),
    )
    nested = ot.Nested(ot.Approach(memory=memory))
    plan = ot.solve(problem, solver=nested, tolerance=1e-8, max_steps=5000, on_failure="raise")
    truth = ot.solve(problem, solver=ot.SemiDual(), tolerance=1e-9, max_steps=5000, on_failure="raise")
    torch.testing.assert_close(plan.value, truth.value, atol=1e-9, rtol=0)


def test_an_item_whose_error_rises_goes_back_alone() -> None:
    pace = Pace(np.zeros(2))
    points = [np.full((2, 1), float(step)) for step in range(3)]
    assert pace.judge(points[0], np.array([1.0, 1.0]), np.array([0.0, 0.0])) is None
    assert pace.judge(points[1], np.array([0.5, 0.5]), np.array([0.1, 0.2])) is None
    back = pace.judge(points[2], np.array([0.3, 1.1]), np.array([0.2, 0.1]))
    assert back.tolist() == [[2.0], [1.0]]
    assert pace.bold.tolist() == [True, False]
    assert pace.mix(np.ones((2, 1)), np.zeros((2, 1))).tolist() == [[1.0], [0.0]]
    # an item that takes safe steps is not judged again
    assert pace.judge(points[2], np.array([0.2, 9.0]), np.array([0.2, 0.1])) is None


def test_an_item_that_stops_falling_goes_back() -> None:
    pace = Pace(np.zeros(1))
    backs = [
        pace.judge(np.full((1, 1), float(step)), np.array([1.0]), np.array([-float(step == 4)]))
        for step in range(5)
    ]
    assert backs[:4] == [None] * 4
    assert backs[4].tolist() == [[0.0]]


def test_a_small_error_far_below_the_first_value_leads_nowhere() -> None:
    pace = Pace(np.zeros(1))
    assert pace.judge(np.zeros((1, 1)), np.array([0.4]), np.array([3.0])) is None
    assert pace.judge(np.ones((1, 1)), np.array([0.4]), np.array([3.1])) is None
    back = pace.judge(np.full((1, 1), 1e7), np.array([0.2]), np.array([-1e6]))
    assert back.tolist() == [[1.0]]


def test_an_extrapolation_that_lowers_the_value_is_taken_back_and_the_next_is_shorter() -> None:
    anderson = Anderson(4, np.full((1, 2), 0.5))
    error = np.array([1.0])
    x = anderson.next(np.zeros((1, 2)), np.array([[1.0, 0.0]]), error, np.array([0.0]))
    far = anderson.next(x, np.array([[0.999, 0.0]]), error, np.array([1.0]))
    assert far[0, 0] > 100
    back = anderson.next(far, np.array([[1.0, 0.0]]), error, np.array([-1e6]))
    assert back.tolist() == [[1.999, 0.0]]
    again = anderson.next(back, np.array([[0.998, 0.0]]), error, np.array([2.0]))
    assert 0 < again[0, 0] - back[0, 0] <= far[0, 0] / 4 + 1


def test_where_steps_hardly_change_extrapolations_go_their_way() -> None:
    anderson = Anderson(6, np.full((1, 2), 0.5))
    x, error = np.zeros((1, 2)), np.ones(1)
    for turn in range(20):
        step = np.array([[1.0 + (-1) ** turn * 1e-6, 0.0]])
        following = anderson.next(x, step, error, np.array([float(turn)]))
        assert np.isfinite(following).all() and following[0, 0] > x[0, 0]
        x = following


@pytest.mark.parametrize("seed", [99, 502])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_problems_at_small_epsilon_do_not_stall(seed: int, dtype: torch.dtype) -> None:
    """Few points far apart fall into groups between which mass hardly flows: extrapolations went astray there."""
    x = torch.randn(5, 2, generator=rng(seed), dtype=torch.float64)
    y = torch.randn(6, 2, generator=rng(seed + 1), dtype=torch.float64)
    x[:, 1], y[:, 1] = 0.0, 0.0
    problem = ot.OTProblem.from_points(
        x.to(dtype),
        y.to(dtype),
        regulariser=ot.Relative(ot.Entropic(0.008)),
        a=random_weights(5, seed).to(dtype),
    )
    tolerance = 1e-4 if dtype == torch.float32 else 1e-7
    plan = ot.solve(problem, solver=ot.Sinkhorn(), tolerance=tolerance, max_steps=5000, on_failure="raise")
    assert float(plan.marginal_error) <= 2 * tolerance
    assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-3)


@pytest.mark.parametrize("epsilon", [10.0, 1.0, 0.1, 0.01])
@pytest.mark.parametrize("d", [2, 16])
def test_a_measure_against_itself_takes_as_many_steps_at_every_epsilon(epsilon: float, d: int) -> None:
    x = torch.randn(60, d, generator=rng(0), dtype=torch.float64)
    problem = ot.OTProblem.from_points(x, x, regulariser=ot.Entropic(epsilon), a=random_weights(60, 1))
    problem = problem.derived(b=problem.a)
    plan = ot.solve(problem, solver=ot.SymmetricSinkhorn(), tolerance=1e-6, on_failure="raise")
    assert plan.n_steps <= 10  # a factor of six a step
    truth = ot.solve(problem, tolerance=1e-7, max_steps=20_000, on_failure="raise")
    torch.testing.assert_close(plan.value, truth.value, atol=1e-5 * epsilon, rtol=0)
