"""Potentials that floating point cannot hold to a fraction of a nat are no converged plan."""

import pytest
import torch

from infot import ot
from infot.errors import ConvergenceError
from infot.ot.status import Status

EPSILON = 30.0


def _costs(size: float) -> torch.Tensor:
    return size * (0.5 + torch.rand(10, 128, generator=torch.Generator().manual_seed(0), dtype=torch.float64))


@pytest.mark.parametrize("size", [1e9, 1e11, 1e13])
def test_a_plan_whose_potentials_round_by_more_than_half_a_nat_is_not_called_converged(size: float):
    plan = ot.balanced_assignment(_costs(size).float(), epsilon=EPSILON, max_steps=50, on_failure="return")
    assert plan.status is not Status.CONVERGED and not plan.converged


def test_it_raises_where_that_is_asked_for_and_names_the_remedy():
    near = 1e9 + _costs(1.0).float()
    with pytest.raises(ConvergenceError, match=r"rounding of the potentials.*float64"):
        ot.solve(ot.OTProblem(cost=near, regulariser=ot.Entropic(EPSILON)), on_failure="raise")


def test_what_the_remedies_give_is_resolved():
    # costs that a float32 holds to the last digit, with a common part that drowns epsilon in its rounding
    own = _costs(8.0).float().round()
    far = own + 2.0**23
    assert torch.equal(far - 2.0**23, own)
    regulariser = ot.Entropic(0.5)
    lost = ot.solve(ot.OTProblem(cost=far, regulariser=regulariser), on_failure="return")
    assert lost.status is Status.UNRESOLVED
    less, finer = (
        ot.solve(ot.OTProblem(cost=cost, regulariser=regulariser), tolerance=1e-5)
        for cost in (far - far.amin(0), far.double())
    )
    assert less.converged and finer.converged
    torch.testing.assert_close(less.matrix().double(), finer.matrix(), rtol=1e-3, atol=1e-7)


def test_small_epsilons_that_float32_resolves_are_left_alone():
    cost = _costs(1.0).float()
    single, double = (
        ot.solve(ot.OTProblem(cost=c, regulariser=ot.Entropic(1e-4)), tolerance=1e-3, max_steps=20_000)
        for c in (cost, cost.double())
    )
    assert single.converged and double.converged
    information = double.mutual_information("latent")
    torch.testing.assert_close(single.mutual_information("latent").double(), information, rtol=1e-2, atol=0)


def test_items_of_a_batch_are_told_apart():
    cost = torch.stack([_costs(1.0), _costs(1e9)]).float()
    plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Entropic(EPSILON)), on_failure="return")
    assert plan.converged.tolist() == [True, False]
