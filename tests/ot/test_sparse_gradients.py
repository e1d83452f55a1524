"""Gradients of plans with exact zeros: finite differences away from kinks, the system on the support, refusals."""

from collections.abc import Callable

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ConvergenceWarning, ProblemError

BLOCKS = ot.Blocks(code=(2, 3))
REGULARISERS = {
    "quadratic": ot.Quadratic(0.2),
    "scaled": ot.Scaled(ot.Quadratic(0.5), 0.4),
    "groups": ot.GroupLasso(0.15, 0.4, BLOCKS),
    "cubic": ot.Pointwise(
        lambda s: (s / 0.1).clamp_min(0) ** 3 * 0.1 / 3, lambda s: (s / 0.1).clamp_min(0) ** 2
    ),
}
EXACT = ot.Implicit(tolerance=1e-12)


def solved(
    regulariser: ot.Regulariser, cost: Tensor, a: Tensor, b: Tensor, gradient: ot.Gradient = EXACT
) -> ot.Plan:
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser)
    return ot.solve(problem, tolerance=1e-12, max_steps=5000, gradient=gradient, on_failure="return")


def everything(plan: ot.Plan) -> Tensor:
    """Return what a plan tells, contracted with fixed numbers so that gradients in all directions count."""
    y = torch.randn(plan.problem.cost.shape[-1], 2, generator=rng(11), dtype=torch.float64)
    y = y.expand(*plan.problem.cost.shape[:-2], -1, -1)
    row = torch.randn(plan.f.shape[-1], generator=rng(12), dtype=torch.float64)
    told = (
        plan.value,
        (plan.f * row).sum(-1),
        plan.g.square().sum(-1),
        (plan.matrix() @ y).square().sum((-2, -1)),
        (plan.barycentric_projection(y) * row.unsqueeze(-1)).sum((-2, -1)),
        plan.transport_cost,
        plan.primal_value,
    )
    return torch.stack(told, -1)


