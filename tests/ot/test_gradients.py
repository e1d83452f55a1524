"""Gradients of values and plans against finite differences, with non-uniform and zero weights, and in batches."""

from collections.abc import Callable

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ConvergenceWarning, ProblemError

REGULARISERS = {
    "entropic": ot.Entropic(0.2),
    "structured": ot.Structured(ot.Entropic(0.3), ot.Blocks(code=(2, 2)), epsilon_code=0.1),
    "scaled": ot.Scaled(ot.Structured(ot.Entropic(0.1), ot.Blocks(code=(2, 2)), epsilon_code=0.05), 3.0),
    "ordered": ot.Structured(ot.Entropic(0.4), ot.Blocks(code=(2, 1, 2)), epsilon_code=(0.1, 0.2)),
}
EXACT = ot.Implicit(tolerance=1e-12)


def solved(gradient: ot.Gradient, regulariser: ot.Regulariser, cost: Tensor, a: Tensor, b: Tensor) -> ot.Plan:
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser)
    return ot.solve(problem, tolerance=1e-13, max_steps=5000, gradient=gradient, on_failure="return")


def everything(plan: ot.Plan) -> tuple[Tensor, ...]:
    """Return what a plan tells, contracted with fixed numbers so that gradients in all directions count."""
    y = torch.randn(plan.problem.cost.shape[-1], 2, generator=rng(11), dtype=torch.float64)
    y = y.expand(*plan.problem.cost.shape[:-2], -1, -1)
    row = torch.randn(plan.f.shape[-1], generator=rng(12), dtype=torch.float64)
    return (
        plan.value,
        (plan.f * row).sum(-1),
        plan.g.square().sum(-1),
        (plan.matrix() @ y).square().sum((-2, -1)),
        (plan.barycentric_projection(y) * row.unsqueeze(-1)).sum((-2, -1)),
        plan.mutual_information("latent"),
        plan.transport_cost,
        plan.primal_value,
    )


def loss(
    gradient: ot.Gradient,
    regulariser: ot.Regulariser,
    parts: Callable[[ot.Plan], tuple[Tensor, ...]] = everything,
) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]:
    """Return a function of cost and of weights that stay on the simplex under any change."""

    def of(cost: Tensor, p: Tensor, q: Tensor) -> tuple[Tensor, ...]:
        a, b = (w / w.sum(-1, keepdim=True) for w in (p, q))
        return parts(solved(gradient, regulariser, cost, a, b))

    return of


def inputs(batch: tuple[int, ...] = ()) -> tuple[Tensor, Tensor, Tensor]:
    cost = torch.rand(*batch, 4, 3, generator=rng(0), dtype=torch.float64)
    p, q = (torch.rand(*batch, n, generator=rng(n), dtype=torch.float64) + 0.2 for n in (4, 3))
    return cost.requires_grad_(), p.requires_grad_(), q.requires_grad_()


