"""Other libraries as oracles: RegOT to high precision, POT and GeomLoss; fixtures from their own tests."""

import numpy as np
import ot as pot
import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot


def uniform(n: int) -> np.ndarray:
    return np.full(n, 1 / n)


def smooth_ot() -> tuple[Tensor, Tensor, Tensor]:
    """Return the problem of mblondel/smooth-ot's tests."""
    random = np.random.RandomState(0)
    a, b, cost = random.rand(5), random.rand(8), random.rand(5, 8)
    return torch.from_numpy(cost), torch.from_numpy(a / a.sum()), torch.from_numpy(b / b.sum())


@pytest.mark.parametrize(("epsilon", "value"), [(0.1, 0.302136), (1.0, 0.470241)])
@pytest.mark.parametrize(
    "solver", [ot.Sinkhorn(), ot.SemiDual(), ot.Newton()], ids=lambda s: type(s).__name__
)
def test_the_fixture_of_smooth_ot(solver: ot.Solver, epsilon: float, value: float) -> None:
    """Six digits that primal and dual agree on, for ``epsilon KL(pi | a x b)``."""
    cost, a, b = smooth_ot()
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(epsilon))
    plan = ot.solve(problem, solver=solver, tolerance=1e-9, on_failure="raise")
    assert float(plan.value) == pytest.approx(value, abs=1e-6)
    assert float(plan.primal_value) == pytest.approx(value, abs=1e-6)


class OnEntries(ot.Regulariser):
    """The convention of smooth-ot: a charge on the entries ``t = a b d`` of a plan, not on its density ``d``.

    ``sum_x sum_g gamma [(1 - share) / 2 |t_g|^2 + share |t_g|]`` over data ``x`` and groups ``g`` of rows, in closed
    form ``t_g = max(0, 1 - gamma share / |s_g+|) s_g+ / (gamma (1 - share))``, with ``s+`` the positive part of the
    slack. A column is charged ``b(x) omega(d)``, so ``omega`` has to know ``b``.
    """

    def __init__(self, gamma: float, share: float, groups: list[list[int]], b: Tensor) -> None:
        self.ridge, self.norm, self.b = gamma * (1 - share), gamma * share, b
        self.member = torch.zeros(len(groups), sum(map(len, groups)), dtype=torch.float64)
        for index, group in enumerate(groups):
            self.member[index, group] = 1.0

    def entries(self, slack: Tensor) -> Tensor:
        positive = slack.clamp_min(0)
        sizes = (self.member @ positive.square()).sqrt()
        kept = (1 - self.norm / sizes.clamp_min(1e-300)).clamp_min(0)
        return (self.member.mT @ kept) * positive / self.ridge

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        squares = self.member @ (a.unsqueeze(-1) * self.b * density).square()
        return (self.ridge / 2 * squares + self.norm * squares.sqrt()).sum(-2) / self.b

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        sizes = (self.member @ slack.clamp_min(0).square()).sqrt()
        return (sizes - self.norm).clamp_min(0).square().sum(-2) / (2 * self.ridge * self.b)

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        return self.entries(slack) / (a.unsqueeze(-1) * self.b)


ALONE, IN_GROUPS = [[0], [1], [2], [3], [4]], [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("gamma", "share", "groups", "value", "filled"),
    [
        (0.1, 0.0, ALONE, 0.203977, 12),
        (1.0, 0.0, ALONE, 0.246167, 15),
        (0.1, 0.2, IN_GROUPS, 0.221586, 24 - 14),
        (1.0, 0.2, IN_GROUPS, 0.421468, None),
        (1.0, 0.6, IN_GROUPS, 0.755700, None),
    ],
)
def test_the_fixtures_of_smooth_ot_on_entries(
    gamma: float, share: float, groups: list[list[int]], value: float, filled: int | None
) -> None:
    """Squared L2 and group lasso, six digits that primal and dual agree on; groups of entries that are filled."""
    cost, a, b = smooth_ot()
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=OnEntries(gamma, share, groups, b))
    plan = ot.solve(problem, solver=ot.SemiDual(), tolerance=1e-8, max_steps=5000, on_failure="raise")
    assert float(plan.value) == pytest.approx(value, abs=1e-6)
    assert float(plan.primal_value) == pytest.approx(value, abs=1e-6)
    if filled is not None:
        by_group = OnEntries(gamma, share, groups, b).member @ plan.matrix()
        assert int((by_group > 0).sum()) == filled


