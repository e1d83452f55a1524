"""What every regulariser and every solver must satisfy; test files inherit these suites."""

import pytest
import torch
from torch import Tensor

from infot import ot


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_weights(n: int, seed: int, zeros: int = 0) -> Tensor:
    weights = torch.rand(n, generator=rng(seed), dtype=torch.float64) + 0.2
    weights[:zeros] = 0
    return weights / weights.sum()


def random_cost(n: int, m: int, seed: int) -> Tensor:
    return torch.rand(n, m, generator=rng(seed), dtype=torch.float64)


class RegulariserContract:
    """Convexity, Fenchel-Young, density as the derivative of the conjugate, unit mass, no gap at the optimum."""

    n = 6
    gap = 1e-6

    def regulariser(self) -> ot.Regulariser:
        raise AssertionError("a contract names its regulariser")

    def slack(self, seed: int) -> Tensor:
        return torch.randn(2, self.n, 5, generator=rng(seed), dtype=torch.float64)

    def weights(self) -> Tensor:
        return torch.stack([random_weights(self.n, 0), random_weights(self.n, 1)])

    def test_conjugate_is_convex(self) -> None:
        regulariser, a = self.regulariser(), self.weights()
        for seed in range(5):
            s, t = self.slack(seed), self.slack(seed + 100)
            middle = regulariser.conjugate((s + t) / 2, a)
            assert (middle <= (regulariser.conjugate(s, a) + regulariser.conjugate(t, a)) / 2 + 1e-12).all()

    def test_fenchel_young_holds_with_equality_at_the_density(self) -> None:
        regulariser, a = self.regulariser(), self.weights()
        slack = self.slack(0)
        density = regulariser.density(slack, a)
        pairing = (a.unsqueeze(-1) * slack * density).sum(-2)
        total = regulariser.value(density, a) + regulariser.conjugate(slack, a)
        torch.testing.assert_close(total, pairing, atol=1e-9, rtol=1e-9)
        other = regulariser.value(regulariser.density(self.slack(1), a), a) + regulariser.conjugate(slack, a)
        crossed = (a.unsqueeze(-1) * slack * regulariser.density(self.slack(1), a)).sum(-2)
        assert (other >= crossed - 1e-9).all()

    def test_density_is_the_derivative_of_the_conjugate(self) -> None:
        regulariser, a = self.regulariser(), self.weights()
        slack = self.slack(2).requires_grad_()
        (gradient,) = torch.autograd.grad(regulariser.conjugate(slack, a).sum(), slack)
        expected = a.unsqueeze(-1) * regulariser.density(slack.detach(), a)
        torch.testing.assert_close(gradient, expected, atol=1e-9, rtol=1e-9)

    def test_potential_makes_every_column_a_probability(self) -> None:
        regulariser, a = self.regulariser(), self.weights()
        score = self.slack(3)
        density = regulariser.density(score + regulariser.potential(score, a).unsqueeze(-2), a)
        torch.testing.assert_close((a.unsqueeze(-1) * density).sum(-2), torch.ones(2, 5, dtype=torch.float64))

    def test_primal_and_dual_values_agree(self) -> None:
        problem = ot.OTProblem(
            cost=random_cost(self.n, 5, 4),
            a=random_weights(self.n, 5),
            b=random_weights(5, 6),
            regulariser=self.regulariser(),
        )
        plan = ot.solve(problem, solver=ot.SemiDual(), tolerance=1e-8, max_steps=3000, on_failure="raise")
        assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=self.gap)
        rows, columns = plan.marginals()
        torch.testing.assert_close(rows, problem.row_weights, atol=1e-12, rtol=0)
        torch.testing.assert_close(columns, problem.column_weights, atol=1e-7, rtol=0)


class SolverContract:
    """Exact rows, truthful errors, batches equal to loops, laws of shift, scale and exchange."""

    tolerance = 1e-8
    laws = 1e-6

    def solver(self) -> ot.Solver:
        raise AssertionError("a contract names its solver")

    def regulariser(self, epsilon: float) -> ot.Regulariser:
        raise AssertionError("a contract names its regulariser")

    def solve(self, cost: Tensor, a: Tensor, b: Tensor, epsilon: float = 0.1) -> ot.Plan:
        problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=self.regulariser(epsilon))
        return ot.solve(
            problem, solver=self.solver(), tolerance=self.tolerance, max_steps=5000, on_failure="raise"
        )

    def data(self, zeros: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        return random_cost(6, 5, 0), random_weights(6, 1, zeros), random_weights(5, 2, zeros)

    def test_marginals(self) -> None:
        cost, a, b = self.data()
        plan = self.solve(cost, a, b)
        rows, columns = plan.marginals()
        torch.testing.assert_close(rows, a, atol=1e-12, rtol=0)
        assert float((columns - b).abs().sum()) == pytest.approx(float(plan.marginal_error), abs=1e-12)
        assert plan.marginal_error <= self.tolerance

    def test_zero_weights_carry_nothing_and_break_nothing(self) -> None:
        cost, a, b = self.data(zeros=2)
        plan = self.solve(cost, a, b)
        matrix = plan.matrix()
        assert (matrix[:2] == 0).all() and (matrix[:, :2] == 0).all()
        assert matrix.isfinite().all() and plan.value.isfinite()
        assert plan.marginal_error <= self.tolerance

    def test_a_shift_of_the_cost_shifts_the_value_and_keeps_the_plan(self) -> None:
        cost, a, b = self.data()
        plan, shifted = self.solve(cost, a, b), self.solve(cost + 3, a, b)
        torch.testing.assert_close(shifted.value, plan.value + 3, atol=self.laws, rtol=0)
        torch.testing.assert_close(shifted.matrix(), plan.matrix(), atol=self.laws, rtol=0)

    def test_scaling_cost_and_price_scales_the_value_and_keeps_the_plan(self) -> None:
        cost, a, b = self.data()
        plan, scaled = self.solve(cost, a, b), self.solve(1000 * cost, a, b, epsilon=100.0)
        torch.testing.assert_close(scaled.value, 1000 * plan.value, atol=1000 * self.laws, rtol=0)
        torch.testing.assert_close(scaled.matrix(), plan.matrix(), atol=self.laws, rtol=0)

    def test_a_batch_is_its_items_with_their_own_steps(self) -> None:
        cost, a, b = self.data()
        other, weights = random_cost(6, 5, 7) * 3, random_weights(6, 8)
        batch = self.solve(torch.stack([cost, other]), torch.stack([a, weights]), b)
        for index, (c, w) in enumerate([(cost, a), (other, weights)]):
            single = self.solve(c, w, b)
            torch.testing.assert_close(batch.matrix()[index], single.matrix(), atol=self.laws, rtol=0)
            torch.testing.assert_close(batch.value[index], single.value, atol=self.laws, rtol=0)
        assert batch.converged.tolist() == [True, True]
        assert batch.n_steps.shape == (2,)
        assert batch.f.shape == (2, 6)

    def test_a_warm_start_reaches_the_solver(self) -> None:
        cost, a, b = self.data()
        problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=self.regulariser(0.1))
        cold = ot.solve(problem, solver=self.solver(), tolerance=self.tolerance, max_steps=5000)
        warm = ot.solve(problem, solver=self.solver(), tolerance=1e-4, max_steps=5000, start=cold)
        assert cold.n_steps > 3
        assert warm.n_steps <= 3
