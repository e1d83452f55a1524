"""Laws that every plan and divergence obeys, on problems of all shapes, scales and degeneracies."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import Drawn, clouds, layouts, quick

from infot import ot

BOTH = (torch.float32, torch.float64)
TOLERANCE = 1e-9


def tolerance_of(problem: ot.OTProblem) -> float:
    """Return a marginal error that the dtype can reach: a thousand roundings."""
    return 1000 * torch.finfo(problem.cost.dtype).eps


def solved(problem: ot.OTProblem, **settings: object) -> ot.Plan:
    arguments = {"tolerance": TOLERANCE, "max_steps": 20000, "on_failure": "raise", **settings}
    return ot.solve(problem, **arguments)


def changed(problem: ot.OTProblem, **changes: object) -> ot.OTProblem:
    fields = {"cost": problem.cost, "a": problem.a, "b": problem.b, "regulariser": problem.regulariser}
    return ot.OTProblem(**{**fields, **changes})


@quick
@given(st.one_of(clouds(BOTH), layouts(BOTH)))
def test_plans_are_finite_and_tell_the_truth_about_their_marginals(drawn: Drawn) -> None:
    problem = drawn.problem
    tolerance = tolerance_of(problem)
    plan = ot.solve(problem, tolerance=tolerance, on_failure="return")
    matrix = plan.matrix().double()
    assert matrix.isfinite().all() and (matrix >= 0).all() and plan.value.isfinite()
    assert plan.f[problem.row_weights > 0].isfinite().all()
    assert plan.g[problem.column_weights > 0].isfinite().all()
    rows = float((matrix.sum(1) - problem.row_weights).abs().sum())
    columns = float((matrix.sum(0) - problem.column_weights).abs().sum())
    assert rows <= tolerance
    assert float(plan.marginal_error) == pytest.approx(max(rows, columns), abs=tolerance / 10)
    assert bool(plan.converged) == (plan.status is ot.Status.CONVERGED)
    if plan.converged:
        assert columns <= 2 * tolerance
    assert (matrix[problem.row_weights == 0] == 0).all() and (
        matrix[:, problem.column_weights == 0] == 0
    ).all()


@quick
@given(st.one_of(clouds(), layouts()))
def test_there_is_no_gap_between_primal_and_dual(drawn: Drawn) -> None:
    problem = drawn.problem
    plan = solved(problem)
    spread = (
        float(problem.cost.max() - problem.cost.min())
        + problem.regulariser.value(plan.density().unsqueeze(0), problem.row_weights.unsqueeze(0)).abs().max()
    )
    assert float(plan.primal_value - plan.value) == pytest.approx(
        0, abs=1e-8 + 10 * TOLERANCE * float(spread)
    )


@quick
@given(clouds())
def test_exchanging_the_sides_transposes_the_plan(drawn: Drawn) -> None:
    problem = drawn.problem
    plan = solved(problem)
    other = solved(changed(problem, cost=problem.cost.T, a=problem.b, b=problem.a))
    assert float(other.value) == pytest.approx(float(plan.value), abs=1e-7)
    torch.testing.assert_close(other.matrix().T, plan.matrix(), atol=1e-7, rtol=0)


@quick
@given(st.one_of(clouds(), layouts()), st.floats(-50, 50), st.floats(-3, 3))
def test_shifts_and_scales_of_the_cost(drawn: Drawn, shift: float, decades: float) -> None:
    problem = drawn.problem
    plan, scale = solved(problem), 10**decades
    shifted = solved(changed(problem, cost=problem.cost + shift))
    assert float(shifted.value) == pytest.approx(float(plan.value) + shift, abs=1e-7)
    scaled = solved(
        changed(problem, cost=scale * problem.cost, regulariser=ot.Scaled(problem.regulariser, scale))
    )
    assert float(scaled.value) == pytest.approx(scale * float(plan.value), abs=scale * 1e-7)
    for other in (shifted, scaled):
        torch.testing.assert_close(other.matrix(), plan.matrix(), atol=1e-7, rtol=0)


@quick
@given(clouds(), st.floats(-3, 3), st.floats(-3, 3))
def test_moving_a_cloud_changes_the_value_by_the_means_and_not_the_plan(
    drawn: Drawn, right: float, up: float
) -> None:
    """``|x + t - y|^2 = |x - y|^2 + |t|^2 + 2 t . (x - y)``: what is added depends on one point each."""
    x, y, a, b, epsilon = drawn.x, drawn.y, drawn.a, drawn.b, drawn.epsilon
    move = torch.tensor([right, up], dtype=torch.float64)
    plan, moved = (
        solved(ot.OTProblem.from_points(points, y, a=a, b=b, regulariser=ot.Entropic(epsilon)))
        for points in (x, x + move)
    )
    change = move.square().sum() + 2 * (move * (a @ x - b @ y)).sum()
    assert float(moved.value - plan.value) == pytest.approx(float(change), abs=1e-6)
    torch.testing.assert_close(moved.matrix(), plan.matrix(), atol=1e-7, rtol=0)


@quick
@given(layouts())
def test_information_is_not_made_by_reading_less(drawn: Drawn) -> None:
    """Data processing: merged data and merged latents carry no more, and no variable more than its entropy."""
    problem = drawn.problem
    plan = solved(problem)
    whole, code = float(plan.mutual_information("latent")), float(plan.mutual_information("code"))
    assert -1e-7 <= code <= whole + 1e-7
    assert whole <= float(torch.special.entr(problem.column_weights).sum()) + 1e-7
    merged = plan.matrix().clone()
    merged[:, 0] = merged[:, : (merged.shape[1] + 1) // 2].sum(1)
    merged = merged[:, [0, *range((merged.shape[1] + 1) // 2, merged.shape[1])]]
    independent = merged.sum(1, keepdim=True) * merged.sum(0)
    information = torch.where(merged > 0, merged * (merged / independent).log(), 0.0).sum()
    assert float(information) <= whole + 1e-7


@quick
@given(layouts())
def test_what_the_code_gains_lies_between_the_informations(drawn: Drawn) -> None:
    """``rebate I_plain(c; x) <= W_plain - W <= rebate I(c; x) <= rebate H(c)``."""
    problem = drawn.problem
    structured = problem.regulariser
    assert isinstance(structured, ot.Structured)
    rebate = structured.base.epsilon - structured.epsilons_code[0]
    plan = solved(problem)
    plain = solved(
        ot.OTProblem(problem.cost, structured.base, problem.a, problem.b, blocks=structured.blocks)
    )
    gain = float(plain.value - plan.value)
    assert rebate * float(plain.mutual_information("code")) <= gain + 1e-7
    assert gain <= rebate * float(plan.mutual_information("code")) + 1e-7
    assert float(plan.mutual_information("code")) <= math.log(structured.blocks.n_codes) + 1e-7


@quick
@given(layouts())
def test_the_perturbed_cost_gives_the_structured_plan(drawn: Drawn) -> None:
    problem = drawn.problem
    plan = solved(problem)
    structured = problem.regulariser
    assert isinstance(structured, ot.Structured)
    ordinary = solved(changed(problem, cost=plan.perturbed_cost(), regulariser=structured.base))
    torch.testing.assert_close(ordinary.matrix(), plan.matrix(), atol=1e-6, rtol=0)


@quick
@given(clouds())
def test_the_divergence_is_positive_symmetric_and_zero_on_equal_measures(drawn: Drawn) -> None:
    x, y, a, b, epsilon = drawn.x, drawn.y, drawn.a, drawn.b, drawn.epsilon
    settings = {"epsilon": epsilon, "tolerance": TOLERANCE, "max_steps": 20000, "on_failure": "raise"}
    there, back = (
        ot.sinkhorn_divergence(x, y, a, b, **settings),
        ot.sinkhorn_divergence(y, x, b, a, **settings),
    )
    assert there > -1e-7
    assert float(there) == pytest.approx(float(back), abs=1e-7)
    assert float(ot.sinkhorn_divergence(x, x.flip(0), a, a.flip(0), **settings)) == pytest.approx(0, abs=1e-7)


@quick
@given(clouds())
def test_gradients_are_finite_on_degenerate_clouds(drawn: Drawn) -> None:
    x, y, a, b, epsilon = drawn.x, drawn.y, drawn.a, drawn.b, drawn.epsilon
    arrays = [z.clone().requires_grad_() for z in (x, y, a, b)]
    problem = ot.OTProblem.from_points(
        arrays[0], arrays[1], a=arrays[2], b=arrays[3], regulariser=ot.Entropic(epsilon)
    )
    plan = solved(problem, gradient=ot.Implicit(tolerance=1e-6, max_steps=100))
    losses = [
        plan.matrix().square().sum(),
        ot.sinkhorn_divergence(*arrays, epsilon=epsilon, tolerance=1e-6, on_failure="return"),
        ot.energy_distance(*arrays),
        ot.sliced_wasserstein(*arrays, rng=torch.Generator().manual_seed(0), n_projections=4),
    ]
    for loss in losses:
        for slope in torch.autograd.grad(loss, arrays):
            assert slope.isfinite().all()
