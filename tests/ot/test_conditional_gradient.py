"""The conditional gradient: other routes, closed forms by regrouping, another library, honesty."""

from itertools import pairwise

import ot as pot
import pytest
import torch
from ot_contracts import random_cost, random_weights
from torch import Tensor

from infot import ot
from infot.errors import ProblemError

COST, A, B = random_cost(8, 6, 0), random_weights(8, 1), random_weights(6, 2)


def solve(
    regulariser: ot.Regulariser, solver: ot.Solver | None = None, tolerance: float = 1e-8, steps: int = 3000
) -> ot.Plan:
    problem = ot.OTProblem(cost=COST, a=A, b=B, regulariser=regulariser)
    return ot.solve(problem, solver=solver, tolerance=tolerance, max_steps=steps, on_failure="raise")


def structured(epsilon_code: float) -> ot.Structured:
    return ot.Structured(ot.Entropic(0.1), blocks=ot.Blocks(code=(4, 2)), epsilon_code=epsilon_code)


@pytest.mark.parametrize(
    "regulariser",
    [
        structured(0.05),
        structured(0.0),
        structured(-0.03),
        ot.Rebated(ot.Entropic(0.1), (2, 2, 2), (ot.Rebate((0,), 0.04), ot.Rebate((1,), 0.03))),
        ot.Rebated(ot.Entropic(0.1), (2, 2, 2), (ot.Rebate((0, 1), 0.02, ot.ChiSquare()),)),
        ot.Rebated(ot.Quadratic(0.3), (4, 2), (ot.Rebate((0,), 0.05, ot.ChiSquare()),)),
    ],
    ids=["code", "free", "rewarded", "two blocks", "chi square", "quadratic base"],
)
def test_it_agrees_with_the_perturbed_cost_loop(regulariser: ot.Regulariser) -> None:
    ours = solve(regulariser, ot.ConditionalGradient())
    loop = solve(regulariser, ot.PerturbedCostLoop(), 1e-7)
    torch.testing.assert_close(ours.value, loop.value, atol=2e-6, rtol=0)
    torch.testing.assert_close(ours.matrix(), loop.matrix(), atol=2e-3, rtol=0)
    torch.testing.assert_close(ours.primal_value, ours.value, atol=1e-10, rtol=0)
    assert float(ours.marginal_error) <= 1e-8


def entropy_term(price: float) -> tuple:
    def term(density: Tensor, a: Tensor) -> Tensor:
        return price * (a.unsqueeze(-1) * (torch.xlogy(density, density) - density + 1)).sum(-2)

    return term, lambda density, a: price * density.clamp_min(1e-300).log()


def square_term(price: float) -> tuple:
    def term(density: Tensor, a: Tensor) -> Tensor:
        return price / 2 * (a.unsqueeze(-1) * density.square()).sum(-2)

    return term, lambda density, a: price * density


@pytest.mark.parametrize(
    ("regulariser", "same", "tolerance"),
    [
        (ot.Augmented(ot.Entropic(0.02), *entropy_term(0.08)), ot.Entropic(0.1), 1e-7),
        (ot.Augmented(ot.Quadratic(0.1), *square_term(0.4)), ot.Quadratic(0.5), 1e-7),
        (ot.Augmented(ot.Unregularised(), *square_term(0.5)), ot.Quadratic(0.5), 1e-2),
    ],
    ids=["entropic", "quadratic", "no base"],
)
def test_a_regulariser_split_in_two_is_the_whole(
    regulariser: ot.Regulariser, same: ot.Regulariser, tolerance: float
) -> None:
    ours, whole = solve(regulariser, tolerance=tolerance), solve(same, tolerance=1e-10)
    assert ours.solution.solver.startswith("ConditionalGradient(")
    # the gap, in units of the mean cost, bounds the distance to the optimum
    assert -1e-9 <= float(ours.value - whole.value) <= tolerance * float(COST.abs().mean()) * 1.1 + 1e-9
    torch.testing.assert_close(ours.transport_cost, whole.transport_cost, atol=30 * tolerance**0.5, rtol=0)


def test_another_library_with_the_same_oracle() -> None:
    price = 0.3
    weights = A.unsqueeze(1) * B
    reference = pot.optim.cg(
        A.numpy(),
        B.numpy(),
        COST.numpy(),
        price,
        lambda plan: 0.5 * float((plan**2 / weights.numpy()).sum()),
        lambda plan: plan / weights.numpy(),
        numItermax=2000,
        stopThr=1e-9,
        stopThr2=1e-9,
    )
    best = float((COST * torch.from_numpy(reference)).sum()) + price / 2 * float(
        (torch.from_numpy(reference) ** 2 / weights).sum()
    )
    ours = solve(ot.Augmented(ot.Unregularised(), *square_term(price)), tolerance=1e-2)
    assert best - 1e-3 <= float(ours.value) <= best + 1e-2 * float(COST.mean()) * 1.1


def test_the_objective_never_rises_and_failures_are_told() -> None:
    problem = ot.OTProblem(
        cost=COST, a=A, b=B, regulariser=ot.Augmented(ot.Entropic(0.01), *square_term(20.0))
    )
    values = []
    for steps in range(1, 12):
        plan = ot.solve(problem, tolerance=1e-9, max_steps=steps, on_failure="return")
        values.append(float(plan.value))
    assert plan.status is ot.Status.MAX_STEPS and plan.n_steps == 11
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(values))
    done = ot.solve(problem, tolerance=1e-6, max_steps=3000, on_failure="raise")
    assert values[-1] >= float(done.value)


def test_batches() -> None:
    cost = torch.stack([COST, 2 * random_cost(8, 6, 5)])
    problem = ot.OTProblem(cost=cost, a=A, b=B, regulariser=structured(0.02))
    batch = ot.solve(problem, solver=ot.ConditionalGradient(), tolerance=1e-6)
    single = ot.solve(
        ot.OTProblem(cost=cost[1], a=A, b=B, regulariser=structured(0.02)),
        solver=ot.ConditionalGradient(),
        tolerance=1e-6,
    )
    assert batch.converged.tolist() == [True, True]
    torch.testing.assert_close(batch.value[1], single.value, atol=1e-5, rtol=0)


def test_what_it_cannot_do_is_told() -> None:
    problem = ot.OTProblem(cost=COST, regulariser=ot.Entropic(0.1))
    with pytest.raises(ProblemError, match="ConditionalGradient solves"):
        ot.solve(problem, solver=ot.ConditionalGradient())
    with pytest.raises(ProblemError, match="inner_steps"):
        ot.ConditionalGradient(inner_steps=0)
    augmented = ot.OTProblem(cost=COST, regulariser=ot.Augmented(ot.Entropic(0.1), *square_term(1.0)))
    with pytest.raises(ProblemError, match="use ConditionalGradient"):
        ot.solve(augmented, solver=ot.PerturbedCostLoop())
