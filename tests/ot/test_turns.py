"""Solvers that go from plan to plan: where they start, what they certify, what they say they missed."""

import math

import pytest
import torch
from ot_contracts import random_cost, random_weights

from infot import ot
from infot.errors import ConvergenceError, ConvergenceWarning, ProblemError
from infot.ot.solvers.turns import DISTANCE, cost_unit, distance_bound, turned

COST, A, B = random_cost(12, 8, 0), random_weights(12, 1), random_weights(8, 2)
SOLVERS = [ot.PerturbedCostLoop(), ot.ConditionalGradient()]
CODE = ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(3, 4)), 0.05)
ORDERED = ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(3, 2, 2)), (0.03, 0.1))
TWO = ot.Rebated(ot.Entropic(0.2), (3, 2, 2), (ot.Rebate((0,), 0.1), ot.Rebate((1,), 0.06)))
FREE = ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(3, 4)), 0.0)
FREE_FIRST = ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(3, 2, 2)), (0.0, 0.05))
REWARDED = ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(3, 4)), -0.03)
PEARSON = ot.Rebated(ot.Entropic(0.2), (3, 4), (ot.Rebate((0,), 0.05, ot.ChiSquare()),))
ON_QUADRATIC = ot.Rebated(ot.Quadratic(0.3), (3, 4), (ot.Rebate((0,), 0.05, ot.ChiSquare()),))
OWN = ot.Augmented(
    ot.Entropic(0.05),
    lambda density, a: 0.1 * (a.unsqueeze(-1) * density.square()).sum(-2),
    lambda density, a: 0.2 * density,
)
CONVEX = {"code": CODE, "ordered": ORDERED, "two blocks": TWO}
OTHERS = {"free code": FREE, "rewarded": REWARDED, "chi square": PEARSON, "quadratic base": ON_QUADRATIC}


def solved(regulariser: ot.Regulariser, solver: ot.Solver | None, tolerance: float, **wishes) -> ot.Plan:
    problem = ot.OTProblem(cost=COST, a=A, b=B, regulariser=regulariser)
    return ot.solve(problem, solver=solver, tolerance=tolerance, **({"max_steps": 5000} | wishes))


def apart(one: ot.Plan, other: ot.Plan) -> float:
    return float((one.matrix() - other.matrix()).abs().sum())


