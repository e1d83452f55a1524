"""The divergence of clouds a few rows at a time is the divergence."""

from typing import Any

import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ConvergenceWarning, ProblemError
from infot.ot.clouds import tiles


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU_ENTRIES", 150)


def arrays() -> list[Tensor]:
    x = torch.randn(30, 2, generator=rng(0), dtype=torch.float64)
    y = 0.7 * torch.randn(24, 2, generator=rng(1), dtype=torch.float64) + 0.5
    return [x, y, random_weights(30, 2, zeros=2), random_weights(24, 3)]


@pytest.mark.parametrize("epsilon", [0.05, 0.3])
@pytest.mark.parametrize("cost", [ot.SquaredEuclidean(), ot.Lp()], ids=["squared", "norm"])
def test_value_and_gradients_are_those_of_the_divergence(epsilon: float, cost: ot.Cost) -> None:
    def gradients(streamed: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
        inputs = [t.requires_grad_() for t in arrays()]
        x, y, a, b = inputs
        if streamed:
            problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(epsilon), cost=cost, a=a, b=b)
            value = ot.cloud_divergence(problem, tolerance=1e-8, max_steps=5000, on_failure="raise")
        else:
            value = ot.sinkhorn_divergence(
                x, y, a, b, epsilon=epsilon, cost=cost, tolerance=1e-8, max_steps=20000, on_failure="raise"
            )
        return value, torch.autograd.grad(value, inputs)

    ours, theirs = gradients(True), gradients(False)
    torch.testing.assert_close(ours[0], theirs[0], atol=1e-8, rtol=0)
    for left, right in zip(ours[1], theirs[1], strict=True):
        # an L1 error of 1e-8 leaves potentials open by more where little mass decides them
        torch.testing.assert_close(left, right, atol=2e-5, rtol=0)


@pytest.mark.parametrize("epsilon", [10.0, 0.1, 1e-3])
def test_a_cloud_against_itself_takes_as_many_passes_at_every_epsilon(epsilon: float) -> None:
    x, _, a, _ = arrays()
    problem = ot.CloudProblem(x, x, regulariser=ot.Entropic(epsilon), a=a, b=a)
    plan = ot.solve_clouds(problem, solver=ot.SymmetricStreaming(), tolerance=1e-6, on_failure="raise")
    assert plan.n_steps <= 12
    rows, columns = plan.marginals()
    torch.testing.assert_close(rows, a, atol=1e-12, rtol=0)
    assert float((columns - a).abs().sum()) == pytest.approx(float(plan.marginal_error), abs=1e-12)
    truth = ot.solve(
        ot.OTProblem.from_points(x, x, regulariser=ot.Entropic(epsilon), a=a, b=a),
        tolerance=1e-7,
        max_steps=20000,
    )
    torch.testing.assert_close(plan.value, truth.value, atol=1e-5 * epsilon + 1e-9, rtol=0)


@pytest.mark.parametrize("rho", [None, 1.0])
@pytest.mark.parametrize("batch", [False, True])
def test_starts_reach_the_three_solves_and_lead_to_the_same_value(rho: float | None, batch: bool) -> None:
    x, y, a, b = arrays()
    if batch:
        x, y = torch.stack([x, x.flip(0)]), torch.stack([y, y + 0.2])

    def problem(shift: float) -> ot.CloudProblem:
        return ot.CloudProblem(x + shift, y, regulariser=ot.Entropic(0.1), a=a, b=b, rho=rho)

    wishes: dict[str, Any] = {"tolerance": 1e-8, "max_steps": 5000, "on_failure": "raise"}
    starts = ot.cloud_terms(problem(1e-3), **wishes)
    cold, warm = (ot.cloud_terms(problem(0.0), starts=given, **wishes) for given in (None, starts))
    for name in ("between", "of_x", "of_y"):
        steps, fewer = getattr(cold, name).n_steps, getattr(warm, name).n_steps
        # the subsample, here of all points, has brought a cold solve near already
        limit = steps if name == "between" else steps - 1
        assert bool((fewer <= limit).all()), (name, steps, fewer)
    from_nothing = ot.solve_clouds(
        problem(0.0),
        solver=ot.Streaming(coarse=1) if rho is None else ot.UnbalancedStreaming(coarse=1),
        **wishes,
    )
    assert bool((warm.between.n_steps < from_nothing.n_steps).all())
    expected = ot.cloud_divergence(problem(0.0), **wishes)
    torch.testing.assert_close(warm.divergence(), expected, atol=1e-8, rtol=0)
    torch.testing.assert_close(
        ot.cloud_divergence(problem(0.0), starts=starts, **wishes), expected, atol=1e-8, rtol=0
    )


def test_the_same_clouds_take_one_pass_a_term() -> None:
    x, y, a, b = arrays()
    problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.1), a=a, b=b)
    terms = ot.cloud_terms(problem, tolerance=1e-6, on_failure="raise")
    again = ot.cloud_terms(problem, tolerance=1e-6, starts=terms, on_failure="raise")
    assert [int(term.n_steps) for term in (again.between, again.of_x, again.of_y)] == [1, 1, 1]


def test_what_it_cannot_do_is_told() -> None:
    x, y, a, b = arrays()
    problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.01), a=a, b=b)
    with pytest.raises(ProblemError, match="against itself"):
        ot.solve_clouds(problem, solver=ot.SymmetricStreaming())
    starts = ot.cloud_terms(problem, tolerance=1e-2)
    fewer = ot.CloudProblem(x, y[:-1], regulariser=ot.Entropic(0.01))
    with pytest.raises(ProblemError, match="starting potential for 23 columns"):
        ot.cloud_divergence(fewer, starts=starts)
    with pytest.warns(ConvergenceWarning, match="Streaming"):
        ot.cloud_divergence(problem, tolerance=1e-9, max_steps=3)
