"""Averages at one product a step end where the general iteration does, and say how far off they are."""

import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ProblemError
from infot.numerics import from_loop, to_loop
from infot.ot.solvers.averages import Averaged, SelfKernel, average
from infot.ot.solvers.cloud_cost import Cloud, SelfCost
from infot.ot.status import Status


def cloud(n: int = 40, d: int = 2) -> tuple[Tensor, Tensor]:
    """Two clouds and their weights."""
    x = torch.randn(2, n, d, generator=rng(0), dtype=torch.float64)
    return x, torch.stack([random_weights(n, 1), random_weights(n, 2)])


def averaged(x: Tensor, a: Tensor, epsilon: float, **wishes: float) -> tuple[Averaged, Tensor]:
    """Where averages end, and the plan whose columns are exact there."""
    points, weights = to_loop(x), to_loop(a)
    buffer = to_loop(x.new_empty(len(x), x.shape[1], x.shape[1]))
    cost = SelfCost(Cloud(points, weights, 0 * points[:, :1]))
    kernel = SelfKernel(cost, weights, epsilon=epsilon, buffer=buffer)
    end = average(
        kernel, tolerance=wishes.get("tolerance", 1e-9), max_steps=int(wishes.get("max_steps", 100))
    )
    rows = a * from_loop(end.scaling)
    return end, rows.unsqueeze(-1) * from_loop(buffer) * from_loop(end.loads).unsqueeze(-2)


@pytest.mark.parametrize("epsilon", [5.0, 0.3, 0.02])
def test_it_ends_where_the_general_iteration_does(epsilon: float) -> None:
    x, a = cloud()
    end, _ = averaged(x, a, epsilon)
    problem = ot.OTProblem.from_points(x, x, regulariser=ot.Entropic(epsilon), a=a, b=a)
    truth = ot.solve(problem, solver=ot.SymmetricSinkhorn(), tolerance=1e-9, on_failure="raise")
    value = (a * epsilon * from_loop(end.f + end.g)).sum(-1)
    torch.testing.assert_close(value, truth.value, atol=1e-9, rtol=0)
    assert end.n_steps <= int(truth.n_steps.max()) + 1  # the second product is left out far from the end


@pytest.mark.parametrize("max_steps", [1, 2, 4, 100])
@pytest.mark.parametrize("epsilon", [5.0, 0.02])
def test_the_error_is_that_of_the_plan(epsilon: float, max_steps: int) -> None:
    x, a = cloud()
    end, plan = averaged(x, a, epsilon, tolerance=1e-6, max_steps=max_steps)
    torch.testing.assert_close(plan.sum(-2), a, atol=1e-12, rtol=0)
    error = (plan.sum(-1) - a).abs().sum(-1)
    torch.testing.assert_close(from_loop(end.error), error, atol=1e-12, rtol=0)
    assert (float(error.max()) <= 1e-6) == (max_steps == 100)
    assert end.n_steps <= max_steps


def test_a_permutation_takes_one_step() -> None:
    x = torch.arange(10, dtype=torch.float64).reshape(1, 10, 1)
    end, _ = averaged(x, torch.full((1, 10), 0.1, dtype=torch.float64), 1e-2)
    assert end.n_steps == 1 and float(end.error[0]) < 1e-9


def test_potentials_beyond_what_a_kernel_bears_write_it_again() -> None:
    """A point of weight 1e-30 far from the others has its potential 34 prices up, more than float32 bears."""
    x, a = cloud()
    x[:, 0] = 30.0
    a[:, 0] = 1e-30
    single, _ = averaged(x.float(), a.float(), 0.5, tolerance=1e-4)
    double, _ = averaged(x, a, 0.5, tolerance=1e-9)
    assert float(double.f[0, 0]) > 30
    # a plan between negligible masses has its potential open by as much as the tolerance leaves it
    torch.testing.assert_close(
        from_loop(single.f)[:, 1:].double(), from_loop(double.f)[:, 1:], atol=1e-2, rtol=0
    )
    assert float(from_loop(single.error).max()) <= 1e-4


def test_what_is_not_finite_ends_and_shows() -> None:
    x, a = cloud()
    x[1, 3] = float("nan")
    end, _ = averaged(x, a, 0.5)
    assert end.n_steps == 1 and not from_loop(end.error)[1].isfinite()
    assert end.otherwise is Status.MAX_STEPS


@pytest.mark.parametrize(
    ("wish", "match"), [({"tolerance": 0.0}, "tolerance > 0"), ({"on_failure": "shout"}, "on_failure='warn'")]
)
def test_wishes_are_checked_at_the_front_door(wish: dict[str, object], match: str) -> None:
    x, _ = cloud()
    with pytest.raises(ProblemError, match=match):
        ot.sinkhorn_divergence(x, x + 1, epsilon=0.5, **wish)  # pyright: ignore[reportArgumentType]
