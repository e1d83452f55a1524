"""Marginals at a price: closed forms, another library, duality, derivatives, limits."""

import math

import ot as pot
import pytest
import torch
from ot_contracts import random_cost, random_weights
from torch import Tensor

from infot import ot
from infot.errors import ProblemError


def masses(n: int, seed: int, total: float) -> Tensor:
    return total * random_weights(n, seed)


def solve(cost: Tensor, a: Tensor, b: Tensor, epsilon: float, rho: ot.Rho, **settings: object) -> ot.Plan:
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(epsilon), rho=rho)
    arguments = {"tolerance": 1e-11, "max_steps": 5000, "on_failure": "raise", **settings}
    return ot.solve(problem, **arguments)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("rho", [(0.05, 0.05), (2.0, 0.3), (100.0, 100.0), (math.inf, 0.5)])
def test_two_diracs(epsilon: float, rho: tuple[float, float]) -> None:
    """One number is to be found: the mass p, in ``C p + eps KL(p | uv) + rho_a KL(p | u) + rho_b KL(p | v)``."""
    u, v, cost = 0.7, 1.9, 0.8
    if rho[0] == math.inf:
        log_p = math.log(u)
    else:
        weighted = epsilon * math.log(u * v) + rho[0] * math.log(u) + rho[1] * math.log(v) - cost
        log_p = weighted / (epsilon + rho[0] + rho[1])
    p = math.exp(log_p)

    def kl(p: float, q: float) -> float:
        return p * math.log(p / q) - p + q

    value = cost * p + epsilon * kl(p, u * v) + rho[1] * kl(p, v)
    value += rho[0] * kl(p, u) if rho[0] < math.inf else 0.0
    full = dict(dtype=torch.float64)
    plan = solve(
        torch.tensor([[cost]], **full), torch.tensor([u], **full), torch.tensor([v], **full), epsilon, rho
    )
    assert float(plan.matrix()) == pytest.approx(p, rel=1e-9)
    assert float(plan.value) == pytest.approx(value, rel=1e-9)
    assert float(plan.primal_value) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(("s2", "gamma"), [(0.5, 1.0), (0.25, 4.0), (0.05, 0.5)])
def test_unbalanced_gaussians_in_closed_form(s2: float, gamma: float) -> None:
    """Janati, Muzellec, Peyre, Cuturi 2020, theorem 3, at ``epsilon = 2 s2`` in one dimension."""
    (m1, mean1, v1), (m2, mean2, v2) = (1.3, 0.0, 1.0), (0.6, 1.0, 0.25)
    tau, lam = gamma / (2 * s2 + gamma), s2 + gamma / 2
    tilde1, tilde2 = (gamma / 2 * (1 - lam / (v + lam)) for v in (v1, v2))
    c = math.sqrt(tilde1 * tilde2 / tau + s2**2 / 4) - s2 / 2
    spread = v1 + v2 + lam
    mass = math.sqrt(s2) ** (s2 / (gamma + s2))
    mass *= (m1 * m2 * c * math.sqrt((tilde1 * tilde2) ** tau / (v1 * v2))) ** (1 / (tau + 1))
    mass *= math.exp(-((mean1 - mean2) ** 2) / spread / (2 * (tau + 1)))
    mass /= math.sqrt(c - 2 / gamma * tilde1 * tilde2)
    expected = gamma * (m1 + m2) + 2 * s2 * m1 * m2 - 2 * (s2 + gamma) * mass
    x = torch.linspace(-8, 9, 400, dtype=torch.float64)
    a, b = (
        m * torch.softmax(-((x - mean) ** 2) / (2 * v), 0)
        for m, mean, v in ((m1, mean1, v1), (m2, mean2, v2))
    )
    plan = solve((x[:, None] - x) ** 2, a, b, 2 * s2, gamma, tolerance=1e-9)
    assert float(plan.matrix().sum()) == pytest.approx(mass, rel=1e-6)
    assert float(plan.value) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rho", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("epsilon", [0.02, 0.2])
def test_another_library_finds_the_same_plan(epsilon: float, rho: float) -> None:
    cost, a, b = random_cost(7, 6, 0), masses(7, 1, 1.4), masses(6, 2, 0.8)
    reference = pot.unbalanced.sinkhorn_unbalanced(
        a.numpy(), b.numpy(), cost.numpy(), epsilon, rho, reg_type="kl", numItermax=100000, stopThr=1e-14
    )
    plan = solve(cost, a, b, epsilon, rho)
    torch.testing.assert_close(plan.matrix(), torch.from_numpy(reference), atol=1e-8, rtol=0)