@pytest.mark.parametrize("name", REGULARISERS)
def test_implicit_gradients_are_those_of_finite_differences(name: str) -> None:
    assert torch.autograd.gradcheck(loss(EXACT, REGULARISERS[name]), inputs(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", REGULARISERS)
def test_implicit_gradients_can_be_differentiated_again(name: str) -> None:
    some = loss(
        EXACT, REGULARISERS[name], lambda plan: (everything(plan)[0], sum(everything(plan)[2:6], plan.f[0]))
    )
    assert torch.autograd.gradgradcheck(some, inputs(), atol=1e-5, rtol=1e-4, fast_mode=True)


def test_batches_may_share_weights() -> None:
    cost, p, _ = inputs((2,))
    q = inputs()[2]
    assert torch.autograd.gradcheck(
        loss(EXACT, REGULARISERS["structured"]), (cost, p, q), atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize("name", ["entropic", "structured"])
def test_gradients_at_zero_weights_are_one_sided_limits(name: str) -> None:
    """Zero weights cannot go below zero, so their derivative is the limit of those at small positive weights."""

    def gradients(smallest: float) -> list[Tensor]:
        cost, p, q = (x.detach().clone() for x in inputs())
        p[0], q[1] = smallest, smallest
        arrays = [x.requires_grad_() for x in (cost, p, q)]
        outputs = loss(EXACT, REGULARISERS[name])(*arrays)
        return list(torch.autograd.grad(sum(outputs, torch.zeros(())), arrays))

    for at_zero, near in zip(gradients(0.0), gradients(1e-9), strict=True):
        assert at_zero.isfinite().all()
        torch.testing.assert_close(at_zero, near, atol=1e-6, rtol=1e-6)


def test_relative_prices_in_a_batch_follow_each_items_own_mean() -> None:
    """The mean cost is held, so the gradients are those at the prices that it gave."""
    costs = torch.stack([random_cost(4, 3, 0), 5 * random_cost(4, 3, 1)]).requires_grad_()

    def slope(problem: ot.OTProblem, cost: Tensor) -> Tensor:
        plan = ot.solve(problem, tolerance=1e-12, gradient=EXACT)
        return torch.autograd.grad(plan.matrix().square().sum() + plan.g.square().sum(), cost)[0]

    relative = slope(ot.OTProblem(cost=costs, regulariser=ot.Relative(ot.Entropic(0.2))), costs)
    for index in range(2):
        cost = costs[index].detach().clone().requires_grad_()
        regulariser = ot.Entropic(0.2 * float(cost.detach().mean()))
        torch.testing.assert_close(
            relative[index], slope(ot.OTProblem(cost=cost, regulariser=regulariser), cost)
        )


def test_padding_gets_no_gradient() -> None:
    cost = torch.full((1, 5, 4), torch.nan, dtype=torch.float64)
    cost[0, :4, :3] = random_cost(4, 3, 0)
    cost.requires_grad_()
    masks = {"row_mask": torch.arange(5).unsqueeze(0) < 4, "column_mask": torch.arange(4).unsqueeze(0) < 3}
    plan = ot.solve(
        ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.2), **masks), tolerance=1e-12, gradient=EXACT
    )
    (slope,) = torch.autograd.grad(plan.matrix().square().sum(), cost)
    small = random_cost(4, 3, 0).requires_grad_()
    alone = ot.solve(ot.OTProblem(cost=small, regulariser=ot.Entropic(0.2)), tolerance=1e-12, gradient=EXACT)
    torch.testing.assert_close(slope[0, :4, :3], torch.autograd.grad(alone.matrix().square().sum(), small)[0])
    assert (slope[0, 4:] == 0).all() and (slope[0, :, 3:] == 0).all()


def test_gradients_in_weights_are_centred() -> None:
    cost, a, b = (
        random_cost(4, 3, 0),
        random_weights(4, 1).requires_grad_(),
        random_weights(3, 2).requires_grad_(),
    )
    for gradient in (ot.Envelope(), EXACT, ot.Unrolled(3)):
        value = solved(gradient, ot.Entropic(0.1), cost, a, b).value
        for weights, slope in zip((a, b), torch.autograd.grad(value, (a, b)), strict=True):
            assert float((weights.detach() * slope).sum()) == pytest.approx(0, abs=1e-14)


def test_the_envelope_holds_for_every_regulariser() -> None:
    regularisers = [
        *REGULARISERS.values(),
        ot.Quadratic(0.3),
        ot.GroupLasso(0.3, 0.3, ot.Blocks(code=(2, 2))),
        ot.Scaled(ot.Quadratic(0.1), 2.0),
        ot.Rebated(ot.Entropic(0.3), (2, 2), (ot.Rebate((0,), 0.1), ot.Rebate((1,), 0.05, ot.ChiSquare()))),
        ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(2, 2)), epsilon_code=-0.02),
    ]
    for regulariser in regularisers:
        value = loss(ot.Envelope(), regulariser, lambda plan: (plan.value,))
        assert torch.autograd.gradcheck(value, inputs(), atol=1e-5, rtol=1e-4, fast_mode=True)


