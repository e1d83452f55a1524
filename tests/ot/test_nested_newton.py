"""Newton's method for structured problems: the same plans as every other route, and those that none of them reaches."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from ot_contracts import SolverContract, random_cost, random_weights, rng
from strategies import Drawn, layouts, quick
from torch import Tensor

from infot import ot
from infot.errors import ProblemError
from infot.ot.solvers.nested_newton import _alone, _NestedHill
from infot.ot.stationarity import Stationarity, curvature

CODES = {
    (3, 4): (0.02,),
    (2, 3, 2): (0.01, 0.04),
}


def problem(
    code: tuple[int, ...], prices: tuple[float, ...], *, zeros: int = 0, epsilon: float = 0.1
) -> ot.OTProblem:
    return ot.OTProblem(
        cost=random_cost(12, 7, 0),
        a=random_weights(12, 1, zeros),
        b=random_weights(7, 2, zeros),
        regulariser=ot.Structured(ot.Entropic(epsilon), ot.Blocks(code), epsilon_code=prices),
    )


def solved(problem: ot.OTProblem, tolerance: float = 1e-10, **settings: object) -> ot.Plan:
    plan = ot.solve(problem, solver=ot.NestedNewton(), tolerance=tolerance, on_failure="raise", **settings)
    assert plan.solution.solver.startswith("NestedNewton")
    return plan


class TestNestedNewton(SolverContract):
    def solver(self) -> ot.Solver:
        return ot.NestedNewton(from_error=0.3)

    def regulariser(self, epsilon: float) -> ot.Regulariser:
        return ot.Structured(ot.Entropic(epsilon), ot.Blocks((3, 2)), epsilon_code=0.1 * epsilon)


@pytest.mark.parametrize(("code", "prices"), CODES.items())
@pytest.mark.parametrize("solver", [ot.SemiDual(), ot.PerturbedCostLoop()], ids=lambda s: type(s).__name__)
def test_every_route_leads_to_the_same_plan(
    code: tuple[int, ...], prices: tuple[float, ...], solver: ot.Solver
) -> None:
    plan = solved(problem(code, prices))
    other = ot.solve(
        problem(code, prices), solver=solver, tolerance=1e-7, max_steps=20000, on_failure="raise"
    )
    torch.testing.assert_close(plan.matrix(), other.matrix(), atol=1e-6, rtol=0)
    # values are second order in the error of the marginals, up to the price's curvature
    torch.testing.assert_close(plan.value, other.value, atol=1e-7, rtol=0)
    torch.testing.assert_close(plan.primal_value, plan.value, atol=1e-9, rtol=0)


def test_the_conditional_gradient_of_the_same_rebate_leads_there_too() -> None:
    structured = problem((3, 4), (0.02,))
    rebated = ot.Rebated(ot.Entropic(0.1), sizes=(3, 4), rebates=(ot.Rebate(axes=(0,), price=0.08),))
    other = ot.solve(
        structured.derived(regulariser=rebated),
        solver=ot.ConditionalGradient(),
        tolerance=1e-6,
        max_steps=3000,
        on_failure="raise",
    )
    # the L1 error times the range of the potentials, and the gap
    torch.testing.assert_close(solved(structured).primal_value, other.primal_value, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("code", "prices"), CODES.items())
def test_the_perturbed_cost_has_the_same_plan(code: tuple[int, ...], prices: tuple[float, ...]) -> None:
    plan = solved(problem(code, prices))
    plain = plan.problem.derived(cost=plan.perturbed_cost(), regulariser=ot.Entropic(0.1))
    again = ot.solve(plain, solver=ot.Newton(), tolerance=1e-10, on_failure="raise")
    torch.testing.assert_close(again.matrix(), plan.matrix(), atol=1e-9, rtol=0)


@quick
@given(layouts())
def test_drawn_problems_agree_with_the_semi_dual(drawn: Drawn) -> None:
    plan = ot.solve(drawn.problem, solver=ot.NestedNewton(), tolerance=1e-9, on_failure="raise")
    other = ot.solve(drawn.problem, solver=ot.SemiDual(), tolerance=1e-7, max_steps=5000, on_failure="return")
    for array in (plan.matrix(), plan.f, plan.g, plan.value):
        assert bool(array.isfinite().all())
    assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-7)
    # the semi-dual's value is a bound from below wherever L-BFGS ended
    assert float(other.value) <= float(plan.value) + 1e-9
    if bool(other.converged):
        torch.testing.assert_close(plan.matrix(), other.matrix(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("code", "prices"), CODES.items())
@pytest.mark.parametrize("zeros", [0, 2])
def test_the_dense_curvature_is_that_of_the_masses(
    code: tuple[int, ...], prices: tuple[float, ...], zeros: int
) -> None:
    """Against products with the curvature, and against differences of the row masses in the potential."""
    alone = problem(code, prices, zeros=zeros).as_batch()
    hill = _NestedHill(_alone(alone, 0))
    f = 0.3 * torch.randn(12, generator=rng(3), dtype=torch.float64)
    now = hill.at(f.numpy())
    masses = torch.from_numpy(now.masses)
    dense = (hill._curvature(now.conditional) + masses.diag()) / 0.1
    apply = curvature(alone, Stationarity.at(alone, f.unsqueeze(0)).log_density)
    products = torch.stack([apply(row.unsqueeze(0))[0] for row in torch.eye(12, dtype=torch.float64)])
    torch.testing.assert_close(dense, products.nan_to_num(), atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(dense.sum(1), torch.zeros(12, dtype=torch.float64), atol=1e-12, rtol=0)
    step = 1e-6
    for row in range(12):
        moved = f.clone()
        moved[row] += step
        change = (torch.from_numpy(hill.at(moved.numpy()).masses) - masses) / step
        torch.testing.assert_close(change, dense[row], atol=1e-4, rtol=1e-3)


def test_errors_fall_faster_than_any_rate() -> None:
    code, prices = (3, 4), (0.02,)
    fixed_point = ot.solve(problem(code, prices), solver=ot.Nested(), tolerance=1e-3)
    errors = []
    for extra in range(1, 5):
        plan = ot.solve(
            problem(code, prices),
            solver=ot.NestedNewton(),
            tolerance=1e-15,
            max_steps=int(fixed_point.n_steps) + extra,
            on_failure="return",
        )
        errors.append(float(plan.marginal_error))
    assert errors[-1] < 1e-12
    # the first damping, a thousandth, is a tenth at every step that keeps its promise
    assert all(after < max(2e-3 * before, 1e-12) for before, after in pairwise(errors))


def test_it_solves_what_stalls_the_fixed_point() -> None:
    """At 1e-9, one in ten roundings of the points stalls Newton's method too."""
    x, y = (torch.randn(32, 2, generator=rng(seed), dtype=torch.float64) for seed in (0, 1))
    structured = ot.Relative(ot.Structured(ot.Entropic(0.01), ot.Blocks((8, 4)), epsilon_code=0.0002))
    hard = ot.OTProblem.from_points(x, y, regulariser=structured)
    stalled = ot.solve(hard, solver=ot.Nested(), tolerance=1e-7, max_steps=1000, on_failure="return")
    assert not bool(stalled.converged)
    plan = ot.solve(hard, tolerance=1e-7, on_failure="raise")
    assert plan.solution.solver.startswith("NestedNewton")
    assert plan.n_steps < 1000
    torch.testing.assert_close(plan.primal_value, plan.value, atol=1e-6, rtol=0)
    assert float(plan.value) >= float(stalled.value)


