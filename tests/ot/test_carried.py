"""A potential carried to other data: conditionals stay, rows weigh what the data use, and the plan is optimal."""

import pytest
import torch

from infot import ot
from infot.errors import ProblemError

BLOCKS = {
    "entropic": ot.Entropic(0.3),
    "structured": ot.Structured(ot.Entropic(0.3), blocks=ot.Blocks(code=(3, 4)), epsilon_code=0.05),
    "ordered": ot.Structured(ot.Entropic(0.3), blocks=ot.Blocks(code=(2, 3, 2)), epsilon_code=(0.05, 0.1)),
}


@pytest.fixture(params=BLOCKS, name="regulariser")
def _regulariser(request: pytest.FixtureRequest) -> ot.Regulariser:
    return BLOCKS[request.param]


def solved(regulariser: ot.Regulariser) -> tuple[ot.Plan, torch.Tensor]:
    """Return a plan with uneven weights, and the costs of its latents to other data."""
    rng = torch.Generator().manual_seed(0)
    cost, new = torch.rand(12, 20, generator=rng).double(), torch.rand(12, 5, generator=rng).double()
    a = torch.rand(12, generator=rng).double() + 0.1
    plan = ot.solve(
        ot.OTProblem(cost=cost, a=a / a.sum(), regulariser=regulariser), tolerance=1e-11, max_steps=50_000
    )
    return plan, new


def carried(plan: ot.Plan, cost: torch.Tensor) -> ot.Plan:
    problem = ot.OTProblem(cost=cost, a=plan.problem.a, regulariser=plan.problem.regulariser)
    return ot.carried_plan(problem, plan.f)


def test_conditionals_are_those_of_the_held_potential(regulariser):
    plan, new = solved(regulariser)
    assert torch.allclose(carried(plan, new).conditional(), ot.latent_posterior(plan, new), atol=1e-9)


def test_rows_weigh_what_the_data_use(regulariser):
    plan, new = solved(regulariser)
    found = carried(plan, new)
    assert torch.allclose(found.marginals()[0], ot.latent_posterior(plan, new).mean(1), atol=1e-9)
    assert found.converged
    assert float(found.marginal_error) < 1e-9


def test_a_solver_finds_the_same_plan_between_the_same_weights(regulariser):
    plan, new = solved(regulariser)
    found = carried(plan, new)
    again = ot.solve(found.problem, tolerance=1e-11, max_steps=50_000)
    assert torch.allclose(again.matrix(), found.matrix(), atol=1e-8)
    assert float(again.value) == pytest.approx(float(found.value), abs=1e-9)


def test_carried_to_its_own_data_it_is_the_plan(regulariser):
    plan, _ = solved(regulariser)
    assert torch.allclose(carried(plan, plan.problem.cost).matrix(), plan.matrix(), atol=1e-9)


def test_latents_that_no_datum_uses_weigh_nothing():
    plan, _ = solved(BLOCKS["structured"])
    far = torch.full((12, 2), 1000.0, dtype=torch.float64)
    far[3:5] = 0.0
    found = carried(plan, far)
    assert (found.problem.row_weights > 0).nonzero().flatten().tolist() == [3, 4]
    assert torch.allclose(found.conditional(), ot.latent_posterior(plan, far))


@pytest.mark.parametrize(
    ("problem", "f", "message"),
    [
        (ot.OTProblem(cost=torch.rand(4, 3), regulariser=ot.Quadratic(0.1)), 4, "entropic or structured"),
        (
            ot.OTProblem(cost=torch.rand(2, 4, 3), regulariser=ot.Entropic(0.1)),
            4,
            "expected a single problem",
        ),
        (
            ot.OTProblem(cost=torch.rand(4, 3), regulariser=ot.Entropic(0.1), rho=1.0),
            4,
            "keeps its marginals",
        ),
        (ot.OTProblem(cost=torch.rand(4, 3), regulariser=ot.Entropic(0.1)), 3, "a potential of 4 rows"),
    ],
)
def test_what_cannot_be_carried(problem, f, message):
    with pytest.raises(ProblemError, match=message):
        ot.carried_plan(problem, torch.zeros(f))