@pytest.mark.parametrize("name", REGULARISERS)
def test_unrolled_gradients_tend_to_the_implicit_ones(name: str) -> None:
    arrays = inputs()

    def slopes(gradient: ot.Gradient) -> Tensor:
        total = sum(loss(gradient, REGULARISERS[name])(*arrays), torch.zeros(()))
        return torch.cat([slope.flatten() for slope in torch.autograd.grad(total, arrays)])

    exact = slopes(EXACT)
    errors = [float((slopes(ot.Unrolled(steps)) - exact).norm() / exact.norm()) for steps in (1, 4, 400)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-8


def test_a_plan_without_a_wish_for_gradients_carries_none() -> None:
    cost, p, q = inputs()
    problem = ot.OTProblem(cost=cost, a=p / p.sum(), b=q / q.sum(), regulariser=ot.Entropic(0.2))
    plan = ot.solve(problem)
    assert not (plan.value.requires_grad or plan.matrix().requires_grad or plan.f.requires_grad)


@pytest.mark.parametrize("name", REGULARISERS)
def test_attaching_keeps_the_plan(name: str) -> None:
    cost, p, q = inputs()
    a, b = p / p.sum(), q / q.sum()
    for gradient in (EXACT, ot.Unrolled(2)):
        attached, plain = (solved(how, REGULARISERS[name], cost, a, b) for how in (gradient, ot.Envelope()))
        torch.testing.assert_close(attached.matrix(), plain.matrix(), atol=1e-10, rtol=0)
        torch.testing.assert_close(attached.value, plain.value, atol=1e-12, rtol=0)
        torch.testing.assert_close(attached.perturbed_cost(), plain.perturbed_cost(), atol=1e-9, rtol=0)
        torch.testing.assert_close((attached.f * a).sum(), (attached.g * b).sum())


def test_single_precision_gradients_are_close() -> None:
    cost, p, q = inputs()
    regulariser = REGULARISERS["structured"]
    exact = torch.autograd.grad(sum(loss(EXACT, regulariser)(cost, p, q), torch.zeros(())), cost)[0]
    single = [x.detach().float().requires_grad_() for x in (cost, p, q)]
    problem = ot.OTProblem(
        cost=single[0], a=single[1] / single[1].sum(), b=single[2] / single[2].sum(), regulariser=regulariser
    )
    plan = ot.solve(problem, tolerance=1e-6, gradient=ot.Implicit(tolerance=1e-5))
    y = torch.randn(3, 2, generator=rng(11), dtype=torch.float64).float()
    row = torch.randn(4, generator=rng(12), dtype=torch.float64).float()
    total = (
        plan.value
        + (plan.f * row).sum()
        + plan.g.square().sum()
        + (plan.matrix() @ y).square().sum()
        + (plan.barycentric_projection(y) * row.unsqueeze(-1)).sum()
        + plan.mutual_information("latent")
        + plan.transport_cost
        + plan.primal_value
    )
    torch.testing.assert_close(torch.autograd.grad(total, single[0])[0].double(), exact, atol=1e-4, rtol=1e-3)


def test_a_linear_solve_that_misses_its_tolerance_warns() -> None:
    cost, p, q = inputs()
    plan = solved(
        ot.Implicit(tolerance=1e-12, max_steps=1), ot.Entropic(0.05), cost, p / p.sum(), q / q.sum()
    )
    with pytest.warns(ConvergenceWarning, match="relative residual .* allow more steps"):
        plan.matrix().square().sum().backward()


HELD: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "transport_value": lambda x, y: ot.transport_value(
        ot.solve(ot.OTProblem.from_points(x, y, regulariser=ot.Entropic(0.3)))
    ),
    "Envelope": lambda x, y: (
        ot.solve(ot.OTProblem.from_points(x, y, regulariser=ot.Entropic(0.3)), gradient=ot.Envelope()).value
    ),
    "sinkhorn_divergence": lambda x, y: ot.sinkhorn_divergence(x, y, epsilon=0.3),
    "at small epsilon": lambda x, y: ot.sinkhorn_divergence(x, y, epsilon=1e-3, tolerance=1e-3),
    "unbalanced_divergence": lambda x, y: ot.unbalanced_divergence(x, y, epsilon=0.3, rho=1.0),
    "structured_divergence": lambda x, y: ot.structured_divergence(
        x, y, ot.Structured(ot.Entropic(0.3), ot.Blocks(code=(2, 2)), epsilon_code=0.1)
    ),
    "cloud_divergence": lambda x, y: ot.cloud_divergence(ot.CloudProblem(x, y, ot.Entropic(0.3))),
    "semidual_value": lambda x, y: ot.semidual_value(
        ot.OTProblem.from_points(x, y, regulariser=ot.Entropic(0.3)), x.square().sum(-1)
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_a_gradient_that_holds_the_plan_is_not_differentiable_again(name: str) -> None:
    """A second derivative of the ground cost alone, without the plan's, would be wrong without a word."""
    x = torch.randn(4, 2, generator=rng(0), dtype=torch.float64, requires_grad=True)
    y = torch.randn(5, 2, generator=rng(1), dtype=torch.float64)
    (once,) = torch.autograd.grad(HELD[name](x, y), x)
    (slope,) = torch.autograd.grad(HELD[name](x, y), x, create_graph=True)
    torch.testing.assert_close(slope, once)
    for scalar in (slope[0, 0], (slope * x).sum()):
        with pytest.raises(ProblemError, match=r"not differentiable again; use gradient=Implicit\(\)"):
            torch.autograd.grad(scalar, x, retain_graph=True)


def test_what_cannot_be_differentiated_is_refused() -> None:
    cost = random_cost(4, 3, 0)
    blocks = ot.Blocks(code=(2, 2))
    rewarded = ot.Structured(ot.Entropic(0.1), blocks, epsilon_code=-0.01)
    with pytest.raises(
        ProblemError, match="gradients of plans: .* got epsilon_code=-0.01; the gradient of the value"
    ):
        ot.solve(ot.OTProblem(cost=cost, regulariser=rewarded), gradient=ot.Implicit(), on_failure="return")
    empty = torch.tensor([0.0, 0.0, 0.5, 0.5], dtype=torch.float64)
    with pytest.raises(ProblemError, match="every code to weigh something"):
        ot.solve(
            ot.OTProblem(cost=cost, a=empty, regulariser=REGULARISERS["structured"]), gradient=ot.Unrolled(1)
        )
    with pytest.raises(ProblemError, match="steps >= 1"):
        ot.Unrolled(0)
    with pytest.raises(ProblemError, match="tolerance > 0 and max_steps >= 1"):
        ot.Implicit(tolerance=0.0)