def test_weights_of_zero_whole_codes_too() -> None:
    """A code without weight is no code: the others are solved as if it were not there."""
    cost = random_cost(12, 7, 0)
    a = random_weights(12, 1, zeros=5)
    regulariser = ot.Structured(ot.Entropic(0.1), ot.Blocks((3, 4)), epsilon_code=0.01)
    whole = solved(ot.OTProblem(cost=cost, a=a, regulariser=regulariser))
    fewer = ot.Structured(ot.Entropic(0.1), ot.Blocks((2, 4)), epsilon_code=0.01)
    part = solved(ot.OTProblem(cost=cost[4:], a=a[4:], regulariser=fewer))
    torch.testing.assert_close(whole.value, part.value, atol=1e-9, rtol=0)
    torch.testing.assert_close(whole.matrix()[4:], part.matrix(), atol=1e-9, rtol=0)
    assert bool((whole.matrix()[:5] == 0).all() and whole.f.isfinite().all() and whole.g.isfinite().all())


def test_float32_and_batches() -> None:
    def stacked(dtype: torch.dtype) -> ot.OTProblem:
        cost: Tensor = torch.stack([random_cost(12, 9, 0), 4 * random_cost(12, 9, 1)]).to(dtype)
        structured = ot.Structured(ot.Entropic(0.02), ot.Blocks((3, 4)), epsilon_code=0.002)
        return ot.OTProblem(cost=cost, regulariser=structured)

    single, double = solved(stacked(torch.float32), 1e-6), solved(stacked(torch.float64))
    assert single.matrix().dtype == torch.float32
    assert bool((single.marginal_error < 1e-5).all())
    torch.testing.assert_close(single.value, double.value.float(), atol=1e-5, rtol=0)
    torch.testing.assert_close(single.matrix(), double.matrix().float(), atol=1e-5, rtol=0)


