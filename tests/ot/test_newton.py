"""Newton's method where Sinkhorn's slows down."""

import pytest
import torch
from ot_contracts import random_cost, random_weights
from scipy.optimize import linear_sum_assignment

from infot import ot
from infot.errors import ProblemError


@pytest.mark.parametrize("dense_up_to", [1000, 0])
def test_it_meets_tight_tolerances_at_small_epsilon(dense_up_to: int) -> None:
    cost, a, b = random_cost(40, 50, 0), random_weights(40, 1, zeros=3), random_weights(50, 2, zeros=4)
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(2e-4))
    plan = ot.solve(
        problem,
        solver=ot.Newton(dense_up_to=dense_up_to),
        tolerance=1e-10,
        max_steps=3000,
        on_failure="raise",
    )
    assert float(plan.marginal_error) <= 1e-10
    assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-9)
    torch.testing.assert_close(plan.matrix(), a.unsqueeze(-1) * b * plan.density(), atol=1e-12, rtol=1e-7)
    assert plan.f.isfinite().all() and plan.g.isfinite().all()


def test_it_solves_what_stalls_sinkhorn() -> None:
    cost, a, b = random_cost(4, 6, 0), random_weights(4, 0), random_weights(6, 0)
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(0.002))
    plan = ot.solve(problem, tolerance=1e-9, on_failure="raise")
    assert plan.solution.solver.startswith("Newton")


def test_uniform_square_problems_go_to_the_best_assignment() -> None:
    cost = random_cost(30, 30, 3)
    plan = ot.solve(
        ot.OTProblem(cost=cost, regulariser=ot.Entropic(1e-4)), tolerance=1e-8, on_failure="raise"
    )
    rows, columns = linear_sum_assignment(cost.numpy())
    assert (plan.matrix().argmax(1).numpy() == columns).all()
    best = float(cost[rows, columns].mean())
    # by duality the price of the best assignment's information, epsilon log n, is all that it can lose
    assert best <= float(plan.value) <= best + 1e-4 * torch.tensor(30.0).log()


def test_float32_and_batches() -> None:
    cost = torch.stack([random_cost(20, 25, 0), 4 * random_cost(20, 25, 1)])
    problem = ot.OTProblem(cost=cost.float(), regulariser=ot.Entropic(5e-3))
    plan = ot.solve(problem, solver=ot.Newton(), tolerance=1e-6, on_failure="raise")
    assert plan.matrix().dtype == torch.float32
    assert (plan.marginal_error < 1e-5).all()
    double = ot.solve(
        ot.OTProblem(cost=cost, regulariser=ot.Entropic(5e-3)), solver=ot.Newton(), tolerance=1e-9
    )
    torch.testing.assert_close(plan.value, double.value.float(), atol=1e-6, rtol=0)


def test_the_choice_depends_on_epsilon_and_tolerance() -> None:
    def chosen(epsilon: float, tolerance: float, n: int) -> str:
        problem = ot.OTProblem(cost=random_cost(n, 10, 0), regulariser=ot.Entropic(epsilon))
        return type(ot.choose_solver(problem, tolerance)).__name__

    assert chosen(0.1, 1e-9, 10) == "Sinkhorn"
    assert chosen(1e-3, 1e-3, 500) == "Sinkhorn"
    assert chosen(1e-3, 1e-6, 500) == "Newton"
    assert chosen(1e-3, 1e-3, 10) == "Newton"


def test_failures_are_told() -> None:
    problem = ot.OTProblem(cost=random_cost(20, 25, 0), regulariser=ot.Entropic(1e-4))
    plan = ot.solve(problem, solver=ot.Newton(), tolerance=1e-9, max_steps=5, on_failure="return")
    assert plan.status is ot.Status.MAX_STEPS
    assert float(plan.marginal_error) > 1e-9
    plan = ot.solve(problem, solver=ot.Newton(), tolerance=1e-18, on_failure="return")
    assert plan.status is ot.Status.STALLED
    with pytest.raises(ProblemError, match="solves Entropic"):
        ot.solve(ot.OTProblem(cost=random_cost(3, 3, 0), regulariser=ot.Quadratic(1.0)), solver=ot.Newton())
    with pytest.raises(ProblemError, match="from_error"):
        ot.Newton(from_error=0.0)
