"""Gradients of plans whose marginals have a price: finite differences, the steps themselves, a dense system, limits."""

import math

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot

EXACT = ot.Implicit(tolerance=1e-13)
PRICES = [(0.4, 0.7), (0.4, math.inf), (math.inf, 0.7)]


def solved(cost: Tensor, a: Tensor, b: Tensor, rho: ot.Rho, gradient: ot.Gradient = EXACT) -> ot.Plan:
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(0.2), rho=rho)
    return ot.solve(problem, tolerance=1e-13, max_steps=5000, gradient=gradient, on_failure="raise")


def everything(plan: ot.Plan) -> tuple[Tensor, ...]:
    """Return what a plan tells, contracted with fixed numbers so that gradients in all directions count."""
    y = torch.randn(plan.problem.cost.shape[-1], 2, generator=rng(11), dtype=torch.float64)
    row = torch.randn(plan.f.shape[-1], generator=rng(12), dtype=torch.float64)
    return (
        plan.value,
        (plan.f * row).sum(-1),
        plan.g.square().sum(-1),
        (plan.matrix() @ y).square().sum((-2, -1)),
        (plan.barycentric_projection(y.expand(*plan.f.shape[:-1], -1, -1)) * row.unsqueeze(-1)).sum((-2, -1)),
        plan.marginals()[0].square().sum(-1),
        plan.transport_cost,
        plan.primal_value,
    )


def inputs(batch: tuple[int, ...] = ()) -> tuple[Tensor, Tensor, Tensor]:
    cost = torch.rand(*batch, 4, 3, generator=rng(0), dtype=torch.float64)
    a, b = 1.4 * random_weights(4, 1), 0.8 * random_weights(3, 2)
    return cost.requires_grad_(), a.requires_grad_(), b.requires_grad_()


@pytest.mark.parametrize("rho", PRICES)
def test_implicit_gradients_are_those_of_finite_differences(rho: tuple[float, float]) -> None:
    def of(cost: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        return everything(solved(cost, a, b, rho))

    assert torch.autograd.gradcheck(of, inputs(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("rho", PRICES)
def test_implicit_gradients_can_be_differentiated_again(rho: tuple[float, float]) -> None:
    def of(cost: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        told = everything(solved(cost, a, b, rho))
        return told[0], sum(told[1:6], torch.zeros((), dtype=torch.float64))

    assert torch.autograd.gradgradcheck(of, inputs(), atol=1e-5, rtol=1e-4, fast_mode=True)


@pytest.mark.parametrize("rho", PRICES)
def test_unrolled_gradients_tend_to_the_implicit_ones(rho: tuple[float, float]) -> None:
    """Errors fall as the contraction's rate to the power of the steps."""
    arrays = inputs()

    def slopes(gradient: ot.Gradient) -> Tensor:
        total = sum(everything(solved(*arrays, rho, gradient)), torch.zeros(()))
        return torch.cat([slope.flatten() for slope in torch.autograd.grad(total, arrays)])

    exact = slopes(EXACT)
    errors = [float((slopes(ot.Unrolled(steps)) - exact).norm() / exact.norm()) for steps in (1, 8, 400)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-8


@pytest.mark.parametrize("rho", PRICES)
def test_the_derivative_of_the_potential_solves_the_dense_system(rho: tuple[float, float]) -> None:
    """``H df = -(row masses) dr`` with ``H`` written out, for the change of one cost."""
    cost, a, b = (x.detach() for x in inputs())
    plan = solved(cost, a, b, rho, ot.Envelope())
    pi, epsilon, s_b = plan.matrix(), 0.2, 1 / (1 + 0.2 / rho[1])
    rows, columns = pi.sum(1), pi.sum(0)
    system = torch.diag(rows * (1 / epsilon + 1 / rho[0])) - s_b / epsilon * (pi / columns) @ pi.T
    # a higher cost (i, j) thins (i, j) by 1 / epsilon and lifts g_j by s_b pi_ij / columns_j
    i, j = 2, 1
    right = -s_b / epsilon * pi[:, j] * pi[i, j] / columns[j]
    right[i] += pi[i, j] / epsilon
    expected = torch.linalg.solve(system, right)
    direction = torch.zeros_like(cost)
    direction[i, j] = 1
    _, moved = torch.autograd.functional.jvp(lambda c: solved(c, a, b, rho).f, cost, direction)
    torch.testing.assert_close(moved, expected, atol=1e-8, rtol=0)


def test_batches_and_relative_prices() -> None:
    cost, a, b = inputs((2,))

    def slope(cost: Tensor, regulariser: ot.Regulariser) -> tuple[Tensor, ...]:
        problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser, rho=(0.4, 0.7))
        plan = ot.solve(problem, tolerance=1e-13, max_steps=5000, gradient=EXACT)
        return torch.autograd.grad(sum(everything(plan)).sum(), (cost, a, b))

    together = slope(cost, ot.Relative(ot.Entropic(0.2)))
    for_weights = [torch.zeros_like(a), torch.zeros_like(b)]
    for index in range(2):
        single = cost.detach()[index].clone().requires_grad_()
        mean = float(ot.mean_cost(single.detach(), a.detach(), b.detach()))
        alone = slope(single, ot.Entropic(0.2 * mean))
        torch.testing.assert_close(together[0][index], alone[0], atol=1e-8, rtol=0)
        for_weights = [total + own for total, own in zip(for_weights, alone[1:], strict=True)]
    torch.testing.assert_close(list(together[1:]), for_weights, atol=1e-8, rtol=0)


def test_gradients_at_zero_weights_are_one_sided_limits() -> None:
    def gradients(smallest: float) -> list[Tensor]:
        cost, a, b = (x.detach().clone() for x in inputs())
        a[0], b[1] = smallest, smallest
        arrays = [x.requires_grad_() for x in (cost, a, b)]
        outputs = everything(solved(*arrays, (0.4, 0.7)))
        return list(torch.autograd.grad(sum(outputs, torch.zeros(())), arrays))

    for at_zero, near in zip(gradients(0.0), gradients(1e-9), strict=True):
        assert at_zero.isfinite().all()
        torch.testing.assert_close(at_zero, near, atol=1e-6, rtol=1e-6)


def test_a_large_price_gives_the_gradients_of_kept_marginals() -> None:
    """The plan's own departure is of the order of 1 / rho, and so is that of its derivative."""
    cost = random_cost(4, 3, 0).requires_grad_()
    a, b = random_weights(4, 1), random_weights(3, 2)
    slopes = []
    for rho in (1e7, None):
        plan = solved(cost, a, b, rho)
        slopes.append(torch.autograd.grad(plan.matrix().square().sum(), cost)[0])
    torch.testing.assert_close(slopes[0], slopes[1], atol=1e-6, rtol=0)
