"""Clouds solved a few rows at a time are clouds solved at once."""

import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ConvergenceError, ConvergenceWarning, ProblemError
from infot.ot.clouds import tiles

COSTS = [ot.SquaredEuclidean(), ot.Lp(p=2.0, power=1.0), ot.Cosine()]


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU_ENTRIES", 7 * 31)


def clouds() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x = torch.randn(40, 3, generator=rng(0), dtype=torch.float64)
    y = 0.7 * torch.randn(31, 3, generator=rng(1), dtype=torch.float64) + 5.5
    return x, y, random_weights(40, 2, zeros=3), random_weights(31, 3, zeros=2)


def both(cost: ot.Cost, epsilon: float = 0.05, coarse: int = 16) -> tuple[ot.CloudPlan, ot.Plan]:
    x, y, a, b = clouds()
    regulariser = ot.Relative(ot.Entropic(epsilon))
    streamed = ot.solve_clouds(
        ot.CloudProblem(x, y, regulariser=regulariser, cost=cost, a=a, b=b),
        solver=ot.Streaming(coarse=coarse),
        tolerance=1e-10,
        max_steps=2000,
        on_failure="raise",
    )
    whole = ot.OTProblem.from_points(x, y, regulariser=regulariser, cost=cost, a=a, b=b)
    return streamed, ot.solve(whole, tolerance=1e-10, max_steps=5000, on_failure="raise")


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: type(c).__name__)
def test_everything_read_off_the_plan_agrees(cost: ot.Cost) -> None:
    streamed, whole = both(cost)
    matrix = whole.matrix()
    assert streamed.problem.epsilon == pytest.approx(whole.epsilon, rel=1e-12)
    torch.testing.assert_close(streamed.value, whole.value, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(streamed.rows(slice(0, 40)), matrix, atol=1e-10, rtol=0)
    torch.testing.assert_close(streamed.rows(slice(11, 35)), matrix[11:35], atol=1e-10, rtol=0)
    torch.testing.assert_close(
        torch.cat([b.clone() for _, b in streamed.row_blocks()]), matrix, atol=1e-10, rtol=0
    )
    v, u = torch.rand(31, 2, dtype=torch.float64), torch.rand(40, 2, dtype=torch.float64)
    torch.testing.assert_close(streamed.apply(v), matrix @ v, atol=1e-9, rtol=0)
    torch.testing.assert_close(streamed.apply_transposed(u), matrix.T @ u, atol=1e-9, rtol=0)
    rows, columns = streamed.marginals()
    torch.testing.assert_close(rows, streamed.problem.row_weights, atol=1e-12, rtol=0)
    assert float((columns - streamed.problem.column_weights).abs().sum()) == pytest.approx(
        float(streamed.marginal_error), abs=1e-12
    )
    _, y, _, _ = clouds()
    torch.testing.assert_close(
        streamed.barycentric_projection(), whole.barycentric_projection(y), atol=1e-7, rtol=0
    )
    torch.testing.assert_close(streamed.transport_cost, whole.transport_cost, atol=1e-8, rtol=0)
    torch.testing.assert_close(streamed.information, whole.mutual_information("latent"), atol=1e-8, rtol=0)


def test_unseen_points_follow_the_same_map() -> None:
    streamed, whole = both(ot.SquaredEuclidean())
    x, y, _, _ = clouds()
    unseen = torch.randn(9, 3, generator=rng(4), dtype=torch.float64)
    expected = ot.transport_map(whole, y, ot.squared_euclidean(unseen, y))
    torch.testing.assert_close(streamed.transport_map(unseen), expected, atol=1e-7, rtol=0)
    torch.testing.assert_close(streamed.potential(x), streamed.f, atol=1e-12, rtol=0)


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: type(c).__name__)
def test_gradients_in_points_and_weights_are_those_of_the_whole_problem(cost: ot.Cost) -> None:
    def gradients(streamed: bool) -> tuple[Tensor, ...]:
        arrays = [t.clone().requires_grad_() for t in clouds()]
        x, y, a, b = arrays
        regulariser = ot.Entropic(0.3)
        if streamed:
            problem = ot.CloudProblem(x, y, regulariser=regulariser, cost=cost, a=a, b=b)
            value = ot.cloud_value(ot.solve_clouds(problem, tolerance=1e-11, max_steps=3000))
        else:
            whole = ot.OTProblem.from_points(x, y, regulariser=regulariser, cost=cost, a=a, b=b)
            value = ot.transport_value(ot.solve(whole, tolerance=1e-11, max_steps=5000))
        return torch.autograd.grad(3 * value, arrays)

    for ours, theirs in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-7)


