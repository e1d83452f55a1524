"""Every regulariser keeps the contract, and its own promise."""

import itertools
import math

import numpy as np
import pytest
import torch
from ot_contracts import RegulariserContract, random_cost, random_weights, rng
from scipy.optimize import linprog

from infot import ot
from infot.errors import ProblemError

BLOCKS = ot.Blocks(code=(3, 2))


class TestEntropic(RegulariserContract):
    def regulariser(self) -> ot.Regulariser:
        return ot.Entropic(0.2)


class TestStructured(RegulariserContract):
    def regulariser(self) -> ot.Regulariser:
        return ot.Structured(ot.Entropic(0.2), blocks=BLOCKS, epsilon_code=0.05)


class TestOrderedBlocks(RegulariserContract):
    n = 12

    def regulariser(self) -> ot.Regulariser:
        return ot.Structured(ot.Entropic(0.3), blocks=ot.Blocks(code=(2, 3, 2)), epsilon_code=(0.05, 0.1))


class TestQuadratic(RegulariserContract):
    def regulariser(self) -> ot.Regulariser:
        return ot.Quadratic(0.3)


class TestGroupLasso(RegulariserContract):
    def regulariser(self) -> ot.Regulariser:
        return ot.GroupLasso(0.3, share=0.3, blocks=BLOCKS)


class TestScaled(RegulariserContract):
    def regulariser(self) -> ot.Regulariser:
        return ot.Scaled(ot.Quadratic(0.1), 3.0)


class TestPointwise(RegulariserContract):
    def regulariser(self) -> ot.Regulariser:
        return ot.Pointwise(lambda s: s.clamp_min(0) ** 3 / 3, lambda s: s.clamp_min(0) ** 2)


