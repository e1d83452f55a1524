"""Numerical helpers against the plain formulas."""

import math

import pytest
import torch

from infot import numerics


def test_weighted_logsumexp_leaves_zero_weights_out() -> None:
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    w = torch.tensor([0.2, 0.0, 0.5, 0.3], dtype=torch.float64)
    torch.testing.assert_close(numerics.weighted_logsumexp(x, w, dim=-1), (x.exp() * w).sum(-1).log())


def test_weighted_logsumexp_is_stable() -> None:
    x = torch.tensor([1000.0, 1000.0])
    torch.testing.assert_close(
        numerics.weighted_logsumexp(x, torch.tensor([0.5, 0.5]), dim=0), torch.tensor(1000.0)
    )


def test_safe_log_is_finite_at_zero() -> None:
    assert torch.isfinite(numerics.safe_log(torch.tensor([0.0, 1.0]))).all()


def test_exp_flushed_agrees_with_exp_and_never_underflows_to_a_slow_number() -> None:
    x = torch.tensor([-1000.0, -1.0, 0.0, 5.0])
    result = numerics.exp_flushed(x.clone())
    torch.testing.assert_close(result, x.exp(), atol=1e-36, rtol=1e-6)
    assert float(result[0]) >= torch.finfo(torch.float32).tiny


def test_loops_run_on_views_of_the_tensors() -> None:
    x = torch.zeros(3, requires_grad=True)
    view = numerics.to_loop(x)
    view[1] = 2.0
    assert x.tolist() == [0.0, 2.0, 0.0]
    assert numerics.namespace(view).__name__ == "numpy"
    assert numerics.from_loop(view).data_ptr() == x.data_ptr()


def test_largest_exponent_leaves_room_for_squares() -> None:
    for dtype in (torch.float32, torch.float64):
        exponent = torch.tensor(3 * numerics.largest_exponent(dtype), dtype=dtype)
        assert torch.isfinite(exponent.exp())


def test_weighted_logsumexp_is_differentiable_in_weights_that_are_zero():
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    w = torch.tensor([0.2, 0.5, 0.3, 0.1], dtype=torch.float64).requires_grad_()

    def reduced(x, w):
        return numerics.weighted_logsumexp(x, w, dim=-1)

    assert torch.autograd.gradcheck(reduced, (x, w))
    assert torch.autograd.gradgradcheck(reduced, (x, w))
    weights = torch.tensor([0.0, 1.0], dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(reduced(torch.tensor([1.0, 0.0], dtype=torch.float64), weights), weights)
    torch.testing.assert_close(slope, torch.tensor([math.e, 1.0], dtype=torch.float64))
    (slope,) = torch.autograd.grad(reduced(torch.tensor([1e4, 0.0], dtype=torch.float64), weights), weights)
    assert slope.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_systems_are_solved_one_by_one_and_singular_ones_tell(dtype: torch.dtype) -> None:
    matrix = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=dtype)
    right = torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=dtype)
    matrix[1] = 0
    expected = torch.linalg.solve(matrix[::2], right[::2])
    for solved in (
        numerics.solve_small(matrix, right),
        torch.from_numpy(numerics.solve_small(matrix.numpy(), right.numpy())),
    ):
        torch.testing.assert_close(solved[::2], expected, atol=1e-4, rtol=1e-4)
        assert solved[1].isnan().all()


def test_tempered_changes_nothing_up_to_its_limit_and_grows_slowly_beyond() -> None:
    within = torch.linspace(-1e4, 3.0, 1001, dtype=torch.float64)
    assert torch.equal(numerics.tempered(within, 3.0), within)
    beyond = torch.tensor([3.0, 4.0, 1e30], dtype=torch.float64)
    expected = torch.tensor([3.0, 3.0 + math.log(2), 3.0 + 30 * math.log(10)], dtype=torch.float64)
    torch.testing.assert_close(numerics.tempered(beyond, 3.0), expected)


def test_tempered_leads_back_from_everywhere() -> None:
    x = torch.tensor([-50.0, 2.9, 3.1, 40.0, 1e6], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: numerics.tempered(x, 3.0), (x,), eps=1e-5, atol=1e-4)
    (slope,) = torch.autograd.grad(numerics.tempered(x, 3.0).sum(), x)
    torch.testing.assert_close(
        slope, torch.tensor([1, 1, 1 / 1.1, 1 / 38, 1e-6], dtype=torch.float64), rtol=1e-5, atol=0
    )