def optimum(cost: torch.Tensor, regulariser: ot.Regulariser) -> ot.Plan:
    problem = ot.OTProblem(cost=cost, regulariser=regulariser)
    return ot.solve(problem, solver=ot.SemiDual(), tolerance=1e-9, max_steps=5000)


@pytest.mark.parametrize("gamma", [0.1, 1.0])
def test_squares_of_entries_are_quadratic_at_uniform_weights(gamma: float) -> None:
    """``gamma / 2 |t|^2 = gamma / 2 sum (a b d)^2 = gamma a b / 2 E d^2`` where ``a b = 1 / (n m)`` throughout."""
    cost, _, b = smooth_ot()
    n, m = cost.shape
    on_entries = OnEntries(gamma, 0.0, ALONE, torch.full_like(b, 1 / m))
    theirs, ours = (optimum(cost, regulariser) for regulariser in (on_entries, ot.Quadratic(gamma / (n * m))))
    assert float(ours.value) == pytest.approx(float(theirs.value), abs=1e-9)
    torch.testing.assert_close(ours.matrix(), theirs.matrix(), atol=1e-8, rtol=0)


@pytest.mark.parametrize(("gamma", "share"), [(0.1, 0.2), (1.0, 0.2), (1.0, 0.6)])
def test_group_lasso_of_entries_is_ours_at_uniform_weights_and_equal_groups(
    gamma: float, share: float
) -> None:
    """With ``G`` rows a group ``|t_g| = sqrt(G E[d^2 | g]) / (n m)``.

    So the ridge ``gamma (1 - share)`` becomes ``gamma (1 - share) / (n m)``, and the norm ``gamma share`` becomes
    ``gamma share / sqrt(G)``: over ``m`` data and ``n / G`` groups ours weighs ``sqrt(E[d^2 | g])`` by ``G / (n m)``.
    With groups of several sizes there is no one such number.
    """
    random = np.random.RandomState(0)
    n, m, size = 6, 8, 2
    cost, b = torch.from_numpy(random.rand(n, m)), torch.full((m,), 1 / m, dtype=torch.float64)
    ridge, norm = gamma * (1 - share) / (n * m), gamma * share / size**0.5
    converted = ot.GroupLasso(ridge + norm, norm / (ridge + norm), ot.Blocks(code=(n // size, size)))
    theirs, ours = (
        optimum(cost, regulariser)
        for regulariser in (OnEntries(gamma, share, [[0, 1], [2, 3], [4, 5]], b), converted)
    )
    assert float(ours.value) == pytest.approx(float(theirs.value), abs=1e-8)
    torch.testing.assert_close(ours.matrix(), theirs.matrix(), atol=1e-7, rtol=0)


@pytest.mark.parametrize("relative", [0.1, 0.01])
def test_regot_finds_the_same_entropic_plan(relative: float) -> None:
    """RegOT charges ``reg sum pi (log pi - 1)``, which has the same plan."""
    regot = pytest.importorskip("regot")
    cost, a, b = random_cost(30, 25, 0), random_weights(30, 1), random_weights(25, 2)
    epsilon = relative * float(cost.mean())
    expected = regot.sinkhorn_newton(cost.numpy(), a.numpy(), b.numpy(), epsilon, tol=1e-11, max_iter=500)
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(epsilon))
    for solver in (ot.Sinkhorn(), ot.Newton(), ot.SemiDual()):
        plan = ot.solve(problem, solver=solver, tolerance=1e-10, max_steps=20000, on_failure="raise")
        np.testing.assert_allclose(plan.matrix().numpy(), expected.plan, atol=1e-9, rtol=0)


@pytest.mark.parametrize("gamma", [0.001, 0.1])
def test_regot_finds_the_same_quadratic_plan(gamma: float) -> None:
    """RegOT charges ``reg / 2 |pi|^2``; with uniform weights ``|pi|^2 = E d^2 / (n m)``, so ``reg = gamma n m``."""
    regot = pytest.importorskip("regot")
    n, m = 30, 25
    cost = random_cost(n, m, 0)
    expected = regot.qrot_assn(cost.numpy(), uniform(n), uniform(m), gamma * n * m, tol=1e-11, max_iter=500)
    problem = ot.OTProblem(cost=cost, regulariser=ot.Quadratic(gamma))
    plan = ot.solve(problem, tolerance=1e-9, max_steps=20000, on_failure="raise")
    np.testing.assert_allclose(plan.matrix().numpy(), expected.plan, atol=1e-9, rtol=0)
    assert ((plan.matrix().numpy() > 1e-9) == (expected.plan > 1e-9)).all()


def test_gradients_in_non_uniform_weights_are_those_of_pot_by_autograd() -> None:
    """POT's own envelope is wrong there; its unrolled loop is right. Only differences between points mean something."""
    arrays = [random_cost(6, 5, 0), random_weights(6, 1), random_weights(5, 2)]
    cost, a, b = (x.clone().requires_grad_() for x in arrays)
    peer = pot.solve(cost, a, b, reg=0.2, reg_type="KL", max_iter=5000, tol=1e-13, grad="autodiff").value
    expected = torch.autograd.grad(peer, (cost, a, b))
    cost, a, b = (x.clone().requires_grad_() for x in arrays)
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(0.2))
    for gradient in (ot.Envelope(), ot.Implicit(), ot.Unrolled(3)):
        value = ot.solve(problem, tolerance=1e-12, gradient=gradient).value
        assert float(value.detach()) == pytest.approx(float(peer.detach()), abs=1e-9)
        slopes = torch.autograd.grad(value, (cost, a, b))
        torch.testing.assert_close(slopes[0], expected[0], atol=1e-8, rtol=0)
        for ours, theirs in zip(slopes[1:], expected[1:], strict=True):
            torch.testing.assert_close(ours - ours[0], theirs - theirs[0], atol=1e-7, rtol=0)


def test_gradients_of_the_plan_are_those_of_pot_by_autograd() -> None:
    weights = [random_weights(6, 1), random_weights(5, 2)]
    direction = torch.randn(6, 5, generator=rng(3), dtype=torch.float64)
    cost = random_cost(6, 5, 0).requires_grad_()
    peer = pot.sinkhorn(*weights, cost, reg=0.2, method="sinkhorn_log", numItermax=5000, stopThr=1e-13)
    (expected,) = torch.autograd.grad((peer * direction).sum(), cost)
    problem = ot.OTProblem(cost=cost, a=weights[0], b=weights[1], regulariser=ot.Entropic(0.2))
    plan = ot.solve(problem, tolerance=1e-12, gradient=ot.Implicit(tolerance=1e-10))
    (slope,) = torch.autograd.grad((plan.matrix() * direction).sum(), cost)
    torch.testing.assert_close(slope, expected, atol=1e-8, rtol=0)


def test_the_fixture_of_pots_entropic_divergence() -> None:
    """Points 0..9 against 0, 2, ..., 18 with weights 1..10; each term by POT's log-domain loop."""
    x, y = (step * torch.arange(10, dtype=torch.float64).unsqueeze(1) for step in (1, 2))
    a = torch.arange(1, 11, dtype=torch.float64) / 55
    epsilon = 10.0

    def term(left: Tensor, right: Tensor) -> float:
        cost = ot.squared_euclidean(left, right)
        matrix = pot.sinkhorn(a, a, cost, reg=epsilon, method="sinkhorn_log", numItermax=20000, stopThr=1e-13)
        return float((matrix * cost).sum() + epsilon * (matrix * (matrix / (a.unsqueeze(1) * a)).log()).sum())

    expected = term(x, y) - term(x, x) / 2 - term(y, y) / 2
    value = ot.sinkhorn_divergence(x, y, a, a, epsilon=epsilon, tolerance=1e-11)
    assert float(value) == pytest.approx(expected, abs=1e-8)


@pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning")  # from inside POT
def test_pots_sparsity_constraint_and_ours_keep_at_most_two() -> None:
    """The fixture of POT's test_smooth: both hold the rule, and the dual bound is the same."""
    random = np.random.RandomState(0)
    x = random.randn(30, 2)
    cost = pot.dist(x, x)
    reg = 1.0
    expected, log = pot.smooth.smooth_ot_dual(
        uniform(30),
        uniform(30),
        cost,
        reg,
        reg_type="sparsity_constrained",
        max_nz=2,
        stopThr=1e-10,
        log=True,
    )
    assert (expected > 0).sum(0).max() <= 2
    problem = ot.OTProblem(cost=torch.from_numpy(cost), regulariser=ot.Cardinality(k=2, gamma=reg / 900))
    plan = ot.solve(problem, tolerance=1e-6, max_steps=2000, on_failure="return")
    assert int((plan.matrix() > 0).sum(0).max()) <= 2
    bound = float(uniform(30) @ log["alpha"] + uniform(30) @ log["beta"]) - _penalty(log, cost, reg)
    assert float(plan.value) == pytest.approx(bound, abs=1e-6)


def _penalty(log: dict, cost: np.ndarray, reg: float) -> float:
    """Return the conjugate of the constrained quadratic charge: the two largest squares of every column."""
    slack = np.maximum(log["alpha"][:, None] + log["beta"] - cost, 0)
    return float((np.sort(slack, axis=0)[-2:] ** 2).sum() / (2 * reg))


def test_regularised_costs_lie_above_the_linear_programme_and_fall_to_it() -> None:
    x, y = (torch.randn(n, 4, generator=rng(seed), dtype=torch.float64) for n, seed in ((13, 0), (17, 1)))
    a, b = random_weights(13, 2), random_weights(17, 3)
    cost = ot.squared_euclidean(x, y)
    exact = float(pot.emd2(a.numpy(), b.numpy(), cost.numpy()))
    gaps = []
    for epsilon in (5.0, 0.5, 0.05):
        problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(epsilon))
        gaps.append(float(ot.solve(problem, tolerance=1e-9, max_steps=20000).transport_cost) - exact)
    assert gaps[0] > gaps[1] > gaps[2] >= -1e-9
    assert gaps[2] <= 0.05 * np.log(13)


def test_the_fixture_of_otts_divergence() -> None:
    """13 against 17 points in four dimensions, epsilon .05: positive, zero on itself, few steps for self terms."""
    x, y = (torch.randn(n, 4, generator=rng(seed), dtype=torch.float64) for n, seed in ((13, 0), (17, 1)))
    settings = {"epsilon": 0.05, "tolerance": 1e-8, "max_steps": 20000}
    assert ot.sinkhorn_divergence(x, y, **settings) > 0
    assert float(ot.sinkhorn_divergence(x, x, **settings)) == pytest.approx(0, abs=1e-7)
    crossed = ot.solve(ot.OTProblem.from_points(x, y, regulariser=ot.Entropic(0.05)), solver=ot.Sinkhorn())
    itself = ot.solve(
        ot.OTProblem.from_points(x, x, regulariser=ot.Entropic(0.05)), solver=ot.SymmetricSinkhorn()
    )
    assert itself.n_steps < crossed.n_steps
