"""Divergences: truth and gradients."""

import math

import pytest
import torch

from infot import ot
from infot.errors import ProblemError
from infot.ot import divergences


def cloud(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights(n: int, seed: int) -> torch.Tensor:
    return torch.rand(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).add(0.1).log()


def test_gradients_in_points_and_weights_are_those_of_finite_differences() -> None:
    x, y = cloud(3, 0).requires_grad_(), cloud(2, 1).requires_grad_()
    p, q = weights(3, 2).requires_grad_(), weights(2, 3).requires_grad_()

    def divergence(x: torch.Tensor, y: torch.Tensor, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        return ot.sinkhorn_divergence(x, y, p.softmax(0), q.softmax(0), epsilon=0.5, tolerance=1e-11)

    assert torch.autograd.gradcheck(divergence, (x, y, p, q), atol=1e-6, rtol=1e-5)


def test_the_gradient_of_the_value_is_the_plan_and_the_centred_potentials() -> None:
    cost = cloud(3, 4) @ cloud(4, 5).T
    cost.requires_grad_()
    a, b = weights(3, 0).softmax(0).requires_grad_(), weights(4, 1).softmax(0).requires_grad_()
    plan = ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(0.3)), tolerance=1e-10)
    ot.transport_value(plan).backward()
    assert cost.grad is not None and a.grad is not None and b.grad is not None
    torch.testing.assert_close(cost.grad, plan.matrix())
    assert float((a.detach() * a.grad).sum()) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(b.grad - b.grad[0], plan.g - plan.g[0])


def test_divergence_of_isotropic_gaussians_in_one_dimension() -> None:
    grid = torch.linspace(-8, 10, 400, dtype=torch.float64).unsqueeze(-1)
    first, second = (
        torch.exp(-((grid - mean) ** 2) / (2 * var)).squeeze(-1) for mean, var in ((0, 1), (1, 0.25))
    )
    value = ot.sinkhorn_divergence(
        grid, grid, first / first.sum(), second / second.sum(), epsilon=0.5, tolerance=1e-8, max_steps=5000
    )
    assert float(value) == pytest.approx(1.242645, abs=2e-6)