def loss(regulariser: ot.Regulariser) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return a function of cost and of weights that stay on the simplex under any change."""

    def of(cost: Tensor, p: Tensor, q: Tensor) -> Tensor:
        a, b = (w / w.sum(-1, keepdim=True) for w in (p, q))
        return everything(solved(regulariser, cost, a, b))

    return of


def inputs(batch: tuple[int, ...] = ()) -> tuple[Tensor, Tensor, Tensor]:
    cost = torch.rand(*batch, 6, 4, generator=rng(0), dtype=torch.float64)
    p, q = (torch.rand(*batch, n, generator=rng(n), dtype=torch.float64) + 0.2 for n in (6, 4))
    return cost.requires_grad_(), p.requires_grad_(), q.requires_grad_()


@pytest.mark.parametrize("name", REGULARISERS)
def test_the_points_are_away_from_kinks_and_the_plans_have_zeros(name: str) -> None:
    """No slack lies within reach of the finite differences (1e-6) of its kink, and the support is connected."""
    cost, p, q = (x.detach() for x in inputs())
    plan = solved(REGULARISERS[name], cost, p / p.sum(), q / q.sum())
    slack = plan.f.unsqueeze(-1) + plan.g - cost
    assert float(slack.abs().min()) > 4e-3
    if name == "groups":
        shares = (p / p.sum()).reshape(2, 3, 1) / (p / p.sum()).reshape(2, 3, 1).sum(1, keepdim=True)
        norms = (shares * slack.clamp_min(0).reshape(2, 3, 4).square()).sum(1).sqrt()
        assert float((norms - 0.15 * 0.4).abs().min()) > 4e-3
        assert bool((norms < 0.15 * 0.4).any())
    assert bool((plan.matrix() == 0).any())
    reach = (plan.matrix() @ plan.matrix().mT > 0).double()
    assert bool((torch.linalg.matrix_power(reach, 6) > 0).all())


@pytest.mark.parametrize("name", REGULARISERS)
def test_implicit_gradients_are_those_of_finite_differences(name: str) -> None:
    assert torch.autograd.gradcheck(loss(REGULARISERS[name]), inputs(), atol=1e-6, rtol=1e-5, fast_mode=True)


@pytest.mark.parametrize("name", ["quadratic", "cubic"])
def test_implicit_gradients_can_be_differentiated_again(name: str) -> None:
    """All but the primal value, whose charge a pointwise regulariser finds by bisection: once differentiable."""

    def some(*arrays: Tensor) -> Tensor:
        return loss(REGULARISERS[name])(*arrays)[:-1]

    assert torch.autograd.gradgradcheck(some, inputs(), atol=1e-5, rtol=1e-4, fast_mode=True)


def test_batches_are_their_items() -> None:
    cost, p, q = inputs((2,))
    for regulariser in (REGULARISERS["quadratic"], REGULARISERS["groups"]):
        together = torch.autograd.grad(loss(regulariser)(cost, p, q).sum(), (cost, p, q))
        for index in range(2):
            single = [x.detach()[index].clone().requires_grad_() for x in (cost, p, q)]
            alone = torch.autograd.grad(loss(regulariser)(*single).sum(), single)
            torch.testing.assert_close([x[index] for x in together], list(alone), atol=1e-6, rtol=0)


def test_the_derivative_of_a_quadratic_plan_solves_the_system_on_its_support() -> None:
    """On the support ``S``, ``sum_S b (df + dg - dC) = 0`` for rows, likewise for columns."""
    cost, p, q = (x.detach() for x in inputs())
    a, b = p / p.sum(), q / q.sum()
    plan = solved(ot.Quadratic(0.2), cost, a, b, ot.Envelope())
    kept = (plan.matrix() > 0).double()
    change = torch.randn(6, 4, generator=rng(5), dtype=torch.float64)
    rows, columns = kept * b, kept * a.unsqueeze(-1)
    system = torch.cat(
        [
            torch.cat([torch.diag(rows.sum(1)), rows], 1),
            torch.cat([columns.mT, torch.diag(columns.sum(0))], 1),
        ]
    )
    right = torch.cat([(rows * change).sum(1), (columns * change).sum(0)])
    solution = torch.linalg.lstsq(system, right).solution
    expected = a.unsqueeze(-1) * b * kept * (solution[:6, None] + solution[6:] - change) / 0.2
    _, moved = torch.autograd.functional.jvp(
        lambda c: solved(ot.Quadratic(0.2), c, a, b).matrix(), cost, change
    )
    torch.testing.assert_close(moved, expected, atol=1e-8, rtol=0)


def test_a_support_in_pieces_leaves_the_potentials_of_its_pieces_free() -> None:
    """The plan of two far pairs cannot move with small changes of cost; what depends on the free constants warns."""
    cost = torch.tensor([[0.0, 9.0], [9.0, 0.0]], dtype=torch.float64, requires_grad=True)
    plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Quadratic(0.1)), tolerance=1e-12, gradient=EXACT)
    (slope,) = torch.autograd.grad((plan.matrix() * torch.eye(2)).sum(), cost, retain_graph=True)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-12, rtol=0)
    with pytest.warns(ConvergenceWarning, match="relative residual"):
        plan.f[0].backward()


def test_padding_is_differentiated_around_and_zero_weights_are_refused() -> None:
    small = random_cost(6, 4, 0)
    padded = torch.full((1, 7, 5), torch.nan, dtype=torch.float64)
    padded[0, :6, :4] = small
    padded.requires_grad_()
    masks = {"row_mask": torch.arange(7).unsqueeze(0) < 6, "column_mask": torch.arange(5).unsqueeze(0) < 4}
    quadratic = REGULARISERS["quadratic"]
    plan = ot.solve(
        ot.OTProblem(cost=padded, regulariser=quadratic, **masks), tolerance=1e-12, gradient=EXACT
    )
    (slope,) = torch.autograd.grad(plan.matrix().square().sum(), padded)
    alone = small.clone().requires_grad_()
    single = ot.solve(ot.OTProblem(cost=alone, regulariser=quadratic), tolerance=1e-12, gradient=EXACT)
    (expected,) = torch.autograd.grad(single.matrix().square().sum(), alone)
    torch.testing.assert_close(slope[0, :6, :4], expected, atol=1e-9, rtol=0)
    assert (slope[0, 6:] == 0).all() and (slope[0, :, 4:] == 0).all()
    a = random_weights(6, 1)
    a[0] = 0
    a = (a / a.sum()).requires_grad_()
    with pytest.raises(ProblemError, match="positive weights a for gradients in them under Quadratic"):
        ot.solve(ot.OTProblem(cost=small, a=a, regulariser=quadratic), gradient=EXACT)


def test_what_jumps_is_refused_with_the_reason() -> None:
    problem = ot.OTProblem(cost=random_cost(6, 4, 0), regulariser=ot.Cardinality(2, 0.5))
    with pytest.raises(
        ProblemError, match="got Cardinality, whose couplings jump with the cost; the gradient"
    ):
        ot.solve(problem, gradient=ot.Implicit(), on_failure="return", max_steps=3)
    bare = ot.OTProblem(cost=random_cost(6, 4, 0), regulariser=ot.Unregularised())
    with pytest.raises(
        ProblemError,
        match="gradients of plans: expected a convex smoothing .* got Unregularised",
    ):
        ot.solve(bare, gradient=ot.Implicit())
    smooth = ot.OTProblem(cost=random_cost(6, 4, 0), regulariser=ot.Quadratic(0.5))
    with pytest.raises(
        ProblemError, match="Unrolled needs an Entropic or Structured regulariser, got Quadratic"
    ):
        ot.solve(smooth, gradient=ot.Unrolled(2))
