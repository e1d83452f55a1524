"""The linear program: another library, duality, the limit of small epsilon, the line."""

import ot as pot
import pytest
import torch
from ot_contracts import random_cost, random_weights
from torch import Tensor

from infot import ot
from infot.errors import ProblemError


def exact(cost: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> ot.Plan:
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Unregularised())
    return ot.solve(problem, tolerance=1e-9, on_failure="raise")


@pytest.mark.parametrize(
    ("n", "m", "zeros", "uniform", "method"),
    [
        (6, 6, 0, True, "assignment"),
        (40, 40, 0, True, "assignment"),
        (6, 6, 0, False, "HiGHS"),
        (12, 17, 2, False, "HiGHS"),
        (5, 8, 0, True, "HiGHS"),
        (1, 4, 0, False, "HiGHS"),
    ],
)
def test_another_library_duality_and_slackness(
    n: int, m: int, zeros: int, uniform: bool, method: str
) -> None:
    cost = random_cost(n, m, 0) - 0.3
    a = None if uniform else random_weights(n, 1, min(zeros, n - 1))
    b = None if uniform else random_weights(m, 2, zeros)
    plan = exact(cost, a, b)
    assert plan.solution.solver == f"Exact({method})"
    weights = (plan.problem.row_weights, plan.problem.column_weights)
    assert float(plan.value) == pytest.approx(float(pot.emd2(*weights, cost)), abs=1e-10)
    assert float(plan.transport_cost) == pytest.approx(float(plan.value), abs=1e-10)
    assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-10)
    slack = plan.f.unsqueeze(1) + plan.g - cost
    assert float(slack.max()) <= 1e-9
    matrix = plan.matrix()
    assert float((matrix * slack).abs().max()) <= 1e-9
    assert int((matrix > 1e-12).sum()) <= n + m - 1
    torch.testing.assert_close(matrix.sum(1), weights[0], atol=1e-12, rtol=0)
    torch.testing.assert_close(
        matrix, weights[0].unsqueeze(1) * weights[1] * plan.density(), atol=1e-12, rtol=0
    )


def test_it_is_the_limit_of_small_epsilon() -> None:
    cost, a, b = random_cost(7, 9, 3), random_weights(7, 4), random_weights(9, 5)
    best = exact(cost, a, b)
    smoothed = ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(2e-4)), tolerance=1e-8)
    assert float(best.value) <= float(smoothed.value) <= float(best.value) + 2e-4 * torch.tensor(7.0).log()
    torch.testing.assert_close(smoothed.matrix(), best.matrix(), atol=2e-3, rtol=0)


def test_on_the_line_it_couples_quantiles() -> None:
    x, y = torch.rand(25, dtype=torch.float64), torch.rand(25, dtype=torch.float64)
    plan = exact((x.unsqueeze(1) - y).square())
    assert float(plan.value) == pytest.approx(
        float((x.sort().values - y.sort().values).square().mean()), abs=1e-12
    )


def test_batches_masks_gradients_and_scale() -> None:
    cost = torch.stack([random_cost(5, 6, 0), random_cost(5, 6, 1)]).requires_grad_()
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    problem = ot.OTProblem(cost=cost, regulariser=ot.Relative(ot.Unregularised()), row_mask=mask)
    plan = ot.solve(problem, tolerance=1e-9, on_failure="raise")
    torch.testing.assert_close(plan.value[1], exact(cost[1, :3].detach()).value)
    ot.transport_value(plan).sum().backward()
    torch.testing.assert_close(cost.grad, plan.matrix())
    a = random_weights(5, 3).requires_grad_()
    value = ot.transport_value(exact(cost[0].detach(), a, random_weights(6, 4)))
    (slope,) = torch.autograd.grad(value, a)
    step = torch.tensor([1.0, -1.0, 0, 0, 0], dtype=torch.float64) * 1e-6
    moved = exact(cost[0].detach(), a.detach() + step, random_weights(6, 4)).value
    assert float(moved - value.detach()) == pytest.approx(float(slope @ step), rel=1e-6)


def test_degenerate_clouds() -> None:
    assert float(exact(torch.zeros(4, 4, dtype=torch.float64)).value) == 0
    assert float(exact(torch.full((3, 5), 2.0, dtype=torch.float64)).value) == pytest.approx(2.0)
    single = exact(torch.rand(8, 8))
    assert single.matrix().dtype == torch.float32 and bool(single.converged)


def test_what_it_cannot_do_is_told() -> None:
    cost = random_cost(4, 5, 0)
    with pytest.raises(ProblemError, match="solves Unregularised"):
        ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.1)), solver=ot.Exact())
    with pytest.raises(ProblemError, match="not a function of its potentials"):
        ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Unregularised()), solver=ot.SemiDual())
    problem = ot.OTProblem(cost=random_cost(30, 31, 0), regulariser=ot.Unregularised())
    plan = ot.solve(problem, max_steps=1, on_failure="return")
    assert plan.status is ot.Status.MAX_STEPS and not plan.converged