class TestStart:
    @pytest.mark.parametrize("regulariser", [*CONVEX.values(), *OTHERS.values()], ids=[*CONVEX, *OTHERS])
    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
    def test_from_its_own_plan_one_turn_is_enough(
        self, solver: ot.Solver, regulariser: ot.Regulariser
    ) -> None:
        cold = solved(regulariser, solver, 1e-5, on_failure="raise")
        warm = solved(regulariser, solver, 1e-5, on_failure="raise", start=cold)
        assert cold.n_steps > 2
        assert warm.n_steps == 1
        # from afar, the same road costs more
        half = solved(regulariser, solver, 1e-5, on_failure="return", max_steps=int(cold.n_steps) // 2)
        assert 1 < solved(regulariser, solver, 1e-5, start=half).n_steps <= cold.n_steps

    def test_from_its_own_plan_a_line_search_has_nothing_to_do(self) -> None:
        cold = solved(OWN, None, 1e-5, on_failure="raise")
        assert cold.n_steps > 5
        assert solved(OWN, None, 1e-5, on_failure="raise", start=cold).n_steps == 1

    @pytest.mark.parametrize("regulariser", [CODE, ORDERED], ids=["code", "ordered"])
    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
    def test_a_potential_of_another_solver_tells_the_plan(
        self, solver: ot.Solver, regulariser: ot.Regulariser
    ) -> None:
        truth = solved(regulariser, ot.NestedNewton(), 1e-12)
        warm = solved(regulariser, solver, 1e-8, start=truth.f)
        assert warm.n_steps <= 2 and warm.converged

    def test_of_several_stationary_plans_that_of_the_start_is_kept(self) -> None:
        """At prices below zero a start decides which stationary plan is found, for better or worse."""
        cold = solved(REWARDED, None, 1e-8)
        order = torch.arange(12).reshape(3, 4)[[1, 2, 0]].flatten()
        permuted = ot.OTProblem(cost=COST[order], a=A[order], b=B, regulariser=REWARDED)
        warm = solved(REWARDED, None, 1e-8, start=ot.solve(permuted, tolerance=1e-8))
        assert cold.converged and warm.converged
        assert apart(warm, cold) > 1 and warm.value > cold.value + 0.1
        again = solved(REWARDED, None, 1e-8, start=warm)
        assert again.n_steps == 1 and apart(again, warm) < 1e-6

    @pytest.mark.parametrize("regulariser", [REWARDED, PEARSON, OWN], ids=["rewarded", "chi square", "own"])
    def test_a_plan_with_other_marginals_is_no_reason_to_stop(self, regulariser: ot.Regulariser) -> None:
        """The gap compares objectives, and a plan with other marginals may well have a lower one."""
        solver = ot.ConditionalGradient()
        a, b = random_weights(12, 8).square(), random_weights(8, 9).square()
        cheap = ot.OTProblem(cost=COST, a=a / a.sum(), b=b / b.sum(), regulariser=regulariser)
        other = ot.solve(cheap, solver=solver, tolerance=1e-8, max_steps=5000)
        warm = solved(regulariser, solver, 1e-8, start=other, on_failure="raise")
        assert float((other.marginals()[1] - B).abs().sum()) > 0.1
        assert warm.n_steps > 1 and warm.marginal_error <= 1e-8
        assert (
            apart(solved(regulariser, solver, 1e-12, start=warm, max_steps=50, on_failure="return"), warm)
            < 1e-3
        )

    def test_scaled_problems_and_batches_take_plans_too(self) -> None:
        scaled = ot.Scaled(CODE, 3.0)
        cost = torch.stack([3 * COST, 3 * COST])
        cold = ot.solve(ot.OTProblem(cost=3 * COST, a=A, b=B, regulariser=scaled), solver=SOLVERS[0])
        problem = ot.OTProblem(cost=cost, a=A, b=B, regulariser=scaled)
        warm = ot.solve(problem, solver=SOLVERS[0], start=cold)
        assert cold.n_steps > 2
        assert warm.n_steps.tolist() == [1, 1]
        assert warm.residual is not None and warm.residual.shape == (2,)

    def test_a_plan_on_other_data_is_refused_and_its_potential_taken(self) -> None:
        cold = solved(CODE, SOLVERS[0], 1e-4)
        fewer = ot.OTProblem(cost=COST[:, :5], a=A, regulariser=CODE)
        with pytest.raises(ProblemError, match=r"5 columns, got 8.*start=plan\.f"):
            ot.solve(fewer, solver=SOLVERS[0], start=cold)
        assert ot.solve(fewer, solver=SOLVERS[0], start=cold.f).converged


class TestBound:
    @pytest.mark.parametrize("regulariser", CONVEX.values(), ids=CONVEX)
    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
    def test_it_holds_at_every_turn(self, solver: ot.Solver, regulariser: ot.Regulariser) -> None:
        truth = solved(regulariser, SOLVERS[0], 1e-12)
        for turns in (1, 2, 3, 5, 10, 20, 40):
            plan = solved(regulariser, solver, 1e-11, max_steps=turns, on_failure="return")
            assert plan.residual is not None
            assert apart(plan, truth) <= float(plan.residual) + 1e-10
            gap = regulariser.strength / 2 * float(plan.residual) ** 2
            assert -1e-10 <= float(plan.value - truth.value) <= gap + 1e-10

    def test_with_one_block_it_is_the_gap_to_the_semidual(self) -> None:
        for turns in (1, 4, 16):
            plan = solved(CODE, SOLVERS[0], 1e-13, max_steps=turns, on_failure="return")
            below = ot.semidual_value(plan.problem, plan.f)
            gap = CODE.strength / 2 * plan.residual**2
            torch.testing.assert_close(plan.value - below, gap, atol=1e-14, rtol=1e-6)

    def test_it_is_exact_for_an_exponential_family(self) -> None:
        """Two codes, one datum: the gap is ``mu (log E exp(x) - E x)``; here of a change by ``d`` of one of them."""
        problem = ot.OTProblem(
            cost=torch.zeros(2, 1, dtype=torch.float64),
            regulariser=ot.Structured(ot.Entropic(1.0), ot.Blocks(code=(2, 1)), 0.5),
        ).as_batch()
        density = torch.ones(1, 2, 1, dtype=torch.float64)
        _, right = turned(problem, density)
        for d in (1e-12, 1e-7, 5e-3, 0.02, 1.0, 19.0, 21.0, 400.0):
            moved = right - torch.tensor([[[d], [0.0]]], dtype=torch.float64)
            x = d / 0.5
            # log E exp(x) - E x of two equally likely values is log cosh(x / 2)
            log_cosh = x * x / 8 if x < 1e-3 else x / 2 + math.log1p(math.exp(-x)) - math.log(2)
            assert float(distance_bound(problem, density, moved)) == pytest.approx(
                math.sqrt(2 * log_cosh), rel=1e-5
            )

    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
    @pytest.mark.parametrize("tolerance", [1e-4, 1e-6])
    def test_what_has_converged_at_a_small_price_of_the_code_is_the_optimum(
        self, solver: ot.Solver, tolerance: float
    ) -> None:
        """Turns gain a share of ``epsilon_code / epsilon`` only: a small change or gap of a turn says little."""
        regulariser = ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(3, 4)), 0.002)
        truth = solved(regulariser, ot.NestedNewton(), 1e-12)
        plan = solved(regulariser, solver, tolerance, on_failure="raise")
        assert apart(plan, truth) <= tolerance
        assert abs(float(plan.value - truth.value)) <= tolerance * float(COST.mean())

    def test_rebates_that_leave_nothing_have_none(self) -> None:
        def rebated(*prices: float) -> ot.Rebated:
            return ot.Rebated(ot.Entropic(0.2), (3, 4), tuple(ot.Rebate((0,), price) for price in prices))

        assert rebated(0.05, 0.1).strength == pytest.approx(0.05)
        assert rebated(0.1, 0.06, 0.04).strength == FREE.strength == OWN.strength == 0
        assert rebated(0.3).strength == pytest.approx(-0.1)
        assert REWARDED.strength == -0.03
        assert PEARSON.strength == ON_QUADRATIC.strength == ot.Cardinality(2, 1.0).strength == -math.inf
        assert ORDERED.strength == 0.03
        assert ot.Scaled(ot.Cardinality(2, 1.0), 3.0).strength == -math.inf
        factors = torch.tensor([2.0, 5.0])
        assert [ot.Scaled(r, factors).strength for r in (ot.Entropic(0.1), REWARDED)] == [0.2, -0.15]

    def test_a_factor_on_the_base_is_seen(self) -> None:
        rebates = (ot.Rebate((0,), 0.1),)
        plain, scaled = (
            solved(ot.Rebated(base, (3, 4), rebates), None, 1e-7, on_failure="raise")
            for base in (ot.Entropic(0.2), ot.Scaled(ot.Entropic(0.1), 2.0))
        )
        assert scaled.solution.residual is not None and scaled.solution.residual.name == DISTANCE
        assert apart(plain, scaled) <= 4e-7


