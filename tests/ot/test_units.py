"""Costs in another unit give the same plan: in units of a power of two, to the last bit, from every solver."""

from collections.abc import Callable

import pytest
import torch
from ot_contracts import rng
from torch import Tensor

from infot import ot

BLOCKS = ot.Blocks(code=(3, 4))
UNITS = (2.0**40, 2.0**-40, 2.0**-100)
RHO = 0.5


def _structured(epsilon: float) -> ot.Structured:
    return ot.Structured(ot.Entropic(epsilon), BLOCKS, epsilon_code=0.3 * epsilon)


def _thresholded(epsilon: float) -> ot.Pointwise:
    """Quadratic smoothing by its two functions alone, whose c-transform is found by bisection."""
    return ot.Pointwise(
        conjugate_of=lambda slack: slack.clamp_min(0) ** 2 / (2 * epsilon),
        density_of=lambda slack: slack.clamp_min(0) / epsilon,
    )


CASES: dict[str, tuple[Callable[[float], ot.Regulariser], ot.Solver]] = {
    "Sinkhorn": (ot.Entropic, ot.Sinkhorn()),
    "textbook Sinkhorn": (ot.Entropic, ot.Sinkhorn(ot.Approach(memory=0))),
    "Newton": (ot.Entropic, ot.Newton()),
    "SemiDual": (ot.Entropic, ot.SemiDual()),
    "SemiDual, quadratic": (ot.Quadratic, ot.SemiDual()),
    "SemiDual, by bisection": (_thresholded, ot.SemiDual()),
    "SemiDual, structured": (_structured, ot.SemiDual()),
    "Nested": (_structured, ot.Nested()),
    "NestedNewton": (_structured, ot.NestedNewton()),
    "PerturbedCostLoop": (_structured, ot.PerturbedCostLoop()),
    "ConditionalGradient": (_structured, ot.ConditionalGradient()),
    "Exact": (lambda epsilon: ot.Unregularised(), ot.Exact()),
    "UnbalancedSinkhorn": (ot.Entropic, ot.UnbalancedSinkhorn()),
    "UnbalancedNested": (_structured, ot.UnbalancedNested()),
}


def _weights(n: int, seed: int, kind: str) -> Tensor:
    weights = torch.rand(n, generator=rng(seed), dtype=torch.float64) ** 3 + 1e-3
    if kind != "all present":
        weights[0] = 0 if kind == "one absent" else 1e-9
    return weights / weights.sum()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["all present", "one absent", "one with hardly any weight"])
def test_a_unit_of_cost_changes_no_bit(case: str, kind: str) -> None:
    regulariser, solver = CASES[case]
    x = torch.randn(12, 2, generator=rng(0), dtype=torch.float64)
    y = torch.randn(9, 2, generator=rng(1), dtype=torch.float64)
    cost, a, b = ot.squared_euclidean(x, y), _weights(12, 2, kind), _weights(9, 3, kind)

    def solved(unit: float) -> ot.Plan:
        rho = RHO * unit if solver.takes_rho else None
        problem = ot.OTProblem(cost=unit * cost, a=a, b=b, regulariser=regulariser(0.05 * unit), rho=rho)
        return ot.solve(problem, solver=solver, tolerance=1e-6, on_failure="return")

    plan = solved(1.0)
    for unit in UNITS:
        other = solved(unit)
        assert torch.equal(other.matrix(), plan.matrix())
        assert torch.equal(other.f, unit * plan.f) and torch.equal(other.value, unit * plan.value)
        assert (other.n_steps, other.status) == (plan.n_steps, plan.status)


DIVERGENCES: dict[str, Callable[[Tensor, Tensor, Tensor, float], Tensor]] = {
    "sinkhorn": lambda x, y, a, unit: ot.sinkhorn_divergence(x, y, a, epsilon=0.05 * unit),
    "structured": lambda x, y, a, unit: ot.structured_divergence(x, y, _structured(0.05 * unit), a),
    "unbalanced": lambda x, y, a, unit: ot.unbalanced_divergence(x, y, a, epsilon=0.05 * unit, rho=unit),
    "clouds": lambda x, y, a, unit: ot.cloud_divergence(
        ot.CloudProblem(x=x, y=y, a=a, regulariser=ot.Entropic(0.05 * unit))
    ),
    "unbalanced clouds": lambda x, y, a, unit: ot.cloud_divergence(
        ot.CloudProblem(x=x, y=y, a=a, regulariser=ot.Entropic(0.05 * unit), rho=unit)
    ),
}


@pytest.mark.parametrize("case", DIVERGENCES)
def test_a_unit_of_length_changes_no_bit_of_a_divergence_and_its_gradient(case: str) -> None:
    x = torch.randn(12, 2, generator=rng(0), dtype=torch.float64)
    y = 0.7 * torch.randn(9, 2, generator=rng(1), dtype=torch.float64) + 0.3
    a = _weights(12, 2, "all present")

    def value_and_gradient(length: float) -> tuple[Tensor, Tensor]:
        points = (length * x).requires_grad_()
        value = DIVERGENCES[case](points, length * y, a, length**2)
        value.backward()
        assert points.grad is not None
        return value.detach() / length**2, points.grad / length

    value, gradient = value_and_gradient(1.0)
    for length in (2.0**20, 2.0**-20, 2.0**-50):
        other_value, other_gradient = value_and_gradient(length)
        assert torch.equal(other_value, value) and torch.equal(other_gradient, gradient)
