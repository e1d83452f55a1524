"""Clouds whose marginals have a price are the matrix problems with that price."""

import math

import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ProblemError
from infot.ot.clouds import tiles

TIGHT = {"tolerance": 1e-11, "max_steps": 5000, "on_failure": "raise"}
RHO = pytest.mark.parametrize(
    "rho", [0.5, 30.0, (0.5, 2.0), (math.inf, 1.0), (1.0, math.inf)], ids=lambda rho: f"rho={rho}"
)
COSTS = pytest.mark.parametrize("cost", [ot.SquaredEuclidean(), ot.Lp()], ids=["squared", "norm"])


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU_ENTRIES", 100)


def arrays() -> list[Tensor]:
    """Two pairs of clouds with weights of other sums, some of them zero."""
    x = torch.randn(2, 15, 2, generator=rng(0), dtype=torch.float64)
    y = 0.7 * torch.randn(2, 11, 2, generator=rng(1), dtype=torch.float64) + 1
    a = torch.stack([2 * random_weights(15, 2, zeros=3), random_weights(15, 3)])
    b = torch.stack([random_weights(11, 4), 0.5 * random_weights(11, 5, zeros=2)])
    return [x, y, a, b]


@COSTS
@RHO
def test_everything_read_off_the_plan_agrees(cost: ot.Cost, rho: float | tuple[float, float]) -> None:
    x, y, a, b = arrays()
    if isinstance(rho, tuple) and rho[1] == math.inf:
        a, b = a.flip(0), b.flip(0)
    problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2), cost=cost, a=a, b=b, rho=rho)
    plan = ot.solve_clouds(problem, **TIGHT)
    whole = ot.OTProblem.from_points(x, y, regulariser=ot.Entropic(0.2), cost=cost, a=a, b=b, rho=rho)
    exact = ot.solve(whole, **TIGHT)
    torch.testing.assert_close(plan.rows(slice(0, 15)), exact.matrix(), atol=1e-9, rtol=0)
    torch.testing.assert_close(plan.value, exact.value, atol=1e-9, rtol=0)
    torch.testing.assert_close(plan.f, exact.f, atol=1e-8, rtol=0)
    torch.testing.assert_close(plan.g, exact.g, atol=1e-8, rtol=0)
    torch.testing.assert_close(plan.transport_cost, exact.transport_cost, atol=1e-8, rtol=0)
    torch.testing.assert_close(plan.information, exact.mutual_information("latent"), atol=1e-8, rtol=0)
    torch.testing.assert_close(plan.potential(x), plan.f, atol=1e-10, rtol=0)
    for ours, theirs in zip(plan.marginals(), exact.marginals(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)


@COSTS
@RHO
def test_gradients_agree_in_points_and_in_free_weights(
    cost: ot.Cost, rho: float | tuple[float, float]
) -> None:
    inputs = [t.requires_grad_() for t in arrays()]
    x, y, a, b = inputs
    scale = torch.tensor([1.0, -2.0], dtype=torch.float64)
    streamed = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2), cost=cost, a=a, b=b, rho=rho)
    ours = (scale * ot.cloud_value(ot.solve_clouds(streamed, **TIGHT))).sum()
    whole = ot.OTProblem.from_points(x, y, regulariser=ot.Entropic(0.2), cost=cost, a=a, b=b, rho=rho)
    theirs = (scale * ot.transport_value(ot.solve(whole, **TIGHT))).sum()
    for left, right in zip(
        torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs), strict=True
    ):
        torch.testing.assert_close(left, right, atol=1e-7, rtol=1e-7)


@COSTS
def test_the_divergence_is_the_unbalanced_divergence(cost: ot.Cost) -> None:
    inputs = [t.requires_grad_() for t in arrays()]
    x, y, a, b = inputs
    wishes = {"tolerance": 1e-9, "max_steps": 5000, "on_failure": "raise"}
    problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2), cost=cost, a=a, b=b, rho=1.5)
    ours = ot.cloud_divergence(problem, **wishes)
    theirs = ot.unbalanced_divergence(x, y, a, b, epsilon=0.2, rho=1.5, cost=cost, **wishes)
    torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=0)
    for left, right in zip(
        torch.autograd.grad(ours.sum(), inputs), torch.autograd.grad(theirs.sum(), inputs), strict=True
    ):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=0)
    with pytest.raises(ProblemError, match="one positive, finite rho"):
        ot.cloud_divergence(
            ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2), a=a, b=b, rho=(1.0, 2.0)), on_failure="return"
        )


def test_a_high_price_keeps_the_marginals_and_an_outlier_is_left() -> None:
    x, y, _, _ = (t[0] for t in arrays())
    far = torch.cat([y, torch.full((1, 2), 60.0, dtype=torch.float64)])
    plan = ot.solve_clouds(ot.CloudProblem(x, far, regulariser=ot.Entropic(0.2), rho=1.0), **TIGHT)
    assert float(plan.marginals()[1][-1]) < 1e-9
    kept = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2)), **TIGHT)
    dear = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2), rho=1e6), **TIGHT)
    torch.testing.assert_close(dear.value, kept.value, atol=1e-4, rtol=0)
    free = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2), rho=math.inf)
    torch.testing.assert_close(ot.solve_clouds(free, **TIGHT).value, kept.value)


def test_masks_relative_prices_and_warm_starts() -> None:
    x, y, _, _ = arrays()
    mask = torch.ones(2, 15, dtype=torch.bool)
    mask[1, 9:] = False
    regulariser = ot.Relative(ot.Entropic(0.1))
    hidden = x.masked_fill(~mask.unsqueeze(-1), torch.nan)
    problem = ot.CloudProblem(hidden, y, regulariser=regulariser, row_mask=mask, rho=2.0)
    plan = ot.solve_clouds(problem, solver=ot.UnbalancedStreaming(coarse=6), **TIGHT)
    alone = ot.OTProblem.from_points(x[1, :9], y[1], regulariser=regulariser, rho=2.0)
    torch.testing.assert_close(plan.value[1], ot.solve(alone, **TIGHT).value, atol=1e-9, rtol=0)
    again = ot.solve_clouds(problem, start=plan, tolerance=1e-8)
    assert (plan.n_steps > 3).all() and again.n_steps.tolist() == [1, 1]


def test_what_fits_no_price_is_told() -> None:
    x, y, a, _ = (t[0] for t in arrays())
    priced = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2), a=a, rho=1.0)
    with pytest.raises(ProblemError, match="Streaming keeps both marginals"):
        ot.solve_clouds(priced, solver=ot.Streaming())
    kept = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2))
    with pytest.raises(ProblemError, match="problems with rho"):
        ot.solve_clouds(kept, solver=ot.UnbalancedStreaming())
    with pytest.raises(ProblemError, match="coarse >= 1"):
        ot.UnbalancedStreaming(coarse=0)
    with pytest.raises(ProblemError, match="positive rho"):
        ot.CloudProblem(x, y, regulariser=ot.Entropic(0.2), rho=-1.0)
