"""Structured plans whose marginals have a price: generic optimisers, duality, limits, readings, derivatives."""

import math
from itertools import pairwise

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ProblemError

ONE = ot.Structured(ot.Entropic(0.3), ot.Blocks(code=(2, 3)), epsilon_code=0.05)
ORDERED = ot.Structured(ot.Entropic(0.4), ot.Blocks(code=(2, 2, 2)), epsilon_code=(0.05, 0.2))
PRICES = [(0.4, 0.7), (0.4, math.inf), (math.inf, 0.7)]


def inputs(regulariser: ot.Structured) -> tuple[Tensor, Tensor, Tensor]:
    n = regulariser.blocks.n_rows
    return random_cost(n, 4, 0), 1.4 * random_weights(n, 1), 0.8 * random_weights(4, 2)


def solve(
    cost: Tensor, a: Tensor, b: Tensor, rho: ot.Rho, regulariser: ot.Regulariser, **settings: object
) -> ot.Plan:
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser, rho=rho)
    arguments = {"tolerance": 1e-12, "max_steps": 5000, "on_failure": "raise", **settings}
    return ot.solve(problem, **arguments)  # pyright: ignore[reportArgumentType]


def minimised(loss, start: Tensor) -> Tensor:
    """Return the minimiser that L-BFGS finds."""
    x = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [x], max_iter=3000, tolerance_grad=1e-13, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss(x)
        value.backward()
        return value

    optimiser.step(closure)
    return x.detach()


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p / q).log() - p + q).sum()


def charge(pi: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """``epsilon I(e; x | c)`` and ``epsilon_code`` of (code, datum) against ``a x b``, from the masses, for ``ONE``."""
    codes, of_code = pi.reshape(2, 3, 4).sum(1), a.reshape(2, 3).sum(1)
    spread = (a.reshape(2, 3, 1) / of_code.reshape(2, 1, 1) * codes.unsqueeze(1)).reshape(6, 4)
    return 0.3 * kl(pi, spread) + 0.05 * kl(codes, of_code[:, None] * b)


@pytest.mark.parametrize("rho", [(0.4, 0.7), (0.05, 2.0)])
def test_a_generic_optimiser_of_the_primal_finds_the_same_plan(rho: tuple[float, float]) -> None:
    cost, a, b = inputs(ONE)

    def primal(pi: Tensor) -> Tensor:
        return (cost * pi).sum() + charge(pi, a, b) + rho[0] * kl(pi.sum(1), a) + rho[1] * kl(pi.sum(0), b)

    log_pi = minimised(lambda x: primal(x.exp()), (a[:, None] * b).log())
    plan = solve(cost, a, b, rho, ONE)
    torch.testing.assert_close(plan.matrix(), log_pi.exp(), atol=1e-6, rtol=0)
    assert float(plan.value) == pytest.approx(float(primal(log_pi.exp())), abs=1e-10)


@pytest.mark.parametrize("rho", PRICES)
@pytest.mark.parametrize("regulariser", [ONE, ORDERED])
def test_a_generic_optimiser_of_the_dual_finds_the_same_potentials(
    regulariser: ot.Structured, rho: tuple[float, float]
) -> None:
    """Both potentials free, the conjugates as the regulariser and the divergences define them."""
    cost, a, b = inputs(regulariser)
    n = len(a)

    def lost(both: Tensor) -> Tensor:
        f, g = both[:n], both[n:]
        slack = (f.unsqueeze(-1) + g - cost).unsqueeze(0)
        total = (b * regulariser.conjugate(slack, a.unsqueeze(0))).sum()
        for weights, potential, price in ((a, f, rho[0]), (b, g, rho[1])):
            if price == math.inf:
                total = total - (weights * potential).sum()
            else:
                total = total + (weights * price * torch.expm1(-potential / price)).sum()
        return total

    both = minimised(lost, torch.zeros(n + 4, dtype=torch.float64))
    plan = solve(cost, a, b, rho, regulariser)
    torch.testing.assert_close(torch.cat([plan.f, plan.g]), both, atol=1e-6, rtol=0)
    assert float(plan.value) == pytest.approx(-float(lost(both)), abs=1e-10)


@pytest.mark.parametrize("rho", PRICES)
@pytest.mark.parametrize("regulariser", [ONE, ORDERED])
def test_duality_optimality_and_zero_weights(regulariser: ot.Structured, rho: tuple[float, float]) -> None:
    cost, a, b = inputs(regulariser)
    a[1], b[0] = 0, 0
    plan = solve(cost, a, b, rho, regulariser)
    assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-9)
    rows, columns = plan.marginals()
    torch.testing.assert_close(rows, a * torch.exp(-plan.f / rho[0]), atol=1e-11, rtol=0)
    torch.testing.assert_close(columns, b * torch.exp(-plan.g / rho[1]), atol=1e-10, rtol=0)
    assert (plan.matrix()[1] == 0).all() and plan.density().isfinite().all()


