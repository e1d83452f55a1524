"""Solvers against each other, on problems of all shapes, decades of epsilon and degeneracies."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import Drawn, clouds, quick

from infot import ot


def spread(problem: ot.OTProblem) -> float:
    return float(problem.cost.max() - problem.cost.min()) + 1.0


@quick
@given(clouds())
def test_newton_sinkhorn_and_the_semi_dual_agree(drawn: Drawn) -> None:
    problem = drawn.problem
    plans = [
        ot.solve(problem, solver=solver, tolerance=1e-6, max_steps=20000, on_failure="raise")
        for solver in (ot.Newton(), ot.Newton(dense_up_to=0), ot.Sinkhorn())
    ]
    for plan in plans:
        assert plan.matrix().isfinite().all()
        assert float(plan.marginal_error) <= 2e-6
        assert float(plan.value) == pytest.approx(float(plans[0].value), abs=1e-5 * spread(problem))
        assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-5 * spread(problem))


@quick
@given(clouds())
def test_the_linear_program_is_a_bound_that_smoothing_leaves_by_its_price(drawn: Drawn) -> None:
    problem = drawn.problem
    exact = ot.OTProblem(cost=problem.cost, a=problem.a, b=problem.b, regulariser=ot.Unregularised())
    best = ot.solve(exact, tolerance=1e-8, on_failure="raise")
    plan = ot.solve(problem, tolerance=1e-6, max_steps=20000)
    slack = best.f.unsqueeze(1) + best.g - problem.cost
    assert float(slack.max()) <= 1e-8 * spread(problem)
    rounding = 1e-5 * spread(problem)
    # the information of a plan is at most the logarithm of the number of points
    price = drawn.epsilon * torch.tensor(float(min(problem.cost.shape))).log()
    assert float(best.value) - rounding <= float(plan.value) <= float(best.value + price) + rounding


@quick
@given(clouds(), st.floats(-2, 3), st.floats(-1, 1))
def test_unbalanced_plans_are_optimal_and_finite(drawn: Drawn, decade: float, mass: float) -> None:
    cost, a, b = drawn.problem.cost, drawn.a * 10**mass, drawn.b
    problem = ot.OTProblem(
        cost=cost, a=a, b=b, regulariser=ot.Entropic(drawn.epsilon), rho=drawn.epsilon * 10**decade
    )
    plan = ot.solve(problem, tolerance=1e-8, max_steps=20000, on_failure="raise")
    assert plan.matrix().isfinite().all() and plan.value.isfinite()
    total = 1 + float(a.sum() + b.sum())
    gap = float(plan.primal_value - plan.value)
    assert abs(gap) <= 1e-6 * total * (spread(problem) + drawn.epsilon * (1 + 10**decade))


@quick
@given(clouds())
def test_streamed_clouds_are_clouds(drawn: Drawn) -> None:
    problem = ot.CloudProblem(drawn.x, drawn.y, regulariser=ot.Entropic(drawn.epsilon), a=drawn.a, b=drawn.b)
    streamed = ot.solve_clouds(problem, tolerance=1e-6, max_steps=20000, on_failure="raise")
    whole = ot.solve(drawn.problem, tolerance=1e-7, max_steps=20000)
    assert float(streamed.value) == pytest.approx(float(whole.value), abs=1e-5 * spread(drawn.problem))
    rows, columns = streamed.marginals()
    torch.testing.assert_close(rows, drawn.a, atol=1e-9, rtol=0)
    assert float((columns - drawn.b).abs().sum()) <= 2e-6
