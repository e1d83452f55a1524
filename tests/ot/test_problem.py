"""The front door names what was expected, what came, and what to do."""

import pytest
import torch

from infot import ot
from infot.errors import ConvergenceError, ConvergenceWarning, ProblemError

COST = torch.rand(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_uniform_weights_are_filled_in() -> None:
    problem = ot.OTProblem(cost=COST, regulariser=ot.Entropic(0.1))
    torch.testing.assert_close(problem.row_weights, torch.full((4,), 0.25, dtype=torch.float64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cost": COST.int()}, "float32 or float64"),
        ({"cost": torch.rand(3)}, r"shape \(n, m\)"),
        ({"cost": COST / 0}, "finite costs"),
        ({"cost": COST, "a": torch.ones(3) / 3}, "expected a of shape"),
        ({"cost": COST, "a": torch.ones(4)}, "sum 1"),
        ({"cost": COST, "b": torch.tensor([2.0, -0.5, -0.5])}, "non-negative"),
        ({"cost": COST, "b": torch.tensor([1, 0, 0])}, "floating-point b"),
        ({"cost": COST, "blocks": ot.Blocks(code=(3, 2))}, "expected 6 rows"),
    ],
)
def test_bad_arrays_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        ot.OTProblem(regulariser=ot.Entropic(0.1), **arguments)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan"), float("inf")])
def test_epsilon_must_smooth(epsilon: float) -> None:
    with pytest.raises(ProblemError, match="positive, finite epsilon"):
        ot.Entropic(epsilon)


def test_structure_checks_prices_and_sizes() -> None:
    with pytest.raises(ProblemError, match="must not be dearer"):
        ot.Structured(ot.Entropic(0.1), blocks=ot.Blocks(code=(2, 2)), epsilon_code=0.2)
    with pytest.raises(ProblemError, match="expected 2 values"):
        ot.Structured(ot.Entropic(0.1), blocks=ot.Blocks(code=(2, 2, 2)), epsilon_code=0.05)
    with pytest.raises(ProblemError, match="two positive sizes"):
        ot.Blocks(code=(4,))


def test_solvers_refuse_what_they_cannot_solve() -> None:
    structured = ot.Structured(ot.Entropic(0.1), blocks=ot.Blocks(code=(2, 2)), epsilon_code=0.0)
    problem = ot.OTProblem(cost=COST, regulariser=structured)
    for solver, message in [
        (ot.Sinkhorn(), "solves Entropic"),
        (ot.Nested(), "^Nested: .* epsilon_code > 0, got epsilon_code=0.0; use PerturbedCostLoop"),
        (
            ot.NestedNewton(),
            "^NestedNewton: .* epsilon_code > 0, got epsilon_code=0.0; use PerturbedCostLoop",
        ),
        (ot.SemiDual(), "^SemiDual: .* epsilon_code > 0, got epsilon_code=0.0; use PerturbedCostLoop"),
    ]:
        with pytest.raises(ProblemError, match=message):
            ot.solve(problem, solver=solver)
    for solver, plain in ((ot.Nested(), "Sinkhorn"), (ot.NestedNewton(), "Newton")):
        with pytest.raises(
            ProblemError, match=f"solves Structured problems, got Entropic; use {plain} for Ent"
        ):
            ot.solve(ot.OTProblem(cost=COST, regulariser=ot.Entropic(0.1)), solver=solver)
    with pytest.raises(ProblemError, match="solves Structured"):
        ot.solve(ot.OTProblem(cost=COST, regulariser=ot.Entropic(0.1)), solver=ot.PerturbedCostLoop())


def test_settings_of_solve_are_checked() -> None:
    problem = ot.OTProblem(cost=COST, regulariser=ot.Entropic(0.1))
    with pytest.raises(ProblemError, match="tolerance > 0"):
        ot.solve(problem, tolerance=0.0)
    with pytest.raises(ProblemError, match="on_failure"):
        ot.solve(problem, on_failure="shrug")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ProblemError, match="starting potential"):
        ot.solve(problem, start=torch.zeros(7))


def test_a_missed_tolerance_is_told_as_asked() -> None:
    problem = ot.OTProblem(cost=COST, regulariser=ot.Entropic(0.001))
    with pytest.warns(
        ConvergenceWarning, match="L1 marginal error .* after 2 steps, tolerance .*: the limit"
    ):
        ot.solve(problem, tolerance=1e-8, max_steps=2)
    with pytest.raises(ConvergenceError, match="allow more steps"):
        ot.solve(problem, tolerance=1e-8, max_steps=2, on_failure="raise")
    plan = ot.solve(problem, tolerance=1e-8, max_steps=2, on_failure="return")
    assert plan.status is ot.Status.MAX_STEPS
    assert not plan.converged
    assert plan.n_steps == 2


def test_plans_without_blocks_have_no_code() -> None:
    plan = ot.solve(ot.OTProblem(cost=COST, regulariser=ot.Entropic(0.1)))
    with pytest.raises(ProblemError, match="no blocks"):
        plan.mutual_information("code")


def test_a_tolerance_below_the_precision_ends_as_stalled() -> None:
    problem = ot.OTProblem(cost=COST.float(), regulariser=ot.Entropic(0.01))
    for solver in (ot.Sinkhorn(), ot.SemiDual()):
        plan = ot.solve(problem, solver=solver, tolerance=1e-12, max_steps=5000, on_failure="return")
        assert plan.status is ot.Status.STALLED
        assert plan.n_steps < 5000


@pytest.mark.parametrize("settings", [{"memory": -1}, {"factor": 1.0}, {"from_epsilon": -0.1}])
def test_an_approach_must_end(settings: dict) -> None:
    with pytest.raises(ProblemError, match="memory >= 0, factor > 1"):
        ot.Approach(**settings)


def test_a_derived_problem_forgets_the_mean_of_another_cost() -> None:
    problem = ot.OTProblem(cost=COST, regulariser=ot.Entropic(0.1))
    assert problem.mean_cost == pytest.approx(float(COST.mean()))
    assert problem.derived(cost=COST + 1).mean_cost == pytest.approx(float(COST.mean()) + 1)


def test_weights_rounded_to_single_precision_meet_a_tolerance_of_double_precision() -> None:
    a = torch.tensor([0.1, 0.2, 0.3, 0.4 / 3, 0.4 / 3, 0.4 / 3])
    cost = torch.rand(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plan = ot.solve(
        ot.OTProblem(cost=cost, a=a, regulariser=ot.Entropic(0.3)), tolerance=1e-11, on_failure="raise"
    )
    assert float(plan.problem.row_weights.sum()) == pytest.approx(1, abs=1e-15)
    torch.testing.assert_close(plan.problem.row_weights, a.double(), atol=1e-7, rtol=0)