@pytest.mark.parametrize("rho", [(0.3, 0.3), (0.3, 2.0), (math.inf, 0.3), (0.3, math.inf)])
def test_duality_optimality_and_zero_weights(rho: tuple[float, float]) -> None:
    cost, a, b = random_cost(6, 5, 0), masses(6, 1, 1.4), masses(5, 2, 0.8)
    a[0] = 0
    plan = solve(cost, a, b, 0.05, rho)
    assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-9)
    rows, columns = plan.marginals()
    if rho[0] == math.inf:
        torch.testing.assert_close(rows, a, atol=1e-10, rtol=0)
    torch.testing.assert_close(rows, a * torch.exp(-plan.f / rho[0]), atol=1e-11, rtol=0)
    torch.testing.assert_close(columns, b * torch.exp(-plan.g / rho[1]), atol=1e-10, rtol=0)
    assert (plan.matrix()[0] == 0).all()


def test_a_large_price_keeps_the_marginals() -> None:
    cost, a, b = random_cost(6, 5, 0), random_weights(6, 1), random_weights(5, 2)
    balanced = ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(0.05)), tolerance=1e-10)
    plan = solve(cost, a, b, 0.05, 1e6, tolerance=1e-10)
    torch.testing.assert_close(plan.matrix(), balanced.matrix(), atol=1e-5, rtol=0)
    torch.testing.assert_close(plan.value, balanced.value, atol=1e-5, rtol=0)
    kept = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(0.05), rho=math.inf)
    assert kept.rho is None


def test_gradients_in_cost_and_weights_are_finite_differences() -> None:
    cost, a, b = random_cost(4, 3, 0), masses(4, 1, 1.4), masses(3, 2, 0.8)
    for rho in ((0.4, 0.7), (0.4, math.inf)):

        def value(cost: Tensor, a: Tensor, b: Tensor, rho: tuple[float, float] = rho) -> Tensor:
            return ot.transport_value(solve(cost, a, b, 0.1, rho, tolerance=1e-13))

        inputs = tuple(t.clone().requires_grad_() for t in (cost, a, b))
        assert torch.autograd.gradcheck(value, inputs, atol=1e-6)


def test_a_batch_is_its_items() -> None:
    cost = torch.stack([random_cost(6, 5, 0), 3 * random_cost(6, 5, 3)])
    a, b = torch.stack([masses(6, 1, 1.0), masses(6, 4, 2.0)]), masses(5, 2, 0.5)
    batch = solve(cost, a, b, 0.1, (0.5, 1.0))
    for i in range(2):
        single = solve(cost[i], a[i], b, 0.1, (0.5, 1.0))
        torch.testing.assert_close(batch.matrix()[i], single.matrix(), atol=1e-9, rtol=0)
        torch.testing.assert_close(batch.value[i], single.value, atol=1e-9, rtol=0)
    relative = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Relative(ot.Entropic(0.1)), rho=0.5)
    plan = ot.solve(relative, tolerance=1e-10)
    torch.testing.assert_close(plan.primal_value, plan.value, atol=1e-8, rtol=0)
    mean = float(ot.mean_cost(cost[1], a[1], b))
    torch.testing.assert_close(
        plan.value[1], solve(cost[1], a[1], b, 0.1 * mean, 0.5).value, atol=1e-8, rtol=0
    )


def test_small_epsilon_is_approached_and_failures_are_told() -> None:
    cost, a, b = random_cost(30, 40, 0), masses(30, 1, 1.2), masses(40, 2, 1.0)
    plan = solve(cost, a, b, 1e-3, 10.0, tolerance=1e-8)
    assert plan.n_steps < 2000
    assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-7)
    short = solve(cost, a, b, 1e-3, 10.0, tolerance=1e-12, max_steps=3, on_failure="return")
    assert short.status is ot.Status.MAX_STEPS and not short.converged and short.n_steps == 3
    assert float(short.marginal_error) > 1e-12
    warm = solve(cost, a, b, 1e-3, 10.0, tolerance=1e-6, start=plan)
    assert warm.n_steps <= 3


@pytest.mark.parametrize("rho", [0.0, -1.0, float("nan"), (1.0, 0.0)])
def test_prices_must_be_positive(rho: ot.Rho) -> None:
    with pytest.raises(ProblemError, match="positive rho"):
        ot.OTProblem(cost=torch.rand(3, 3), regulariser=ot.Entropic(0.1), rho=rho)


def test_solvers_that_keep_marginals_say_so() -> None:
    problem = ot.OTProblem(cost=torch.rand(4, 3), regulariser=ot.Entropic(0.1), rho=1.0)
    for solver in (ot.Sinkhorn(), ot.SemiDual()):
        with pytest.raises(ProblemError, match="keeps both marginals"):
            ot.solve(problem, solver=solver)
    with pytest.raises(ProblemError, match="with rho"):
        ot.solve(ot.OTProblem(cost=torch.rand(4, 3), regulariser=ot.Quadratic(0.1), rho=1.0))
    balanced = ot.OTProblem(cost=torch.rand(4, 3), regulariser=ot.Entropic(0.1))
    with pytest.raises(ProblemError, match="problems without"):
        ot.solve(balanced, solver=ot.UnbalancedSinkhorn())
    with pytest.raises(ProblemError, match="nothing to round to|kept marginals"):
        ot.solve(problem).round()
    with pytest.raises(ProblemError, match="positive, finite sum"):
        ot.OTProblem(cost=torch.rand(2, 2), regulariser=ot.Entropic(0.1), a=torch.zeros(2), rho=1.0)


