"""Divergences: truth and gradients."""

import pytest
import torch

from infot import ot


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
