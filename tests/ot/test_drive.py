"""Bold steps that fail give way to safe ones; averages take as many steps at every epsilon."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ot_contracts import random_cost, random_weights, rng

from infot import ot
from infot.ot.solvers.anderson import Anderson


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


def test_a_bold_step_that_lowers_the_value_is_taken_back_to_the_safe_one_by_its_item_alone() -> None:
    anderson = Anderson(4, np.full((2, 1), 1.0))
    safe, bold, error = np.full((2, 1), 0.1), np.full((2, 1), 1.0), np.ones(2)
    far = anderson.next(np.zeros((2, 1)), safe, error, np.zeros(2), bold=bold)
    assert far.tolist() == [[1.0], [1.0]]
    back = anderson.next(far, safe, error, np.array([1.0, -1.0]), bold=bold)
    assert back.tolist() == [[2.0], [0.1]]
    # extrapolations are not held back where there was none yet, and the bold step is shorter where it went wrong
    again = anderson.next(back, safe, error, np.array([2.0, 0.1]), bold=bold) - back
    assert again[0, 0] == 1 and 0.325 < again[1, 0] < 1


@pytest.mark.parametrize("ratio", [0.1, 0.02])
def test_codes_that_share_all_data_take_few_steps(ratio: float) -> None:
    """Rows of all codes are drawn from one cloud: the price of the code is felt everywhere."""
    x, y = torch.randn(96, 2, generator=rng(0)), torch.randn(80, 2, generator=rng(1))
    cost = ot.squared_euclidean(x, y)
    epsilon = 0.1 * float(cost.mean())
    structured = ot.Structured(ot.Entropic(epsilon), ot.Blocks(code=(8, 12)), epsilon_code=ratio * epsilon)
    plan = ot.solve(ot.OTProblem(cost=cost, regulariser=structured), tolerance=1e-2, on_failure="raise")
    assert plan.n_steps <= 4 / ratio**0.75


@pytest.mark.parametrize("max_steps", [1, 2, 3, 4, 5])
def test_an_opening_counts_as_steps_and_keeps_the_limit(max_steps: int) -> None:
    """Its items are those whose start is far off; the others go on as if they were alone."""
    far = ot.squared_euclidean(torch.randn(24, 2, generator=rng(0)), torch.randn(20, 2, generator=rng(1)))
    near = torch.full((24, 20), 0.5) + 0.1 * torch.rand(24, 20, generator=rng(2))
    structured = ot.Structured(ot.Entropic(0.5), ot.Blocks(code=(4, 6)), epsilon_code=0.05)

    def solved(cost: torch.Tensor, max_steps: int) -> ot.Plan:
        problem = ot.OTProblem(cost=cost, regulariser=structured)
        return ot.solve(problem, tolerance=1e-3, max_steps=max_steps, on_failure="return")

    assert int(solved(far, max_steps).n_steps) == max_steps
    both, alone = solved(torch.stack([far, near]), 200), solved(near, 200)
    assert bool(both.converged.all())
    torch.testing.assert_close(both.value[1], alone.value, atol=1e-4, rtol=0)


@pytest.mark.parametrize("regulariser", ["plain", "structured"])
def test_stages_that_end_where_they_begin_are_passed_over(regulariser: str) -> None:
    """Eight far clusters of equal mass are matched at once at every epsilon: half the stages on the way say so."""
    angle = torch.arange(8) * torch.pi / 4
    centres = torch.stack([angle.cos(), angle.sin()], 1)
    x, y = (
        (centres[:, None] + 1e-3 * torch.randn(8, 4, 2, generator=rng(seed))).reshape(32, 2)
        for seed in (0, 1)
    )
    cost, epsilon = ot.squared_euclidean(x, y), 2e-6
    entropic = ot.Entropic(epsilon)
    smoothing = {
        "plain": entropic,
        "structured": ot.Structured(entropic, ot.Blocks(code=(8, 4)), epsilon_code=0.1 * epsilon),
    }[regulariser]
    problem = ot.OTProblem(cost=cost, regulariser=smoothing)
    stages = len(ot.Approach().factors(problem.mean_cost / epsilon))
    solver = {"plain": ot.Sinkhorn(), "structured": ot.Nested()}[regulariser]
    plan = ot.solve(problem, solver=solver, tolerance=0.1, on_failure="raise")
    assert stages == 7
    assert plan.n_steps <= 6


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


def test_a_point_thrown_away_for_its_error_holds_none_after_it_to_its_value() -> None:
    """Else all later points count as lower, so none is ever thrown away again, and potentials grow without bound."""
    anderson = Anderson(4, np.full((1, 2), 0.5))
    error = np.array([1.0])
    x = anderson.next(np.zeros((1, 2)), np.array([[1.0, 0.0]]), error, np.array([0.0]))
    far = anderson.next(x, np.array([[0.999, 0.0]]), error, np.array([1.0]))
    back = anderson.next(far, np.array([[1.0, 0.0]]), 3 * error, np.array([5.0]))
    assert back.tolist() == [[1.999, 0.0]]
    on = anderson.next(back, np.array([[0.998, 0.0]]), error, np.array([2.0]))
    low = anderson.next(on, np.array([[0.9, 0.0]]), error, np.array([1.0]))
    assert low[0, 0] == pytest.approx(back[0, 0] + 0.998)


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


def _with_a_row_of_hardly_any_weight(structured: bool) -> ot.OTProblem:
    entropic = ot.Entropic(0.003)
    blocks = ot.Blocks(code=(1, 2))
    return ot.OTProblem(
        cost=torch.tensor([[13.6, 14.3, 14.0], [13.6, 13.7, 14.4]], dtype=torch.float64),
        a=torch.tensor([1 - 2e-7, 2e-7], dtype=torch.float64),
        regulariser=ot.Structured(entropic, blocks, epsilon_code=6e-5) if structured else entropic,
    )


@pytest.mark.parametrize(
    "solver", [ot.Sinkhorn(), ot.Nested(), ot.SemiDual()], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize("batched", [False, True])
def test_steps_that_stay_the_same_send_no_potential_out_of_reach(solver: ot.Solver, batched: bool) -> None:
    """A row of hardly any weight takes the same step again and again; what changes in it is rounding."""
    problem = _with_a_row_of_hardly_any_weight(structured=not isinstance(solver, ot.Sinkhorn))
    if batched:
        problem = replace(problem, cost=problem.cost.expand(2, -1, -1))
    plan = ot.solve(problem, solver=solver, tolerance=1e-4, on_failure="raise")
    assert float(plan.marginal_error.max()) <= 1e-4
    # mass that is missed lies no farther than costs differ, and no potential leads a thousand times farther
    torch.testing.assert_close(plan.value, plan.primal_value, atol=1e-4, rtol=0)
    assert float(plan.f.abs().max()) < 1e3


@pytest.mark.parametrize("batched", [False, True])
def test_a_row_of_which_a_single_column_is_missing_gets_it(batched: bool) -> None:
    """Two rows at a tiny epsilon: one potential must go 140 epsilon at .02 of them a step before anything changes."""
    cost = 1e-6 * torch.tensor(
        [[0.1205, 0.1401, 0.1719, 0.5396, 0.5437, 0.5615], [0.8964, 0.6098, 0.5353, 0.0962, 0.1333, 0.8874]],
        dtype=torch.float64,
    )
    b = torch.tensor([0.2191, 0.0196, 0.2730, 0.0842, 0.1209, 0.2832], dtype=torch.float64)
    problem = ot.OTProblem(cost=cost, b=b / b.sum(), regulariser=ot.Entropic(8.5e-11))
    if batched:
        problem = replace(problem, cost=cost.expand(2, -1, -1))
    plan = ot.solve(problem, solver=ot.Sinkhorn(), tolerance=1e-2, on_failure="raise")
    assert float(plan.marginal_error.max()) <= 1e-2


@pytest.mark.parametrize("seed", [20, 28, 30, 33, 45])
@pytest.mark.parametrize("batched", [False, True])
def test_rows_without_weight_are_not_carried_off(seed: int, batched: bool) -> None:
    """No error holds them: extrapolated with the others they went to 1e36 and beyond."""
    cost, a = torch.rand(8, 7, generator=rng(seed), dtype=torch.float64), random_weights(8, seed)
    a[[3, 6]] = 0
    problem = ot.OTProblem(
        cost=(cost.expand(2, -1, -1) if batched else cost).float(),
        a=(a / a.sum()).float(),
        regulariser=ot.Structured(ot.Entropic(0.002), ot.Blocks((1, 8)), epsilon_code=2e-6),
    )
    plan = ot.solve(problem, solver=ot.Nested(), tolerance=1e-3, max_steps=4000, on_failure="raise")
    assert float(plan.f.abs().max()) < 1


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