class TestCardinality(RegulariserContract):
    def regulariser(self) -> ot.Regulariser:
        return ot.Cardinality(3, 2.0)

    def test_potential_makes_every_column_a_probability(self) -> None:
        a = self.weights()
        score = self.slack(3)
        regulariser = self.regulariser()
        density = regulariser.density(score + regulariser.potential(score, a).unsqueeze(-2), a)
        assert ((density > 0).sum(-2) <= 3).all()
        torch.testing.assert_close((a.unsqueeze(-1) * density).sum(-2), torch.ones(2, 5, dtype=torch.float64))

    def test_primal_and_dual_values_agree(self) -> None:
        """The rule is not convex: the dual bounds the primal, and a datum couples with at most k latents."""
        problem = ot.OTProblem(cost=random_cost(6, 5, 4), regulariser=self.regulariser())
        plan = ot.solve(problem, solver=ot.SemiDual(), tolerance=1e-6, max_steps=30, on_failure="return")
        assert ((plan.matrix() > 0).sum(0) <= 3).all()
        if plan.converged:
            assert float(plan.primal_value) == pytest.approx(float(plan.value), abs=1e-5)
        else:
            assert plan.marginal_error > 1e-6

    @pytest.mark.parametrize("k", [1, 3, 5, 9])
    def test_under_equal_weights_the_potential_has_a_closed_form(self, k: int) -> None:
        a = torch.full((2, 6), 1 / 6, dtype=torch.float64)
        regulariser, score = ot.Cardinality(k, 2.0), self.slack(3)
        by_bisection = ot.Regulariser.potential(regulariser, score, a)
        torch.testing.assert_close(regulariser.potential(score, a), by_bisection, atol=1e-13, rtol=0)

    def test_no_solver_can_make_marginals_exact_where_the_rule_costs_something(self) -> None:
        """The best plan over all sets of two latents a datum lies above the best dual bound.

        A plan of potentials with the right marginals would have a value no higher than that bound. Other latents are
        made so dear that their share can only lower the least of the values.
        """
        cost = random_cost(4, 3, 0)
        rule = ot.OTProblem(cost=cost, regulariser=ot.Cardinality(2, 0.5))
        plan = ot.solve(rule, tolerance=1e-9, on_failure="return")
        pairs = list(itertools.combinations(range(4), 2))
        kept = torch.zeros(len(pairs) ** 3, 4, 3, dtype=torch.bool)
        for index, chosen in enumerate(itertools.product(pairs, repeat=3)):
            for datum, pair in enumerate(chosen):
                kept[index, list(pair), datum] = True
        restricted = ot.OTProblem(cost=torch.where(kept, cost, 100.0), regulariser=ot.Quadratic(0.5))
        best = ot.solve(restricted, tolerance=1e-3, max_steps=3000, on_failure="return").value.min()
        assert plan.status is ot.Status.STALLED
        assert float(best) > float(plan.value) + 1e-3

    def test_few_data_are_torn(self) -> None:
        """Three mixtures are enough to make four rows exact, and a torn datum moves at most all of its mass."""
        problem = ot.OTProblem(cost=random_cost(4, 400, 0), regulariser=ot.Cardinality(2, 0.5))
        plan = ot.solve(problem, tolerance=1e-9, on_failure="return")
        assert plan.status is ot.Status.STALLED
        assert 1e-9 < float(plan.marginal_error) <= 2 * 3 / 400

    def test_a_factor_hides_no_kinks(self) -> None:
        """Solvers of turns hand their base over as it is, with its factor."""
        cost = random_cost(6, 5, 4)
        for rule in (self.regulariser(), ot.Scaled(ot.Cardinality(3, 1.0), 2.0)):
            batch = ot.OTProblem(cost=cost, regulariser=rule).as_batch()
            end = ot.SemiDual().solve(batch, tolerance=1e-6, max_steps=2000, start=None)
            assert end.statuses == (ot.Status.STALLED,) and end.n_steps < 150

    def test_the_bound_found_is_the_best_and_fewer_data_are_torn_than_there_are_latents(self) -> None:
        """Mixtures of plans of potentials nearby with exact marginals, by a linear programme, cost no more than it.

        Mixtures of columns bound the best dual bound from above, and a basic solution has few of them.
        """
        n, m = 6, 5
        problem = ot.OTProblem(cost=random_cost(n, m, 4), regulariser=self.regulariser())
        plan = ot.solve(problem, tolerance=1e-6, on_failure="return")
        assert plan.status is ot.Status.STALLED and plan.n_steps < 150
        batch, a = problem.as_batch(), torch.full((1, n), 1 / n, dtype=torch.float64)
        columns, charges = [], []
        for seed in range(60):
            score = (
                plan.f + 1e-4 * torch.randn(n, generator=rng(seed), dtype=torch.float64)
            ) - problem.cost.mT
            score = score.mT.unsqueeze(0)
            density = batch.regulariser.density(score + batch.regulariser.potential(score, a).unsqueeze(1), a)
            charge = (a.unsqueeze(-1) * density * batch.cost).sum(1) + batch.regulariser.value(density, a)
            columns.append(density[0].mT / m)  # (m, n), what each datum gives to the rows
            charges.append(charge[0] / m)
        rows = torch.stack(columns).reshape(-1, n).mT
        one_each = torch.eye(m, dtype=torch.float64).repeat(1, 60)
        mixed = linprog(
            torch.stack(charges).flatten().numpy(),
            A_eq=torch.cat([rows, one_each]).numpy(),
            b_eq=np.ones(n + m),
            method="highs-ds",
        )
        assert mixed.status == 0
        assert float(plan.value) - 1e-9 <= mixed.fun <= float(plan.value) + 1e-6
        torn = ((mixed.x.reshape(60, m) > 1e-9).sum(0) > 1).sum()
        assert 1 <= torn <= n - 1


def test_scaled_equals_the_larger_strength() -> None:
    cost = random_cost(5, 4, 0)
    scaled = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Scaled(ot.Quadratic(0.1), 3.0)), tolerance=1e-9)
    plain = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Quadratic(0.3)), tolerance=1e-9)
    torch.testing.assert_close(scaled.matrix(), plain.matrix(), atol=1e-8, rtol=0)


