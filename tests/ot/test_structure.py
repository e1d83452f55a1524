"""Structure: ordered and several blocks, chi-square rebates, prices of zero and below, terms of the user's own."""

from itertools import pairwise

import pytest
import torch
from ot_contracts import random_cost, random_weights
from torch import Tensor

from infot import ot
from infot.errors import ProblemError


def minimum(problem: ot.OTProblem, steps: int = 60) -> float:
    """Minimise the primal over plans with L-BFGS on the logarithm of a matrix scaled to the marginals."""
    a, b = problem.row_weights, problem.column_weights
    logits = torch.zeros_like(problem.cost, requires_grad=True)

    def primal() -> Tensor:
        plan = logits
        for _ in range(25):
            plan = plan - (plan.logsumexp(1) - a.log()).unsqueeze(1)
            plan = plan - (plan.logsumexp(0) - b.log()).unsqueeze(0)
        matrix = plan.exp()
        density = (matrix / (a.unsqueeze(1) * b)).unsqueeze(0)
        charge = problem.regulariser.value(density, a.unsqueeze(0))[0]
        return (matrix * problem.cost).sum() + (b * charge).sum()

    optimiser = torch.optim.LBFGS(
        [logits], max_iter=steps, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = primal()
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(primal().detach())


def entropic(blocks: ot.Blocks, price: float | tuple[float, ...]) -> ot.OTProblem:
    regulariser = ot.Structured(ot.Entropic(0.2), blocks=blocks, epsilon_code=price)
    n = blocks.n_rows
    return ot.OTProblem(
        cost=random_cost(n, 5, 0), a=random_weights(n, 1), b=random_weights(5, 2), regulariser=regulariser
    )


ORDERED = entropic(ot.Blocks(code=(2, 3, 2)), (0.03, 0.1))


@pytest.mark.parametrize(
    "solver", [ot.Nested(), ot.SemiDual(), ot.PerturbedCostLoop()], ids=lambda s: type(s).__name__
)
def test_ordered_blocks_by_every_route(solver: ot.Solver) -> None:
    plan = ot.solve(ORDERED, solver=solver, tolerance=1e-8, max_steps=3000, on_failure="raise")
    truth = ot.solve(ORDERED, solver=ot.SemiDual(), tolerance=1e-9, max_steps=3000)
    assert float(plan.value) == pytest.approx(float(truth.value), abs=1e-7)
    assert float(plan.primal_value) == pytest.approx(float(truth.value), abs=1e-7)


def test_ordered_blocks_minimise_the_primal() -> None:
    plan = ot.solve(ORDERED, tolerance=1e-9, max_steps=3000)
    assert float(plan.value) == pytest.approx(minimum(ORDERED), abs=1e-6)


def test_equal_prices_of_ordered_blocks_are_one_block() -> None:
    ordered = entropic(ot.Blocks(code=(2, 3, 2)), (0.05, 0.05))
    flat = entropic(ot.Blocks(code=(6, 2)), 0.05)
    first, second = (ot.solve(p, tolerance=1e-9, max_steps=3000) for p in (ordered, flat))
    torch.testing.assert_close(first.matrix(), second.matrix(), atol=1e-8, rtol=0)


def test_one_information_rebate_is_the_structured_problem() -> None:
    structured = entropic(ot.Blocks(code=(3, 4)), 0.05)
    rebated = ot.Rebated(ot.Entropic(0.2), sizes=(3, 4), rebates=(ot.Rebate(axes=(0,), price=0.15),))
    problem = structured.derived(regulariser=rebated)
    plan = ot.solve(problem, tolerance=1e-8, max_steps=2000, on_failure="raise")
    assert float(plan.value) == pytest.approx(float(ot.solve(structured, tolerance=1e-9).value), abs=1e-7)


@pytest.mark.parametrize(
    "rebates",
    [
        (ot.Rebate(axes=(0,), price=0.08), ot.Rebate(axes=(1,), price=0.08)),
        (ot.Rebate(axes=(0,), price=0.03, gain=ot.ChiSquare()),),
    ],
    ids=["two-blocks", "chi-square"],
)
def test_rebates_minimise_the_primal(rebates: tuple[ot.Rebate, ...]) -> None:
    regulariser = ot.Rebated(ot.Entropic(0.2), sizes=(2, 3, 2), rebates=rebates)
    problem = ot.OTProblem(cost=random_cost(12, 5, 0), regulariser=regulariser)
    plan = ot.solve(problem, tolerance=1e-8, max_steps=2000, on_failure="raise")
    assert float(plan.value) == pytest.approx(minimum(problem), abs=1e-6)
    ordinary = ot.solve(
        ot.OTProblem(cost=plan.perturbed_cost(), regulariser=ot.Entropic(0.2)), tolerance=1e-10
    )
    torch.testing.assert_close(ordinary.matrix(), plan.matrix(), atol=1e-7, rtol=0)


def test_a_rebate_on_quadratic_smoothing() -> None:
    rebate = ot.Rebate(axes=(0,), price=0.02, gain=ot.ChiSquare())
    regulariser = ot.Rebated(ot.Quadratic(0.3), sizes=(3, 4), rebates=(rebate,))
    problem = ot.OTProblem(cost=random_cost(12, 5, 0), regulariser=regulariser)
    plan = ot.solve(problem, tolerance=1e-6, max_steps=500, on_failure="raise")
    plain = ot.solve(problem.derived(regulariser=ot.Quadratic(0.3)), tolerance=1e-8)
    own = ot.Plan(problem, plain.solution)
    assert plan.primal_value < own.primal_value - 1e-5


@pytest.mark.parametrize("price", [0.0, -0.05])
def test_information_at_no_price_and_rewarded(price: float) -> None:
    problem = entropic(ot.Blocks(code=(3, 4)), price)
    plan = ot.solve(problem, tolerance=1e-5, max_steps=3000, on_failure="raise")
    assert plan.solution.solver == "PerturbedCostLoop"
    positive = ot.solve(entropic(ot.Blocks(code=(3, 4)), 0.01), tolerance=1e-8)
    assert plan.mutual_information() > positive.mutual_information()
    assert plan.primal_value < positive.primal_value
    # stationary: ordinary transport with the perturbed cost gives the plan back
    ordinary = ot.solve(
        problem.derived(cost=plan.perturbed_cost(), regulariser=ot.Entropic(0.2)), tolerance=1e-8
    )
    torch.testing.assert_close(ordinary.matrix(), plan.matrix(), atol=2e-5, rtol=0)


def test_the_value_falls_to_the_limit_of_no_price() -> None:
    values = [
        float(ot.solve(entropic(ot.Blocks(code=(3, 4)), price), tolerance=1e-6, max_steps=5000).primal_value)
        for price in (0.1, 0.01, 0.001, 0.0)
    ]
    assert values == sorted(values, reverse=True)
    assert values[2] - values[3] < 2e-3


def test_every_turn_of_the_loop_lowers_the_objective() -> None:
    problem = entropic(ot.Blocks(code=(3, 4)), -0.02)
    values = [
        float(ot.solve(problem, tolerance=1e-9, max_steps=turns, on_failure="return").primal_value)
        for turns in range(1, 12)
    ]
    assert all(after <= before + 1e-9 for before, after in pairwise(values))


def test_a_term_of_the_users_own_goes_through_the_line_search() -> None:
    """A quadratic term stronger than the entropy, where the full conditional-gradient step overshoots."""
    strength = 0.5
    regulariser = ot.Augmented(
        ot.Entropic(0.1),
        term_of=lambda d, a: strength / 2 * (a.unsqueeze(-1) * d.square()).sum(-2),
        slope_of=lambda d, a: strength * d,
    )
    problem = ot.OTProblem(cost=random_cost(6, 5, 0), regulariser=regulariser)
    plan = ot.solve(problem, tolerance=1e-3, max_steps=400, on_failure="raise")
    assert float(plan.primal_value) == pytest.approx(minimum(problem), abs=1e-4)


def test_sums_have_no_conjugate_and_rebates_need_their_axes() -> None:
    regulariser = ot.Rebated(ot.Entropic(0.2), sizes=(3, 4), rebates=())
    ones = torch.ones(1, 12, 5)
    with pytest.raises(ProblemError, match="no conjugate"):
        regulariser.conjugate(ones, ones[..., 0])
    with pytest.raises(ProblemError, match="no density"):
        regulariser.density(ones, ones[..., 0])
    with pytest.raises(ProblemError, match="use PerturbedCostLoop"):
        ot.solve(ot.OTProblem(cost=random_cost(12, 5, 0), regulariser=regulariser), solver=ot.SemiDual())
    with pytest.raises(ProblemError, match="axes 0 to 1"):
        ot.Rebated(ot.Entropic(0.2), sizes=(3, 4), rebates=(ot.Rebate(axes=(2,), price=0.1),))


def test_rebates_on_a_cardinality_rule_converge_to_what_torn_data_allow() -> None:
    """Five of 600 data may be torn between sets of latents, each by all of its mass at most."""
    base, rebate = ot.Cardinality(3, 2.0), ot.Rebate((0,), 0.1)
    problem = ot.OTProblem(cost=random_cost(6, 600, 4), regulariser=ot.Rebated(base, (3, 2), (rebate,)))
    plan = ot.solve(problem, tolerance=2 * 5 / 600, max_steps=50, on_failure="raise")
    plain = ot.solve(problem.derived(regulariser=base), tolerance=2 * 5 / 600, on_failure="raise")
    assert int((plan.matrix() > 0).sum(0).max()) <= 3
    assert plan.mutual_information((0,)) > ot.Plan(problem, plain.solution).mutual_information((0,))