def dirac_value(u: float, v: float, cost: float, epsilon: float, rho: float) -> float:
    """The value between two diracs, at the mass that minimises it."""
    p = math.exp((epsilon * math.log(u * v) + rho * math.log(u * v) - cost) / (epsilon + 2 * rho))

    def kl(p: float, q: float) -> float:
        return p * math.log(p / q) - p + q

    return cost * p + epsilon * kl(p, u * v) + rho * (kl(p, u) + kl(p, v))


@pytest.mark.parametrize("rho", [0.05, 1.0, 50.0])
@pytest.mark.parametrize("epsilon", [0.05, 2.0])
def test_the_divergence_between_two_diracs_of_different_mass(epsilon: float, rho: float) -> None:
    u, v = 0.7, 1.9
    x, y = (torch.tensor([[z]], dtype=torch.float64) for z in (0.0, 0.6))
    a, b = (torch.tensor([w], dtype=torch.float64) for w in (u, v))
    settings = {"epsilon": epsilon, "rho": rho, "tolerance": 1e-12, "on_failure": "raise"}
    expected = dirac_value(u, v, 0.36, epsilon, rho) + epsilon / 2 * (u - v) ** 2
    expected -= (dirac_value(u, u, 0.0, epsilon, rho) + dirac_value(v, v, 0.0, epsilon, rho)) / 2
    assert expected > 0
    assert float(ot.unbalanced_divergence(x, y, a, b, **settings)) == pytest.approx(expected, abs=1e-9)


def test_the_divergence_is_positive_zero_on_equal_measures_and_balanced_in_the_limit() -> None:
    x, y = (
        torch.randn(n, 2, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (5, 4)
    )
    a, b = masses(5, 1, 1.4), masses(4, 2, 0.8)
    settings = {"epsilon": 0.3, "tolerance": 1e-11, "max_steps": 5000, "on_failure": "raise"}
    for first, second in ((a, b), (a / a.sum(), b / b.sum())):
        assert ot.unbalanced_divergence(x, y, first, second, rho=0.5, **settings) > 0
    assert float(ot.unbalanced_divergence(x, x.flip(0), a, a.flip(0), rho=0.5, **settings)) == pytest.approx(
        0, abs=1e-9
    )
    kept = ot.sinkhorn_divergence(x, y, a / a.sum(), b / b.sum(), **settings)
    priced = ot.unbalanced_divergence(x, y, a / a.sum(), b / b.sum(), rho=1e6, **settings)
    assert float(priced) == pytest.approx(float(kept), abs=1e-4)


def test_gradients_of_the_divergence_in_points_and_masses_are_finite_differences() -> None:
    x, y = (
        torch.randn(n, 2, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (3, 4)
    )

    def divergence(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return ot.unbalanced_divergence(x, y, a, b, epsilon=0.4, rho=0.7, tolerance=1e-12, max_steps=5000)

    inputs = tuple(t.requires_grad_() for t in (x, y, masses(3, 1, 1.4), masses(4, 2, 0.8)))
    assert torch.autograd.gradcheck(divergence, inputs, atol=1e-6)


def test_a_divergence_has_one_price_of_its_marginals() -> None:
    x = torch.rand(3, 2)
    for rho in (0.0, -1.0, math.inf):
        with pytest.raises(ProblemError, match="one positive, finite rho"):
            ot.unbalanced_divergence(x, x, epsilon=0.1, rho=rho)


@pytest.mark.parametrize("structured", [False, True])
def test_every_item_of_a_batch_may_have_a_price_of_its_own(structured: bool) -> None:
    cost = torch.stack([random_cost(6, 5, seed) for seed in range(3)])
    regulariser: ot.Regulariser = ot.Entropic(0.1)
    if structured:
        regulariser = ot.Structured(regulariser, blocks=ot.Blocks((3, 2)), epsilon_code=0.05)
    left, right = torch.tensor([0.1, math.inf, 2.0], dtype=cost.dtype), 0.7

    def solved(costs: Tensor, rho: ot.Rho) -> ot.Plan:
        problem = ot.OTProblem(cost=costs, regulariser=regulariser, rho=rho)
        return ot.solve(problem, tolerance=1e-9, max_steps=5000, on_failure="raise")

    together = solved(cost, (left, right))
    alone = [solved(item, (float(price), right)) for item, price in zip(cost, left, strict=True)]
    torch.testing.assert_close(
        together.matrix(), torch.stack([plan.matrix() for plan in alone]), atol=1e-8, rtol=0
    )


@pytest.mark.parametrize("rho", [torch.ones(2), (torch.ones(3), torch.tensor([1.0, -1.0, 1.0]))])
def test_prices_that_fit_no_batch_or_are_not_positive_are_refused(rho: ot.Rho) -> None:
    with pytest.raises(ProblemError, match="rho"):
        ot.OTProblem(cost=torch.rand(3, 4, 5), regulariser=ot.Entropic(0.1), rho=rho)