def test_the_divergence_can_be_differentiated_again_through_the_plans() -> None:
    x, y, p = cloud(3, 0).requires_grad_(), cloud(2, 1).requires_grad_(), weights(3, 2).requires_grad_()
    exact = ot.Implicit(tolerance=1e-12)

    def divergence(x: torch.Tensor, y: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        return ot.sinkhorn_divergence(x, y, p.softmax(0), epsilon=0.5, tolerance=1e-12, gradient=exact)

    assert torch.autograd.gradcheck(divergence, (x, y, p), atol=1e-6, rtol=1e-5)
    assert torch.autograd.gradgradcheck(divergence, (x, y, p), atol=1e-5, rtol=1e-4, fast_mode=True)


def test_the_divergence_is_symmetric_positive_and_zero_on_equal_measures() -> None:
    x, y, a, b = cloud(6, 0), cloud(5, 1), weights(6, 2).softmax(0), weights(5, 3).softmax(0)
    there, back = (
        ot.sinkhorn_divergence(*clouds, epsilon=0.3, tolerance=1e-10)
        for clouds in ((x, y, a, b), (y, x, b, a))
    )
    assert float(there) == pytest.approx(float(back), abs=1e-9)
    assert there > 0
    order = torch.tensor([3, 1, 0, 5, 2, 4])
    own = ot.sinkhorn_divergence(x, x[order], a, a[order], epsilon=0.3, tolerance=1e-10)
    assert float(own) == pytest.approx(0, abs=1e-9)


def test_a_loose_solve_is_not_clamped() -> None:
    """The dual value of an unfinished solve lies below the optimum, so near measures show a negative number."""
    x, y = cloud(40, 0), cloud(40, 0) + 1e-3
    value = ot.sinkhorn_divergence(x, y, epsilon=0.05, max_steps=2, on_failure="return")
    assert value < 0


@pytest.mark.parametrize("epsilon", [0.4, 0.001])
def test_the_divergence_to_a_fixed_measure_is_the_divergence(epsilon: float) -> None:
    x, y, b = cloud(5, 0).requires_grad_(), cloud(4, 1).requires_grad_(), weights(4, 2).softmax(0)
    settings = {"epsilon": epsilon, "tolerance": 1e-10, "max_steps": 20000}
    value, expected = (
        ot.SinkhornDivergenceTo(y, b, **settings)(x),
        ot.sinkhorn_divergence(x, y, None, b, **settings),
    )
    torch.testing.assert_close(value, expected)
    assert not torch.autograd.grad(value, y, allow_unused=True, retain_graph=True)[0]
    slopes = (torch.autograd.grad(loss, x)[0] for loss in (value, expected))
    torch.testing.assert_close(*slopes)


def test_the_term_of_a_fixed_measure_is_solved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = cloud(5, 0), cloud(4, 1)
    to_y = ot.SinkhornDivergenceTo(y, epsilon=0.4, cost=ot.Lp())
    solves = []
    monkeypatch.setattr(
        divergences, "solve", lambda *args, **kwargs: solves.append(1) or ot.solve(*args, **kwargs)
    )
    to_y(x)
    assert len(solves) == 2


STRUCTURED = ot.Structured(ot.Entropic(0.5), ot.Blocks(code=(2, 3)), epsilon_code=0.1)


def value_of(x: torch.Tensor, y: torch.Tensor, regulariser: ot.Regulariser) -> ot.Plan:
    return ot.solve(ot.OTProblem.from_points(x, y, regulariser=regulariser), tolerance=1e-10)


def test_the_structured_divergence_is_the_sinkhorn_divergence_less_an_information_gain() -> None:
    x, y = cloud(6, 0), cloud(5, 1)
    loss = ot.structured_divergence(x, y, STRUCTURED, tolerance=1e-10)
    blocks = ot.OTProblem.from_points(x, y, regulariser=STRUCTURED.base, blocks=STRUCTURED.blocks)
    plain, structured = ot.solve(blocks, tolerance=1e-10), value_of(x, y, STRUCTURED)
    gain = plain.value - structured.value
    torch.testing.assert_close(loss, ot.sinkhorn_divergence(x, y, epsilon=0.5, tolerance=1e-10) - gain)
    rebate = 0.5 - 0.1
    assert rebate * plain.mutual_information("code") <= gain + 1e-9
    assert gain <= rebate * structured.mutual_information("code") + 1e-9
    assert structured.mutual_information("code") <= math.log(2) + 1e-12


def test_the_self_term_takes_a_share_of_the_structure_and_a_second_sample() -> None:
    x, y, other = cloud(6, 0), cloud(5, 1), cloud(4, 2)
    for share, price in ((0.0, 0.5), (0.25, 0.4), (1.0, 0.1)):
        how = ot.SelfTerm(structure=share, points=other)
        loss = ot.structured_divergence(x, y, STRUCTURED, self_term=how, tolerance=1e-10)
        shared = ot.Structured(STRUCTURED.base, STRUCTURED.blocks, epsilon_code=price)
        expected = value_of(x, y, STRUCTURED).value - value_of(x, other, shared).value / 2
        expected = expected - value_of(y, y, STRUCTURED.base).value / 2
        torch.testing.assert_close(loss, expected)
    with pytest.raises(ProblemError, match="share of the structure"):
        ot.SelfTerm(structure=1.5)


def test_equal_prices_give_the_sinkhorn_divergence() -> None:
    x, y = cloud(6, 0), cloud(5, 1)
    equal = ot.Structured(ot.Entropic(0.5), ot.Blocks(code=(2, 3)), epsilon_code=0.5)
    for how in (ot.SelfTerm(), ot.SelfTerm(structure=1.0)):
        loss = ot.structured_divergence(x, y, equal, self_term=how, tolerance=1e-10)
        torch.testing.assert_close(loss, ot.sinkhorn_divergence(x, y, epsilon=0.5, tolerance=1e-10))


@pytest.mark.parametrize("price", [0.1, -0.05])
def test_gradients_of_the_structured_divergence(price: float) -> None:
    x, y, other = (cloud(n, seed).requires_grad_() for n, seed in ((6, 0), (3, 1), (4, 2)))
    p, q = weights(6, 3).requires_grad_(), weights(4, 4).requires_grad_()
    structured = ot.Structured(ot.Entropic(0.5), ot.Blocks(code=(2, 3)), epsilon_code=price)

    def loss(*arrays: torch.Tensor) -> torch.Tensor:
        x, y, other, p, q = arrays
        how = ot.SelfTerm(structure=0.5, points=other, weights=q.softmax(0))
        return ot.structured_divergence(x, y, structured, p.softmax(0), self_term=how, tolerance=1e-11)

    assert torch.autograd.gradcheck(loss, (x, y, other, p, q), atol=1e-5, rtol=1e-4, fast_mode=True)


def test_batches_of_divergences_are_their_items() -> None:
    x, y = torch.stack([cloud(6, 0), cloud(6, 1)]), torch.stack([cloud(5, 2), cloud(5, 3)])
    a = torch.stack([weights(6, 4).softmax(0), weights(6, 5).softmax(0)])
    for divergence in (
        lambda x, y, a: ot.sinkhorn_divergence(x, y, a, epsilon=0.4, tolerance=1e-10),
        lambda x, y, a: ot.structured_divergence(x, y, STRUCTURED, a, tolerance=1e-10),
    ):
        items = [divergence(x[i], y[i], a[i]) for i in range(2)]
        torch.testing.assert_close(divergence(x, y, a), torch.stack(items))
