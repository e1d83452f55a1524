"""Loops on tensors, as they run wherever arrays are no views of numpy: the same numbers as on the CPU."""

from collections.abc import Callable

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot

BLOCKS = ot.Blocks((3, 4))
STRUCTURED = ot.Structured(ot.Entropic(0.2), BLOCKS, epsilon_code=0.03)
ORDERED = ot.Structured(ot.Entropic(0.2), ot.Blocks((2, 3, 2)), epsilon_code=(0.03, 0.08))
SOLVES: dict[str, tuple[ot.Regulariser, ot.Solver | None, float | None]] = {
    "Sinkhorn": (ot.Entropic(0.1), ot.Sinkhorn(), None),
    "Sinkhorn, in stages": (ot.Entropic(2e-3), ot.Sinkhorn(), None),
    "Newton": (ot.Entropic(5e-3), ot.Newton(), None),
    "Nested": (STRUCTURED, ot.Nested(), None),
    "Nested, ordered": (ORDERED, ot.Nested(), None),
    "NestedNewton": (STRUCTURED, ot.NestedNewton(), None),
    "SemiDual": (STRUCTURED, ot.SemiDual(), None),
    "SemiDual, quadratic": (ot.Quadratic(0.2), ot.SemiDual(), None),
    "PerturbedCostLoop": (STRUCTURED, ot.PerturbedCostLoop(), None),
    "ConditionalGradient": (ot.Rebated(ot.Entropic(0.2), (3, 4), (ot.Rebate((0,), 0.05),)), None, None),
    "UnbalancedSinkhorn": (ot.Entropic(0.1), None, 0.5),
    "UnbalancedNested": (STRUCTURED, None, 0.5),
}


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("name", SOLVES)
def test_solves_are_those_of_the_cpu(
    name: str, batch: tuple[int, ...], on_tensors: Callable[[], None]
) -> None:
    regulariser, solver, rho = SOLVES[name]
    cost = torch.stack([random_cost(12, 7, seed) for seed in range(2)]) if batch else random_cost(12, 7, 0)
    a, b = random_weights(12, 1), random_weights(7, 2)
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser, rho=rho)
    plan = ot.solve(problem, solver=solver, tolerance=1e-8, max_steps=5000)
    on_tensors()
    other = ot.solve(problem, solver=solver, tolerance=1e-8, max_steps=5000)
    assert bool(other.converged.all())
    torch.testing.assert_close(other.matrix(), plan.matrix(), atol=1e-7, rtol=0)
    torch.testing.assert_close(other.value, plan.value, atol=1e-9, rtol=0)


def clouds() -> tuple[Tensor, ...]:
    x, y = (torch.randn(n, 2, generator=rng(n), dtype=torch.float64) for n in (12, 7))
    return x.requires_grad_(), y, random_weights(12, 1), random_weights(7, 2)


VALUES: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "sinkhorn_divergence": lambda x, y, a, b: ot.sinkhorn_divergence(x, y, a, b, epsilon=0.3, tolerance=1e-9),
    "SinkhornDivergenceTo": lambda x, y, a, b: ot.SinkhornDivergenceTo(y, b, epsilon=0.3, tolerance=1e-9)(
        x, a
    ),
    "another cost": lambda x, y, a, b: ot.sinkhorn_divergence(
        x, y, a, b, epsilon=0.3, tolerance=1e-9, cost=ot.Lp(1.5)
    ),
    "unbalanced_divergence": lambda x, y, a, b: ot.unbalanced_divergence(
        x, y, a, b, epsilon=0.3, rho=1.0, tolerance=1e-9
    ),
    "structured_divergence": lambda x, y, a, b: ot.structured_divergence(
        x, y, STRUCTURED, a, b, self_term=ot.SelfTerm(0.5), tolerance=1e-9
    ),
    "cloud_divergence": lambda x, y, a, b: ot.cloud_divergence(
        ot.CloudProblem(x=x, y=y, a=a, b=b, regulariser=ot.Entropic(0.3)), tolerance=1e-9, max_steps=2000
    ),
    "a structured cloud": lambda x, y, a, b: ot.cloud_value(
        ot.solve_clouds(
            ot.CloudProblem(x=x, y=y, a=a, b=b, regulariser=STRUCTURED), tolerance=1e-9, max_steps=5000
        )
    ),
    "Implicit": lambda x, y, a, b: ot.solve(
        ot.OTProblem.from_points(x, y, regulariser=STRUCTURED, a=a, b=b),
        tolerance=1e-10,
        gradient=ot.Implicit(),
    ).mutual_information(),
    "relaxed_frequencies": lambda x, y, a, b: (
        ot.relaxed_frequencies(ot.squared_euclidean(x, y), a, b, epsilon=0.3, rho=0.2).square().sum()
        + 0 * x.sum()
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_and_gradients_are_those_of_the_cpu(name: str, on_tensors: Callable[[], None]) -> None:
    x, *rest = clouds()
    value = VALUES[name](x, *rest)
    (slope,) = torch.autograd.grad(value, x)
    on_tensors()
    other = VALUES[name](x, *rest)
    torch.testing.assert_close(other, value, atol=1e-8, rtol=0)
    torch.testing.assert_close(torch.autograd.grad(other, x)[0], slope, atol=1e-6, rtol=0)
