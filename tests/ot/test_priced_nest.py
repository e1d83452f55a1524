"""Row masses by products with a kernel are those that the log domain gives."""

import math
from collections.abc import Callable

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng

from infot import ot
from infot.numerics import from_loop, to_loop
from infot.ot.solvers.priced_nest import PricedNest
from infot.ot.stationarity import Stationarity, nest_of
from infot.ot.unbalanced import inverse_price, relaxation

CODES = {
    "one": ((3, 4), 0.05),
    "ordered": ((2, 3, 2), (0.02, 0.1)),
}
Priced = tuple[ot.OTProblem, PricedNest, torch.Tensor]


def priced(codes: str, scale: float, rho: ot.Rho, dtype: torch.dtype = torch.float64) -> Priced:
    """A batch of two problems with points without weight, the condition, and a potential near the optimum."""
    code, prices = CODES[codes]
    structured = ot.Structured(ot.Entropic(0.2), ot.Blocks(code=code), epsilon_code=prices).times(scale)
    problem = ot.OTProblem(
        cost=torch.stack([random_cost(12, 9, 0), random_cost(12, 9, 5)]).to(dtype),
        a=(1.5 * torch.stack([random_weights(12, 1, zeros=1), random_weights(12, 2)])).to(dtype),
        b=(0.7 * torch.stack([random_weights(9, 3), random_weights(9, 4, zeros=2)])).to(dtype),
        regulariser=structured,
        rho=rho,
    )
    prices_of_marginals = problem.marginal_prices
    assert prices_of_marginals is not None
    nest, b = nest_of(problem), problem.column_weights
    share = relaxation(prices_of_marginals[1], nest.damping, b)
    condition = PricedNest(problem.cost, b, nest, share=share, buffer=torch.empty_like(problem.cost))
    f = problem.cost.mean(-1) * torch.rand(2, 12, generator=rng(6), dtype=torch.float64).to(dtype)
    return problem, condition, f


def assert_agree(problem: ot.OTProblem, condition: PricedNest, f: torch.Tensor, atol: float) -> None:
    assert problem.marginal_prices is not None
    log_masses, kept = (from_loop(array) for array in condition.at(to_loop(f)))
    truth = Stationarity.at(problem, f)
    rho_a, rho_b = problem.marginal_prices
    present = problem.row_weights > 0
    residual = log_masses + f * inverse_price(rho_a, f)
    torch.testing.assert_close(residual[present], truth.residual[present], atol=atol, rtol=0)
    g = relaxation(rho_b, nest_of(problem).damping, f) * kept
    torch.testing.assert_close(g, truth.g, atol=atol, rtol=0)


@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("scale", [1.0, 0.05])
@pytest.mark.parametrize("rho", [0.5, (math.inf, 0.3), (0.3, math.inf), (torch.tensor([0.2, 3.0]), 0.4)])
def test_masses_and_potentials_are_those_of_the_log_domain(codes: str, scale: float, rho: ot.Rho) -> None:
    problem, condition, f = priced(codes, scale, rho)
    for moved in (f, f + 0.1, 0.5 * f):
        assert_agree(problem, condition, moved, atol=1e-9)


@pytest.mark.parametrize("codes", CODES)
def test_potentials_may_drift_far(codes: str) -> None:
    """All together, code by code, and within codes by 450 prices, which takes a new kernel."""
    problem, condition, f = priced(codes, 0.05, (math.inf, 0.3))
    condition.at(to_loop(f))
    noise = 4 if codes == "one" else 2
    of_code = torch.arange(12) // noise * torch.ones(2, 1, dtype=torch.float64)
    of_noise = torch.arange(12) % noise / (noise - 1)
    for drift in (
        40.0,
        0.2 * of_code,
        4.5 * of_noise,
    ):  # row masses down to exp(-600), which are still numbers
        assert_agree(problem, condition, f + drift, atol=1e-7)


def test_single_precision_is_enough_for_its_tolerance() -> None:
    problem, condition, f = priced("one", 0.2, 0.5, torch.float32)
    assert_agree(problem, condition, f, atol=1e-4)


@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("rho", [0.5, (math.inf, 0.3)])
def test_plans_at_small_prices_are_optimal(codes: str, rho: ot.Rho) -> None:
    """Stages of larger prices come first; the end is checked in the log domain."""
    problem, _, _ = priced(codes, 0.02, rho)
    plan = ot.solve(problem, tolerance=1e-9, max_steps=20_000, on_failure="raise")
    torch.testing.assert_close(plan.primal_value, plan.value, atol=1e-7, rtol=0)
    residual = Stationarity.at(problem, plan.f).residual
    assert float((problem.row_weights * residual.expm1().abs()).sum(-1).max()) < 1e-7


def test_tensors_in_the_loops_give_what_numpy_views_give(on_tensors: Callable[[], None]) -> None:
    """Loops on an accelerator run on tensors; here they do on the CPU."""
    problem, _, _ = priced("ordered", 1.0, (0.5, 0.3))
    usual = ot.solve(problem, tolerance=1e-9, on_failure="raise").matrix()
    on_tensors()
    torch.testing.assert_close(ot.solve(problem, tolerance=1e-9).matrix(), usual, atol=1e-9, rtol=0)