def test_equal_prices_are_plain_smoothing() -> None:
    cost, a, b = inputs(ONE)
    level = ot.Structured(ot.Entropic(0.3), ONE.blocks, epsilon_code=0.3)
    structured, plain = (
        solve(cost, a, b, (0.4, 0.7), regulariser) for regulariser in (level, ot.Entropic(0.3))
    )
    torch.testing.assert_close(structured.matrix(), plain.matrix(), atol=1e-10, rtol=0)
    torch.testing.assert_close(structured.value, plain.value, atol=1e-10, rtol=0)


def test_the_perturbed_cost_has_the_same_plan_under_plain_smoothing() -> None:
    cost, a, b = inputs(ONE)
    plan = solve(cost, a, b, (0.4, 0.7), ONE)
    ordinary = solve(plan.perturbed_cost(), a, b, (0.4, 0.7), ot.Entropic(0.3))
    torch.testing.assert_close(ordinary.matrix(), plan.matrix(), atol=1e-10, rtol=0)
    rebate = 0.25 * plan.code_density().log()
    torch.testing.assert_close(
        cost - plan.perturbed_cost(), rebate.repeat_interleave(3, 0), atol=1e-9, rtol=0
    )


def test_a_large_price_keeps_the_marginals() -> None:
    """What the marginals depart by is of the order of the potentials over rho."""
    cost, a, b = random_cost(6, 4, 0), random_weights(6, 1), random_weights(4, 2)
    kept = ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=ONE), tolerance=1e-11)
    plan = solve(cost, a, b, 1e6, ONE, tolerance=1e-10)
    torch.testing.assert_close(plan.matrix(), kept.matrix(), atol=1e-5, rtol=0)
    torch.testing.assert_close(plan.value, kept.value, atol=1e-5, rtol=0)


def test_plain_steps_never_lower_the_semidual_and_end_where_accelerated_ones_do() -> None:
    cost, a, b = inputs(ONE)
    values = []
    for steps in range(1, 30):
        settings = {"solver": ot.UnbalancedNested(memory=0), "max_steps": steps, "on_failure": "return"}
        values.append(float(solve(cost, a, b, (0.4, 0.7), ONE, **settings).value))
    assert all(later >= earlier - 1e-14 for earlier, later in pairwise(values))
    assert values[-1] == pytest.approx(float(solve(cost, a, b, (0.4, 0.7), ONE).value), abs=1e-6)


def test_informations_are_those_of_the_plan_over_its_mass() -> None:
    cost, a, b = inputs(ONE)
    for regulariser in (ONE, ot.Entropic(0.1)):
        problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser, rho=0.2, blocks=ONE.blocks)
        plan = ot.solve(problem, tolerance=1e-11)
        joint = plan.matrix() / plan.matrix().sum()
        assert abs(float(plan.matrix().sum()) - 1) > 0.1

        def information(p: Tensor) -> Tensor:
            return (p * (p / (p.sum(1, keepdim=True) * p.sum(0))).log()).sum()

        torch.testing.assert_close(plan.mutual_information("latent"), information(joint), atol=1e-12, rtol=0)
        codes = joint.reshape(2, 3, 4).sum(1)
        torch.testing.assert_close(plan.mutual_information("code"), information(codes), atol=1e-12, rtol=0)
        assert plan.conditional_information() >= 0 and plan.mutual_information("code") >= 0


@pytest.mark.parametrize("gradient", [ot.Envelope(), ot.Implicit(tolerance=1e-13)])
@pytest.mark.parametrize("rho", PRICES)
def test_gradients_are_finite_differences(rho: tuple[float, float], gradient: ot.Gradient) -> None:
    row = torch.randn(8, generator=rng(12), dtype=torch.float64)
    y = torch.randn(4, 8, generator=rng(11), dtype=torch.float64)
    regulariser = ot.Scaled(ORDERED, 0.5)

    def told(cost: Tensor, a: Tensor, b: Tensor) -> Tensor:
        plan = solve(cost, a, b, rho, regulariser, tolerance=1e-13, gradient=gradient)
        if isinstance(gradient, ot.Envelope):
            return plan.value
        projection = plan.barycentric_projection(y)
        parts = (plan.value, plan.f @ row, plan.g.square().sum(), row @ projection @ row, plan.primal_value)
        return torch.stack([*parts, plan.mutual_information("code"), plan.perturbed_cost().square().sum()])

    arrays = tuple(x.requires_grad_() for x in inputs(ORDERED))
    assert torch.autograd.gradcheck(told, arrays, atol=1e-6, rtol=1e-5, fast_mode=True)