def test_entropy_given_by_two_functions_is_entropic() -> None:
    own = ot.Pointwise(lambda s: 0.2 * torch.expm1(s / 0.2), lambda s: torch.exp(s / 0.2))
    cost, a, b = random_cost(5, 4, 0), random_weights(5, 1), random_weights(4, 2)
    mine = ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=own), tolerance=1e-9)
    theirs = ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(0.2)), tolerance=1e-9)
    torch.testing.assert_close(mine.matrix(), theirs.matrix(), atol=1e-8, rtol=0)
    assert float(mine.primal_value) == pytest.approx(float(theirs.value), abs=1e-7)


def test_quadratic_plans_have_zeros_and_tend_to_the_linear_programme() -> None:
    cost, a, b = random_cost(6, 5, 3), random_weights(6, 1), random_weights(5, 2)
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Quadratic(1e-3))
    plan = ot.solve(problem, tolerance=1e-7, max_steps=5000)
    assert int((plan.matrix() == 0).sum()) >= 15
    rows, columns = np.kron(np.eye(6), np.ones(5)), np.kron(np.ones(6), np.eye(5))
    exact = linprog(cost.numpy().ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([a, b]))
    assert float(plan.transport_cost) == pytest.approx(exact.fun, abs=1e-5)


def test_group_lasso_drops_whole_codes() -> None:
    cost, blocks = random_cost(12, 6, 3), ot.Blocks(code=(4, 3))
    plan = ot.solve(
        ot.OTProblem(cost=cost, regulariser=ot.GroupLasso(0.5, share=0.6, blocks=blocks)), tolerance=1e-7
    )
    ridge = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Quadratic(0.2)), tolerance=1e-7)
    empty = [(p.matrix().reshape(4, 3, 6).sum(1) == 0).sum().item() for p in (plan, ridge)]
    assert empty[0] > empty[1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ot.Quadratic(0.0), "positive, finite gamma"),
        (lambda: ot.GroupLasso(0.1, share=1.0, blocks=BLOCKS), "share in"),
        (lambda: ot.Cardinality(0, 1.0), "k >= 1"),
        (lambda: ot.Scaled(ot.Entropic(1.0), -1.0), "positive, finite factor"),
    ],
)
def test_impossible_settings_are_named(make, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        make()


def test_factors_are_kept_in_double_precision() -> None:
    """A factor of 0.1 is one ulp away from itself, not the 1.5e-9 of single precision."""
    cost = random_cost(5, 4, 0)
    scaled, plain = (
        ot.solve(ot.OTProblem(cost=cost, regulariser=regulariser), tolerance=1e-13, max_steps=5000)
        for regulariser in (ot.Scaled(ot.Entropic(2.0), 0.1), ot.Entropic(0.2))
    )
    torch.testing.assert_close(scaled.value, plain.value, atol=1e-14, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
def test_a_bisection_ends_where_no_number_is_left(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halving the bracket of a normal number takes as many steps as its mantissa has bits, and a few for the ends."""
    regulariser, count, mass = ot.GroupLasso(0.1, 0.2, BLOCKS), [], ot.GroupLasso._mass

    def counted(self: ot.GroupLasso, score: torch.Tensor, g: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        count.append(g)
        return mass(self, score, g, a)

    monkeypatch.setattr(ot.GroupLasso, "_mass", counted)
    score = 1 + torch.rand(1, 6, 5, generator=torch.Generator().manual_seed(0), dtype=dtype)
    a = torch.full((1, 6), 1 / 6, dtype=dtype)
    g = regulariser.potential(score, a)
    assert len(count) <= 8 + 1 - math.log2(torch.finfo(dtype).eps)
    assert float((mass(regulariser, score, g, a) - 1).abs().max()) < 100 * torch.finfo(dtype).eps
