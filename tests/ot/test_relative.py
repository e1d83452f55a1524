"""Relative prices follow the scale of the cost."""

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng

from infot import ot
from infot.errors import ProblemError

BLOCKS = ot.Blocks(code=(3, 2))
REGULARISERS = [
    ot.Entropic(0.1),
    ot.Structured(ot.Entropic(0.1), blocks=BLOCKS, epsilon_code=0.03),
    ot.Structured(ot.Entropic(0.1), blocks=BLOCKS, epsilon_code=-0.01),
    ot.Quadratic(0.1),
    ot.GroupLasso(0.1, 0.2, BLOCKS),
    ot.Rebated(ot.Entropic(0.1), sizes=(3, 2), rebates=(ot.Rebate((0,), 0.05),)),
]


@pytest.mark.parametrize("regulariser", REGULARISERS, ids=lambda r: type(r).__name__)
def test_scaling_the_cost_scales_the_value_and_keeps_the_plan(regulariser: ot.Regulariser) -> None:
    cost, a, b = random_cost(6, 5, 0), random_weights(6, 1), random_weights(5, 2)

    def plan(cost: torch.Tensor, regulariser: ot.Regulariser) -> ot.Plan:
        problem = ot.OTProblem(cost=cost, regulariser=regulariser, a=a, b=b)
        return ot.solve(problem, tolerance=1e-9, max_steps=5000)

    one, large = plan(cost, ot.Relative(regulariser)), plan(50 * cost, ot.Relative(regulariser))
    torch.testing.assert_close(large.matrix(), one.matrix(), atol=1e-6, rtol=0)
    torch.testing.assert_close(large.value, 50 * one.value, atol=1e-5, rtol=1e-6)
    mean = float(a @ cost @ b)
    absolute = plan(cost, regulariser.times(mean))
    torch.testing.assert_close(absolute.value, one.value, atol=1e-9, rtol=0)
    batch = plan(torch.stack([cost, 50 * cost]), ot.Relative(regulariser))
    torch.testing.assert_close(batch.matrix()[1], one.matrix(), atol=1e-6, rtol=0)
    torch.testing.assert_close(batch.value, torch.stack([one.value, 50 * one.value]), atol=1e-5, rtol=1e-6)
    torch.testing.assert_close(batch.primal_value, batch.value, atol=1e-5, rtol=1e-5)
    if isinstance(regulariser, ot.Structured):
        torch.testing.assert_close(batch.perturbed_cost()[1], 50 * one.perturbed_cost(), atol=1e-4, rtol=0)
        torch.testing.assert_close(batch.mutual_information()[1], one.mutual_information(), atol=1e-5, rtol=0)


def test_the_mean_is_taken_under_the_weights() -> None:
    cost = torch.tensor([[[0.0, 4.0]], [[2.0, 2.0]]])
    b = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    assert ot.mean_cost(cost, torch.ones(1), b).tolist() == [2.0, 2.0]


def test_a_batch_of_one_scale_each_takes_a_warm_start_and_gives_gradients() -> None:
    cost = torch.stack([random_cost(6, 5, 0), 30 * random_cost(6, 5, 1)]).requires_grad_()
    problem = ot.OTProblem(cost=cost, regulariser=ot.Relative(ot.Entropic(0.05)))
    plan = ot.solve(problem, tolerance=1e-9)
    again = ot.solve(problem, tolerance=1e-6, start=plan)
    assert (again.n_steps <= 3).all()
    ot.transport_value(plan).sum().backward()
    torch.testing.assert_close(cost.grad, plan.matrix())


def test_what_relative_prices_cannot_do_is_told() -> None:
    with pytest.raises(ProblemError, match="positive mean cost"):
        ot.OTProblem(cost=torch.zeros(3, 3), regulariser=ot.Relative(ot.Entropic(0.1)))
    relative, one = ot.Relative(ot.Entropic(0.1)), torch.ones(1, 1, 1)
    for method in (relative.value, relative.conjugate, relative.density):
        with pytest.raises(ProblemError, match="unknown without a cost"):
            method(one, one[0])


def test_each_item_of_a_batch_has_a_price_of_its_own() -> None:
    cost = torch.rand(2, 3, 3, generator=rng(0), dtype=torch.float64)
    plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Relative(ot.Entropic(0.1))))
    torch.testing.assert_close(plan.epsilon, 0.1 * cost.mean((-2, -1)))
