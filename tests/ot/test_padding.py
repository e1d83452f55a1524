"""Padding changes nothing: a padded item is the item alone, whatever stands in the padding."""

import pytest
import torch
from ot_contracts import random_cost, random_weights

from infot import ot
from infot.errors import ProblemError

SIZES = [(4, 6), (8, 3), (6, 6)]


def costs() -> list[torch.Tensor]:
    return [random_cost(n, m, seed) * (1 + seed) for seed, (n, m) in enumerate(SIZES)]


def padded_weights(sizes: list[int], size: int) -> torch.Tensor:
    rows = [random_weights(n, seed) for seed, n in enumerate(sizes)]
    return torch.stack([torch.nn.functional.pad(row, (0, size - len(row)), value=torch.nan) for row in rows])


@pytest.mark.parametrize(
    "regulariser",
    [
        ot.Entropic(0.1),
        ot.Entropic(0.01),
        ot.Relative(ot.Entropic(0.1)),
        ot.Quadratic(0.1),
        ot.Structured(ot.Entropic(0.1), blocks=ot.Blocks(code=(4, 2)), epsilon_code=0.03),
    ],
    ids=lambda r: f"{type(r).__name__}",
)
@pytest.mark.parametrize("garbage", [torch.nan, 1e30, -torch.inf])
def test_a_padded_item_is_the_item_alone(regulariser: ot.Regulariser, garbage: float) -> None:
    padded = ot.pad_costs(costs())
    present = padded.row_mask.unsqueeze(-1) & padded.column_mask.unsqueeze(-2)
    cost = padded.cost.masked_fill(~present, garbage)
    a, b = padded_weights([4, 8, 6], 8), padded_weights([6, 3, 6], 6)
    batch = ot.OTProblem(
        cost=cost, regulariser=regulariser, a=a, b=b, row_mask=padded.row_mask, column_mask=padded.column_mask
    )
    plan = ot.solve(batch, tolerance=1e-9, max_steps=5000, on_failure="raise")
    assert plan.matrix().isfinite().all() and plan.f.isfinite().all() and plan.g.isfinite().all()
    for index, (n, m) in enumerate(SIZES):
        blocks = ot.Blocks(code=(n // 2, 2))
        alone = regulariser
        if isinstance(regulariser, ot.Structured):
            alone = ot.Structured(regulariser.base, blocks=blocks, epsilon_code=regulariser.epsilon_code)
        problem = ot.OTProblem(cost=costs()[index], regulariser=alone, a=a[index, :n], b=b[index, :m])
        single = ot.solve(problem, tolerance=1e-9, max_steps=5000)
        torch.testing.assert_close(plan.matrix()[index, :n, :m], single.matrix(), atol=1e-7, rtol=0)
        torch.testing.assert_close(plan.value[index], single.value, atol=1e-8, rtol=0)
        torch.testing.assert_close(plan.transport_cost[index], single.transport_cost, atol=1e-7, rtol=0)
        torch.testing.assert_close(plan.primal_value[index], single.primal_value, atol=1e-7, rtol=0)
        assert plan.matrix()[index].sum() == pytest.approx(1, abs=1e-9)
        if isinstance(regulariser, ot.Structured):
            assert float(plan.mutual_information()[index]) == pytest.approx(
                float(single.mutual_information()), abs=1e-7
            )
            assert float(plan.coupled_codes()[index]) == pytest.approx(float(single.coupled_codes()))


def test_padding_gets_no_gradient_and_no_nan() -> None:
    padded = ot.pad_costs(costs())
    present = padded.row_mask.unsqueeze(-1) & padded.column_mask.unsqueeze(-2)
    cost = padded.cost.masked_fill(~present, torch.nan).requires_grad_()
    problem = ot.OTProblem(
        cost=cost, regulariser=ot.Entropic(0.1), row_mask=padded.row_mask, column_mask=padded.column_mask
    )
    plan = ot.solve(problem, tolerance=1e-9)
    ot.transport_value(plan).sum().backward()
    assert cost.grad is not None
    torch.testing.assert_close(cost.grad, plan.matrix())
    assert (cost.grad[~present] == 0).all()


def test_uniform_weights_count_what_is_present() -> None:
    mask = torch.tensor([True, False, True, True])
    problem = ot.OTProblem(cost=torch.rand(4, 3), regulariser=ot.Entropic(0.1), row_mask=mask)
    torch.testing.assert_close(problem.row_weights, torch.tensor([1 / 3, 0, 1 / 3, 1 / 3]))


def test_points_take_masks() -> None:
    x, y = random_cost(2 * 5, 3, 0).reshape(2, 5, 3), random_cost(2 * 4, 3, 1).reshape(2, 4, 3)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    plan = ot.solve(
        ot.OTProblem.from_points(x, y, regulariser=ot.Entropic(0.1), row_mask=mask), tolerance=1e-9
    )
    single = ot.solve(ot.OTProblem.from_points(x[1, :3], y[1], regulariser=ot.Entropic(0.1)), tolerance=1e-9)
    torch.testing.assert_close(plan.value[1], single.value)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(4), "boolean row_mask"),
        (torch.ones(3, dtype=torch.bool), r"row_mask of shape \(4,\)"),
        (torch.zeros(4, dtype=torch.bool), "nothing present"),
    ],
)
def test_masks_are_checked(mask: torch.Tensor, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        ot.OTProblem(cost=torch.rand(4, 3), regulariser=ot.Entropic(0.1), row_mask=mask)
    with pytest.raises(ProblemError, match="at least one cost"):
        ot.pad_costs([])


def test_weights_beside_a_mask_are_checked() -> None:
    mask = torch.tensor([True, True, False])
    with pytest.raises(ProblemError, match="sum 1"):
        ot.OTProblem(
            cost=torch.rand(3, 3), regulariser=ot.Entropic(0.1), a=torch.full((3,), 1 / 3), row_mask=mask
        )
