"""Without a solver named, one is chosen, and the plan tells which."""

import pytest
import torch
from ot_contracts import random_cost

from infot import ot

BLOCKS = ot.Blocks(code=(3, 2))
SQUARE = (lambda d, a: (a.unsqueeze(-1) * d.square()).sum(-2) / 2, lambda d, a: d)


@pytest.mark.parametrize(
    ("regulariser", "fields", "chosen"),
    [
        (ot.Entropic(0.1), {}, "Sinkhorn"),
        (ot.Relative(ot.Entropic(0.1)), {}, "Sinkhorn"),
        (ot.Scaled(ot.Entropic(0.1), 2.0), {}, "Sinkhorn"),
        (ot.Entropic(1e-3), {}, "Newton"),
        (ot.Entropic(0.1), {"rho": 1.0}, "UnbalancedSinkhorn"),
        (ot.Unregularised(), {}, "Exact(HiGHS)"),
        (ot.Structured(ot.Entropic(0.1), BLOCKS, 0.02), {}, "Nested"),
        (ot.Structured(ot.Entropic(0.1), BLOCKS, 0.02), {"rho": 1.0}, "UnbalancedNested"),
        (ot.Structured(ot.Entropic(0.1), BLOCKS, 0.0), {}, "PerturbedCostLoop"),
        (ot.Structured(ot.Entropic(0.1), BLOCKS, -0.02), {}, "PerturbedCostLoop"),
        (ot.Rebated(ot.Entropic(0.1), (3, 2), (ot.Rebate((0,), 0.02),)), {}, "PerturbedCostLoop"),
        (ot.Augmented(ot.Entropic(0.1), *SQUARE), {}, "ConditionalGradient(Sinkhorn)"),
        (ot.Quadratic(0.2), {}, "SemiDual"),
        (ot.GroupLasso(0.2, 0.1, BLOCKS), {}, "SemiDual"),
    ],
)
def test_the_plan_names_what_solved_it(regulariser: ot.Regulariser, fields: dict, chosen: str) -> None:
    problem = ot.OTProblem(cost=random_cost(6, 5, 0), regulariser=regulariser, **fields)
    plan = ot.solve(problem, tolerance=1e-3, on_failure="raise")
    assert plan.solution.solver.startswith(chosen)


def test_a_choice_can_be_asked_for_beforehand() -> None:
    problem = ot.OTProblem(cost=torch.rand(500, 4), regulariser=ot.Relative(ot.Entropic(1e-3)))
    assert ot.choose_solver(problem, tolerance=1e-3) == ot.Sinkhorn()
    assert ot.choose_solver(problem, tolerance=1e-6) == ot.Newton()


def test_loose_errors_at_small_epsilon_need_no_finish() -> None:
    problem = ot.OTProblem(cost=torch.rand(50, 40), regulariser=ot.Relative(ot.Entropic(1e-3)))
    assert ot.choose_solver(problem, tolerance=1e-2) == ot.Sinkhorn()
    assert ot.choose_solver(problem, tolerance=1e-3) == ot.Newton()
