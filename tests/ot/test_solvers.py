"""Every solver keeps the contract."""

import pytest
import torch
from ot_contracts import SolverContract

from infot import ot


class _Structured(SolverContract):
    def regulariser(self, epsilon: float) -> ot.Regulariser:
        return ot.Structured(ot.Entropic(epsilon), blocks=ot.Blocks(code=(3, 2)), epsilon_code=0.3 * epsilon)


class TestSinkhorn(SolverContract):
    def solver(self) -> ot.Solver:
        return ot.Sinkhorn()

    def regulariser(self, epsilon: float) -> ot.Regulariser:
        return ot.Entropic(epsilon)


class TestPlainSinkhorn(TestSinkhorn):
    def solver(self) -> ot.Solver:
        return ot.Sinkhorn(ot.Approach(memory=0))


class TestNewton(TestSinkhorn):
    def solver(self) -> ot.Solver:
        return ot.Newton()


class TestTruncatedNewton(TestSinkhorn):
    def solver(self) -> ot.Solver:
        return ot.Newton(dense_up_to=0)


class TestNested(_Structured):
    def solver(self) -> ot.Solver:
        return ot.Nested()


class TestSemiDualStructured(_Structured):
    def solver(self) -> ot.Solver:
        return ot.SemiDual()


class TestSemiDualQuadratic(SolverContract):
    def solver(self) -> ot.Solver:
        return ot.SemiDual()

    def regulariser(self, epsilon: float) -> ot.Regulariser:
        return ot.Quadratic(epsilon)


class TestPerturbedCostLoop(_Structured):
    laws = 1e-5

    def solver(self) -> ot.Solver:
        return ot.PerturbedCostLoop()


class TestConditionalGradient(_Structured):
    laws = 1e-5

    def solver(self) -> ot.Solver:
        return ot.ConditionalGradient()


def test_a_single_pair_is_solved_by_every_dual_solver() -> None:
    """One point on each side: the plan is known, and the spread of a single cost is zero, not undefined."""
    problem = ot.OTProblem(cost=torch.full((1, 1), 2.0), regulariser=ot.Entropic(0.5))
    for solver in (ot.Sinkhorn(), ot.SemiDual(), ot.Newton()):
        plan = ot.solve(problem, solver=solver, on_failure="raise")
        assert float(plan.value) == pytest.approx(2.0, abs=1e-6)
        assert plan.matrix().tolist() == [[1.0]]