def test_implicit_gradients_follow_its_plans() -> None:
    cost = random_cost(6, 5, 0).requires_grad_()
    structured = ot.Structured(ot.Entropic(0.1), ot.Blocks((3, 2)), epsilon_code=0.002)

    def information(cost: Tensor) -> Tensor:
        held = ot.OTProblem(cost=cost, regulariser=structured)
        return solved(held, gradient=ot.Implicit(tolerance=1e-10)).transport_cost

    (slope,) = torch.autograd.grad(information(cost), cost)
    change = torch.zeros_like(cost)
    change[2, 3] = 1e-6
    with torch.no_grad():
        difference = (information(cost + change) - information(cost - change)) / 2e-6
    assert float(slope[2, 3]) == pytest.approx(float(difference), abs=1e-5)


def test_the_choice_depends_on_price_tolerance_and_size() -> None:
    def chosen(epsilon_code: float, tolerance: float, n: int = 12) -> str:
        structured = ot.Structured(ot.Entropic(0.1), ot.Blocks((3, n // 3)), epsilon_code=epsilon_code)
        cost = random_cost(n, 7, 0)
        return type(ot.choose_solver(ot.OTProblem(cost=cost, regulariser=structured), tolerance)).__name__

    assert chosen(0.05, 1e-9) == "Nested"
    assert chosen(1e-3, 1e-4) == "Nested"
    assert chosen(1e-3, 1e-5) == "NestedNewton"
    assert chosen(1e-3, 1e-5, n=600) == "Nested"
    assert chosen(1e-4, 1e-5, n=600) == "NestedNewton"


def test_failures_are_told() -> None:
    hard = problem((3, 4), (1e-4,))
    plan = ot.solve(hard, solver=ot.NestedNewton(), tolerance=1e-9, max_steps=5, on_failure="return")
    assert plan.status is ot.Status.MAX_STEPS and int(plan.n_steps) == 5
    assert float(plan.marginal_error) > 1e-9
    plan = ot.solve(hard, solver=ot.NestedNewton(), tolerance=1e-18, on_failure="return")
    assert plan.status is ot.Status.STALLED
    for wrong in (ot.Entropic(0.1), ot.Structured(ot.Entropic(0.1), ot.Blocks((3, 4)), epsilon_code=-0.1)):
        with pytest.raises(ProblemError, match="^NestedNewton"):
            ot.solve(hard.derived(regulariser=wrong), solver=ot.NestedNewton())
    with pytest.raises(ProblemError, match="from_error"):
        ot.NestedNewton(from_error=0.0)


def test_nothing_comes_of_a_code_and_a_datum_without_weight() -> None:
    """Where neither has weight nothing bounds the density, which overflows at a small epsilon."""
    cost = 1 - torch.eye(8, 16, dtype=torch.float64)
    a, b = torch.ones(8, dtype=torch.float64), torch.ones(16, dtype=torch.float64)
    a[1], b[1] = 0, 0
    structured = ot.Structured(ot.Entropic(3e-4), ot.Blocks((8, 1)), epsilon_code=3e-5)
    plan = solved(ot.OTProblem(cost=cost, a=a / 7, b=b / 15, regulariser=structured), 1e-8)
    assert bool((plan.matrix()[1] == 0).all()) and float(plan.marginal_error) <= 1e-8