def test_the_start_from_a_subsample_saves_passes_and_a_plan_starts_the_next() -> None:
    x, y, a, b = clouds()
    problem = ot.CloudProblem(x, y, regulariser=ot.Relative(ot.Entropic(0.01)), a=a, b=b)
    cold = ot.solve_clouds(
        problem, start=torch.zeros(31, dtype=torch.float64), tolerance=1e-6, max_steps=5000
    )
    sampled = ot.solve_clouds(problem, solver=ot.Streaming(coarse=40), tolerance=1e-6, max_steps=5000)
    assert sampled.n_steps < cold.n_steps
    again = ot.solve_clouds(problem, start=cold, tolerance=1e-6)
    assert again.n_steps == 1


def test_a_tile_is_all_that_is_held() -> None:
    x, y, _, _ = clouds()
    made = tiles.make_tiles(x, y, 0.1, ot.SquaredEuclidean())
    assert made._buffer.numel() <= tiles._CPU_ENTRIES
    assert len(list(made.slices())) == 6


def test_float32_far_from_the_origin() -> None:
    x, y, a, b = clouds()
    shift = torch.full((3,), 1000.0)
    near = ot.CloudProblem(x.float(), y.float(), regulariser=ot.Entropic(1.0), a=a.float(), b=b.float())
    far = ot.CloudProblem(
        x.float() + shift, y.float() + shift, regulariser=ot.Entropic(1.0), a=a.float(), b=b.float()
    )
    torch.testing.assert_close(ot.solve_clouds(far).value, ot.solve_clouds(near).value, atol=0, rtol=1e-4)


def test_failures_are_told() -> None:
    x, y, _, _ = clouds()
    problem = ot.CloudProblem(x, y, regulariser=ot.Relative(ot.Entropic(1e-3)))
    with pytest.warns(
        ConvergenceWarning, match=r"Streaming\(coarse=16\): L1 marginal error .* after 2 steps"
    ):
        ot.solve_clouds(problem, solver=ot.Streaming(coarse=16), tolerance=1e-9, max_steps=2)
    with pytest.raises(ConvergenceError, match="allow more steps"):
        ot.solve_clouds(problem, tolerance=1e-9, max_steps=1, on_failure="raise")
    single = ot.CloudProblem(x.float(), y.float(), regulariser=ot.Relative(ot.Entropic(0.01)))
    plan = ot.solve_clouds(single, tolerance=1e-12, max_steps=5000, on_failure="return")
    assert plan.status is ot.Status.STALLED and not plan.converged


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": torch.rand(3)}, r"x of shape \(n, d\) or \(B, n, d\)"),
        ({"y": torch.rand(3, 2).int()}, "float32 or float64"),
        ({"y": torch.rand(3, 5)}, "one dimension, dtype and batch size"),
        ({"x": torch.full((3, 2), torch.nan)}, "finite points"),
        ({"a": torch.ones(3)}, "sum 1"),
        ({"regulariser": ot.Quadratic(1.0)}, "Entropic smoothing of clouds"),
        ({"y": torch.zeros(4, 2), "x": torch.zeros(3, 2)}, "positive mean cost"),
    ],
)
def test_bad_problems_are_named(arguments: dict, message: str) -> None:
    full = {"x": torch.rand(3, 2), "y": torch.rand(4, 2), "regulariser": ot.Relative(ot.Entropic(0.1))}
    with pytest.raises(ProblemError, match=message):
        ot.CloudProblem(**{**full, **arguments})


def test_bad_settings_are_named() -> None:
    problem = ot.CloudProblem(torch.rand(3, 2), torch.rand(4, 2), regulariser=ot.Entropic(0.1))
    with pytest.raises(ProblemError, match="tolerance > 0"):
        ot.solve_clouds(problem, tolerance=0.0)
    with pytest.raises(ProblemError, match="on_failure"):
        ot.solve_clouds(problem, on_failure="shrug")
    with pytest.raises(ProblemError, match="starting potential"):
        ot.solve_clouds(problem, start=torch.zeros(9))
    with pytest.raises(ProblemError, match="coarse >= 1"):
        ot.Streaming(coarse=0)
    with pytest.raises(ProblemError, match="consecutive rows"):
        ot.solve_clouds(problem).rows(slice(0, 3, 2))
