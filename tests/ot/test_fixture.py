"""The table of the method document: every route must give the same numbers."""

import pytest
import torch

from infot import ot

TABLE = [
    (0.2, 0.2, 0.42516762, 0.29172252, 0.019455, 0.647771),
    (0.2, 0.1, 0.42205389, 0.28595247, 0.051424, 0.654795),
    (0.2, 0.05, 0.41799191, 0.27878793, 0.130689, 0.663348),
    (0.2, 0.01, 0.40887106, 0.27224780, 0.347988, 0.665717),
    (0.05, 0.01, 0.26675026, 0.20015066, 0.481115, 1.235769),
]
ROUTES = [ot.Nested(), ot.SemiDual(), ot.PerturbedCostLoop()]


def fixture_cost() -> torch.Tensor:
    k, j, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (3, 4, 6)), indexing="ij")
    return torch.sin(1 + 3 * k + 5 * j + 7 * x).abs().reshape(12, 6)


def problem(epsilon: float, epsilon_code: float) -> ot.OTProblem:
    structured = ot.Structured(ot.Entropic(epsilon), blocks=ot.Blocks(code=(3, 4)), epsilon_code=epsilon_code)
    return ot.OTProblem(cost=fixture_cost(), regulariser=structured)


@pytest.mark.parametrize("solver", ROUTES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("row", TABLE, ids=lambda r: f"{r[0]}-{r[1]}")
def test_routes_give_the_table(solver: ot.Solver, row: tuple[float, ...]) -> None:
    epsilon, epsilon_code, value, cost, code, noise = row
    plan = ot.solve(
        problem(epsilon, epsilon_code), solver=solver, tolerance=1e-9, max_steps=3000, on_failure="raise"
    )
    assert float(plan.value) == pytest.approx(value, abs=1e-7)
    assert float(plan.primal_value) == pytest.approx(value, abs=1e-7)
    assert float(plan.transport_cost) == pytest.approx(cost, abs=1e-7)
    assert float(plan.mutual_information("code")) == pytest.approx(code, abs=6e-7)
    assert float(plan.conditional_information("code")) == pytest.approx(noise, abs=6e-7)


def test_the_plain_contraction_agrees() -> None:
    plan = ot.solve(problem(0.2, 0.05), solver=ot.Nested(ot.Approach(memory=0)), tolerance=1e-9)
    assert float(plan.value) == pytest.approx(TABLE[2][2], abs=1e-7)


def test_equal_prices_are_ordinary_sinkhorn() -> None:
    plain = ot.OTProblem(cost=fixture_cost(), regulariser=ot.Entropic(0.2), blocks=ot.Blocks(code=(3, 4)))
    plan = ot.solve(plain, tolerance=1e-10)
    assert float(plan.value) == pytest.approx(TABLE[0][2], abs=1e-7)
    assert float(plan.mutual_information("code")) == pytest.approx(TABLE[0][4], abs=6e-7)
    torch.testing.assert_close(plan.matrix(), ot.solve(problem(0.2, 0.2), tolerance=1e-10).matrix())


@pytest.mark.parametrize("solver", ROUTES, ids=lambda s: type(s).__name__)
def test_ordinary_transport_with_the_perturbed_cost_gives_the_same_plan(solver: ot.Solver) -> None:
    plan = ot.solve(problem(0.2, 0.05), solver=solver, tolerance=1e-11, max_steps=3000)
    ordinary = ot.solve(
        ot.OTProblem(cost=plan.perturbed_cost(), regulariser=ot.Entropic(0.2)), tolerance=1e-11
    )
    torch.testing.assert_close(ordinary.matrix(), plan.matrix(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("solver", ROUTES, ids=lambda s: type(s).__name__)
def test_solves_finish_on_the_side_of_the_latents(solver: ot.Solver) -> None:
    plan = ot.solve(problem(0.2, 0.05), solver=solver, tolerance=0.05)
    rows, columns = plan.marginals()
    torch.testing.assert_close(rows, torch.full_like(rows, 1 / 12), atol=1e-14, rtol=0)
    assert float(plan.marginal_error) == pytest.approx(float((columns - 1 / 6).abs().sum()), abs=1e-12)
    assert float(plan.marginal_error) <= 0.05
