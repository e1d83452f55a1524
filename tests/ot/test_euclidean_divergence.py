"""The divergence between clouds in one buffer is that of three ordinary solves, with the same gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from infot import ot
from infot.errors import ConvergenceError, ConvergenceWarning, ProblemError
from infot.ot.euclidean_divergence import Clouds, Wishes


def measure(n: int, seed: int, batch: tuple[int, ...] = (), zeros: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    points = torch.randn(*batch, n, 2, generator=rng, dtype=torch.float64) * (1 + seed / 4) + seed
    weights = torch.rand(*batch, n, generator=rng, dtype=torch.float64) + 0.2
    weights[..., :zeros] = 0
    return points.requires_grad_(), (weights / weights.sum(-1, keepdim=True)).requires_grad_()


def by_three_solves(arguments: tuple[Tensor, ...], epsilon: float) -> Tensor:
    """The divergence by the general road, which goes through costs and plans."""
    x, y, a, b = arguments

    def value(left: Tensor, right: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
        problem = ot.OTProblem.from_points(
            left, right, regulariser=ot.Entropic(epsilon), a=weights[0], b=weights[1]
        )
        plan = ot.solve(problem, solver=ot.Sinkhorn(), tolerance=1e-10, max_steps=5000, on_failure="raise")
        return ot.transport_value(plan)

    return value(x, y, (a, b)) - value(x, x, (a, a)) / 2 - value(y, y, (b, b)) / 2


@pytest.mark.parametrize("batch", [(), (3,)], ids=["single", "batch"])
@pytest.mark.parametrize("zeros", [0, 2])
@pytest.mark.parametrize("epsilon", [1.0, 0.05])
def test_value_and_gradients_are_those_of_three_solves(
    batch: tuple[int, ...], zeros: int, epsilon: float
) -> None:
    x, a = measure(7, 0, batch, zeros)
    y, b = measure(9, 1, batch)
    wishes = Wishes(epsilon, tolerance=1e-10, max_steps=5000, on_failure="raise")
    quick, slow = (
        Clouds(x, y, a, b).divergence(wishes),
        by_three_solves((x, y, a, b), epsilon),
    )
    torch.testing.assert_close(quick, slow, atol=1e-9, rtol=0)
    for got, wanted in zip(
        *(torch.autograd.grad(value.sum(), (x, y, a, b)) for value in (quick, slow)), strict=True
    ):
        torch.testing.assert_close(got, wanted, atol=1e-7, rtol=0)


def test_weights_that_a_batch_shares_get_the_sum_of_its_gradients() -> None:
    x, _ = measure(5, 0, (2,))
    y, _ = measure(6, 1, (2,))
    _, a = measure(5, 0)
    _, b = measure(6, 1)
    wishes = Wishes(0.5, tolerance=1e-10, max_steps=5000, on_failure="raise")
    (together,) = torch.autograd.grad(Clouds(x, y, a, b).divergence(wishes).sum(), a)
    each = [torch.autograd.grad(Clouds(x[i], y[i], a, b).divergence(wishes), a)[0] for i in range(2)]
    torch.testing.assert_close(together, each[0] + each[1])


def test_failures_are_told_and_bad_clouds_named() -> None:
    (x, _), (y, _) = measure(7, 0), measure(9, 1)
    with pytest.raises(ConvergenceError, match="Sinkhorn: L1 marginal error"):
        ot.sinkhorn_divergence(x, y, epsilon=0.1, tolerance=1e-9, max_steps=2, on_failure="raise")
    with pytest.warns(ConvergenceWarning, match="after 2 steps"):
        ot.sinkhorn_divergence(x, y, epsilon=0.1, tolerance=1e-9, max_steps=2)
    with pytest.raises(ProblemError, match="expected finite clouds"):
        ot.sinkhorn_divergence(x / 0, y, epsilon=0.1)
    with pytest.raises(ProblemError, match=r"shapes \(..., n, d\)"):
        Clouds(x, y[:, :1], None, None)
    with pytest.raises(ProblemError, match="sum 1"):
        ot.sinkhorn_divergence(x, y, torch.ones(7, dtype=torch.float64), epsilon=0.1)


def test_tensors_in_the_loops_give_what_numpy_views_give(on_tensors: Callable[[], None]) -> None:
    """Loops on an accelerator run on tensors; here they do on the CPU."""
    (x, a), (y, b) = measure(12, 0, (2,), zeros=1), measure(9, 1, (2,))
    structured = ot.Structured(ot.Entropic(0.5), blocks=ot.Blocks(code=(2, 3, 2)), epsilon_code=(0.05, 0.1))

    def results() -> list[Tensor]:
        divergence = ot.sinkhorn_divergence(x, y, a, b, epsilon=0.5, tolerance=1e-8)
        problem = ot.OTProblem.from_points(x.detach(), y.detach(), regulariser=structured)
        plans = [
            ot.solve(problem.derived(regulariser=r), tolerance=1e-8) for r in (structured, ot.Entropic(0.5))
        ]
        return [
            divergence,
            *torch.autograd.grad(divergence.sum(), (x, y, a, b)),
            *(plan.matrix() for plan in plans),
        ]

    usual = results()
    on_tensors()
    for got, wanted in zip(results(), usual, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-8, rtol=0)