def all_of_epsilon(rest: float) -> ot.Rebated:
    """Return rebates that leave a share of the price of every block."""
    prices = [(1 - rest) * price for price in (0.12, 0.08)]
    return ot.Rebated(ot.Entropic(0.2), (3, 2, 2), tuple(ot.Rebate((k,), p) for k, p in enumerate(prices)))


def missing(plan: ot.Plan) -> float:
    assert plan.residual is not None
    return float(plan.residual)


class TestGap:
    """Where information through the code is free, the value is certified and the plan need not be unique."""

    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
    @pytest.mark.parametrize(
        ("free", "priced", "nats"),
        [
            (FREE, ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(3, 4)), 1e-3), 1e-3 * math.log(3)),
            (
                FREE_FIRST,
                ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(3, 2, 2)), (1e-3, 0.05)),
                1e-3 * math.log(3),
            ),
            (
                all_of_epsilon(0.0),
                all_of_epsilon(1e-2),
                1e-2 * (0.12 * math.log(3) + 0.08 * math.log(2)),
            ),
        ],
        ids=["code", "ordered", "two blocks"],
    )
    def test_it_holds_at_every_turn(
        self, solver: ot.Solver, free: ot.Regulariser, priced: ot.Regulariser, nats: float
    ) -> None:
        """The optimum is at most that at a small price, and lower by no more than the most that could be charged."""
        solver_near = ot.NestedNewton() if isinstance(priced, ot.Structured) else None
        near = float(solved(priced, solver_near, 1e-9, on_failure="raise").value)
        assert free.strength == 0 < priced.strength
        for turns in (1, 3, 10, 100):
            plan = solved(free, solver, 1e-11, max_steps=turns, on_failure="return")
            gap = missing(plan) * float((A.unsqueeze(1) * B * COST).sum())
            assert float(plan.value) >= near - nats - 1e-9
            assert float(plan.value) - gap <= near + 1e-9
        assert gap < 0.2 * nats

    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
    def test_without_noise_it_is_the_gap_to_the_linear_programme(self, solver: ot.Solver) -> None:
        """One draw a code: nothing is charged at all, and turns are proximal steps of the linear programme."""
        linear = float(solved(ot.Unregularised(), None, 1e-9).value)
        regulariser = ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(12, 1)), 0.0)
        unit = float((A.unsqueeze(1) * B * COST).sum())
        for turns in (1, 3, 10, 30):
            plan = solved(regulariser, solver, 1e-11, max_steps=turns, on_failure="return")
            above = float(plan.value) - linear
            assert -1e-9 <= above <= missing(plan) * unit + 1e-9
        assert above < 0.03
        done = solved(regulariser, solver, 1e-7, on_failure="raise")
        assert float(done.value) == pytest.approx(linear, abs=2e-7)

    def test_it_is_the_gap_to_the_semidual(self) -> None:
        a = A.reshape(1, 3, 4)
        for turns in (1, 4, 16):
            plan = solved(FREE, SOLVERS[0], 1e-13, max_steps=turns, on_failure="return")
            problem = plan.problem.as_batch()
            noise = a / a.sum(-1, keepdim=True)
            slack = (plan.f.unsqueeze(-1) - COST).reshape(1, 3, 4, 8) / 0.2
            by_code = -0.2 * (noise.unsqueeze(-1).log() + slack).logsumexp(2)
            below = (A * plan.f).sum() + (B * by_code.amin(1)).sum()
            gap = missing(plan) * float(cost_unit(problem))
            assert float(plan.value - below) == pytest.approx(gap, abs=1e-12, rel=1e-9)

    def test_codes_without_weight_have_no_part_in_it(self) -> None:
        weights = A.reshape(3, 4) * torch.tensor([[1.0], [0.0], [1.0]], dtype=torch.float64)
        weights = weights.flatten() / weights.sum()
        two = ot.Structured(ot.Entropic(0.2), ot.Blocks(code=(2, 4)), 0.0)
        kept = weights > 0
        # the code without weight would be far the best
        cost = torch.where(kept.unsqueeze(1), COST, -5.0)
        for turns in (1, 5):
            whole, part = (
                ot.solve(problem, solver=SOLVERS[0], tolerance=1e-12, max_steps=turns, on_failure="return")
                for problem in (
                    ot.OTProblem(cost=cost, a=weights, b=B, regulariser=FREE),
                    ot.OTProblem(cost=COST[kept], a=weights[kept], b=B, regulariser=two),
                )
            )
            assert missing(whole) == pytest.approx(missing(part), abs=1e-10, rel=1e-6)

    def test_it_holds_where_the_density_of_a_code_underflows(self) -> None:
        cost = COST.float()
        problem = ot.OTProblem(
            cost=cost, regulariser=ot.Structured(ot.Entropic(0.002), ot.Blocks(code=(12, 1)), 0.0)
        )
        linear = float(ot.solve(problem.derived(regulariser=ot.Unregularised())).value)
        plan = ot.solve(problem, tolerance=1e-5, max_steps=300, on_failure="raise")
        assert bool((plan.code_density() == 0).any())
        # rows are exact and columns within the tolerance, at potentials of order one
        assert abs(float(plan.value) - linear) <= missing(plan) * float(cost.mean()) + 2e-5


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("regulariser", "solver", "name"),
        [
            (CODE, SOLVERS[0], "bound on the L1 distance from the optimal plan"),
            (CODE, SOLVERS[1], "bound on the L1 distance from the optimal plan"),
            (FREE, SOLVERS[0], r"gap over the mean of \|cost\|"),
            (FREE, SOLVERS[1], r"gap over the mean of \|cost\|"),
            (REWARDED, SOLVERS[0], "L1 change of the plan in the last turn"),
            (REWARDED, SOLVERS[1], r"gap over the mean of \|cost\|"),
            (OWN, SOLVERS[1], r"gap over the mean of \|cost\|"),
        ],
    )
    def test_what_was_missed_is_named_with_its_number(
        self, regulariser: ot.Regulariser, solver: ot.Solver, name: str
    ) -> None:
        with pytest.warns(ConvergenceWarning, match=name) as caught:
            plan = solved(regulariser, solver, 1e-7, max_steps=3)
        assert plan.residual is not None and float(plan.residual) > 1e-7
        assert f" {float(plan.residual):.3g} after 3 steps" in str(caught[0].message)
        with pytest.raises(ConvergenceError, match=name):
            solved(regulariser, solver, 1e-7, max_steps=3, on_failure="raise")

    def test_solvers_that_watch_the_marginals_alone_have_no_residual(self) -> None:
        assert solved(CODE, ot.Nested(), 1e-6).residual is None

    def test_a_tolerance_below_the_precision_stalls(self) -> None:
        problem = ot.OTProblem(cost=COST.float(), regulariser=CODE)
        for solver in (ot.PerturbedCostLoop(inner_steps=5), ot.ConditionalGradient(inner_steps=5)):
            plan = ot.solve(problem, solver=solver, tolerance=1e-9, max_steps=5000, on_failure="return")
            assert plan.status is ot.Status.STALLED

    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
    @pytest.mark.parametrize("base", [REWARDED, TWO], ids=["rewarded", "rebated"])
    def test_a_base_without_a_conjugate_is_refused_with_a_way_out(
        self, solver: ot.Solver, base: ot.Regulariser
    ) -> None:
        with pytest.raises(ProblemError, match=f"{type(solver).__name__}.*one Rebated"):
            solved(ot.Rebated(base, (3, 4), (ot.Rebate((0,), 0.01),)), solver, 1e-4)

    def test_other_bases_are_refused_with_a_way_out(self) -> None:
        structured = object.__new__(ot.Structured)  # types are checked in tests, and would be refused before
        structured.__dict__.update(base=ot.Quadratic(0.1), blocks=ot.Blocks(code=(3, 4)), epsilon_code=0.01)
        with pytest.raises(ProblemError, match="Entropic base, got Quadratic; Rebated takes any"):
            structured.__post_init__()
        linear = ot.Rebated(ot.Unregularised(), (3, 4), (ot.Rebate((0,), 0.01),))
        with pytest.raises(ProblemError, match="use ConditionalGradient"):
            solved(linear, ot.PerturbedCostLoop(), 1e-4)
        with pytest.raises(ProblemError, match="ConditionalGradient for any"):
            solved(OWN, ot.SemiDual(), 1e-4)