def test_steps_of_the_fixed_point_give_the_same_gradients_and_again() -> None:
    cost, a, b = (x.requires_grad_() for x in inputs(ONE))

    def slopes(gradient: ot.Gradient) -> tuple[Tensor, ...]:
        plan = solve(cost, a, b, (0.4, 0.7), ONE, tolerance=1e-13, gradient=gradient)
        (first,) = torch.autograd.grad(plan.value + plan.f.square().sum(), a, create_graph=True)
        return (first, *torch.autograd.grad(first.square().sum(), (cost, a, b)))

    exact, summed = slopes(ot.Implicit(tolerance=1e-13)), slopes(ot.Unrolled(400))
    for one, other in zip(exact, summed, strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-7)


def test_a_batch_is_its_items_and_takes_relative_prices() -> None:
    cost, a, b = inputs(ONE)
    costs = torch.stack([cost, 3 * random_cost(6, 4, 3)])
    relative = solve(costs, a, b, (0.4, 0.7), ot.Relative(ONE), tolerance=1e-11)
    assert relative.converged.tolist() == [True, True]
    for index in range(2):
        single = ONE.times(float(ot.mean_cost(costs[index], a, b)))
        alone = solve(costs[index], a, b, (0.4, 0.7), single)
        torch.testing.assert_close(relative.matrix()[index], alone.matrix(), atol=1e-9, rtol=0)
        torch.testing.assert_close(relative.value[index], alone.value, atol=1e-9, rtol=0)


def test_small_prices_are_approached_and_failures_are_told() -> None:
    cost, a, b = random_cost(40, 30, 0), 1.2 * random_weights(40, 1), random_weights(30, 2)
    small = ot.Structured(ot.Entropic(0.01), ot.Blocks(code=(4, 10)), epsilon_code=2e-3)
    plan = solve(cost, a, b, (1.0, 1.0), small, tolerance=1e-7)
    assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-6)
    short = solve(cost, a, b, (1.0, 1.0), small, max_steps=3, on_failure="return")
    assert short.status is ot.Status.MAX_STEPS and not short.converged and short.n_steps == 3
    warm = solve(cost, a, b, (1.0, 1.0), small, tolerance=1e-5, start=plan)
    assert warm.n_steps <= 30


def test_far_data_are_dropped() -> None:
    """At distance 900 and price 1 a nat a datum keeps ``exp(-900 / (rho + epsilon_code))`` of its weight."""
    x = torch.rand(6, 1, generator=rng(0), dtype=torch.float64)
    y = torch.cat(
        [torch.rand(4, 1, generator=rng(1), dtype=torch.float64), torch.full((1, 1), 30.0).double()]
    )
    plan = ot.solve(ot.OTProblem.from_points(x, y, regulariser=ONE, rho=(math.inf, 1.0)), tolerance=1e-10)
    assert float(plan.marginals()[1][-1]) < 1e-9
    assert plan.solution.solver.startswith("UnbalancedNested")


def test_what_it_does_not_solve_is_named() -> None:
    cost = random_cost(6, 4, 0)
    with pytest.raises(ProblemError, match="UnbalancedNested solves Structured problems .* use Nested"):
        ot.solve(ot.OTProblem(cost=cost, regulariser=ONE), solver=ot.UnbalancedNested())
    with pytest.raises(
        ProblemError, match="Nested keeps both marginals; use UnbalancedSinkhorn or UnbalancedNested"
    ):
        ot.solve(ot.OTProblem(cost=cost, regulariser=ONE, rho=1.0), solver=ot.Nested())
    rewarded = ot.Structured(ot.Entropic(0.3), ONE.blocks, epsilon_code=0.0)
    with pytest.raises(ProblemError, match="or Structured with epsilon_code > 0, with rho"):
        ot.solve(ot.OTProblem(cost=cost, regulariser=rewarded, rho=1.0))
