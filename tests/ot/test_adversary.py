"""The adversary's view: the regularised value is the supremum over ground costs."""

import itertools

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ProblemError

BLOCKS = ot.Blocks(code=(2, 2))
REGULARISERS = {
    "entropic": ot.Entropic(0.2),
    "quadratic": ot.Quadratic(0.1),
    "group": ot.GroupLasso(0.3, 0.2, BLOCKS),
    "structured": ot.Structured(ot.Entropic(0.3), BLOCKS, epsilon_code=0.1),
    "scaled": ot.Scaled(ot.Entropic(0.1), 3.0),
    "cubic": ot.Pointwise(lambda s: s.clamp_min(0) ** 3 / 3, lambda s: s.clamp_min(0) ** 2),
}


def solved(name: str) -> ot.Plan:
    problem = ot.OTProblem(
        cost=random_cost(4, 3, 0),
        a=random_weights(4, 1),
        b=random_weights(3, 2),
        regulariser=REGULARISERS[name],
    )
    return ot.solve(problem, tolerance=1e-9, max_steps=5000)


@pytest.mark.parametrize("name", REGULARISERS)
def test_the_worst_cost_gives_the_value_and_no_other_gives_more(name: str) -> None:
    plan = solved(name)
    adversary = ot.adversarial_cost(plan)
    assert float(adversary.value) == pytest.approx(float(plan.value), abs=1e-7)
    assert float(ot.adversarial_value(plan.problem, adversary.cost)) == pytest.approx(
        float(plan.value), abs=1e-7
    )
    torch.testing.assert_close(adversary.cost, plan.problem.cost + adversary.change)
    generator = rng(5)
    for scale in (0.0, 0.01, 0.1, 1.0):
        for centre in (adversary.cost, plan.problem.cost):
            noise = torch.randn(4, 3, generator=generator, dtype=torch.float64)
            assert ot.adversarial_value(plan.problem, centre + scale * noise) <= plan.value + 1e-7


@pytest.mark.parametrize("name", REGULARISERS)
def test_the_way_to_the_worst_cost_rises(name: str) -> None:
    """What the adversary gets is concave in the cost, so it rises all the way from the ground cost to the best."""
    plan = solved(name)
    adversary = ot.adversarial_cost(plan)
    steps = torch.linspace(0, 1, 6, dtype=torch.float64)
    gains = [
        float(ot.adversarial_value(plan.problem, plan.problem.cost + t * adversary.change)) for t in steps
    ]
    slopes = [after - before for before, after in itertools.pairwise(gains)]
    assert all(slope > 0 for slope in slopes)
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(slopes))


@pytest.mark.parametrize("name", ["entropic", "structured"])
def test_the_change_is_the_derivative_of_the_charge(name: str) -> None:
    """The second player's condition: the change is the gradient of ``Omega``, up to functions of one side."""
    plan = solved(name)
    a, b = plan.problem.row_weights, plan.problem.column_weights

    def charge(matrix: Tensor) -> Tensor:
        density = (matrix / (a.unsqueeze(1) * b)).unsqueeze(0)
        return (b * plan.problem.regulariser.value(density, a.unsqueeze(0))).sum()

    matrix = plan.matrix().requires_grad_()
    (gradient,) = torch.autograd.grad(charge(matrix), matrix)
    difference = gradient - ot.adversarial_cost(plan).change
    difference = difference - difference.mean(0)
    difference = difference - difference.mean(1, keepdim=True)
    torch.testing.assert_close(difference, torch.zeros_like(difference), atol=1e-6, rtol=0)


def test_the_changes_of_entropic_and_quadratic_plans() -> None:
    entropic, quadratic = solved("entropic"), solved("quadratic")
    expected = 0.2 * entropic.density().log()
    torch.testing.assert_close(ot.adversarial_cost(entropic).change, expected, atol=1e-7, rtol=0)
    coupled = quadratic.density() > 1e-6
    change = ot.adversarial_cost(quadratic).change
    torch.testing.assert_close(change[coupled], 0.1 * quadratic.density()[coupled], atol=1e-6, rtol=0)
    assert (change[~coupled] <= 1e-6).all() and not coupled.all()


def test_batches_are_their_items() -> None:
    costs = torch.stack([random_cost(4, 3, 0), random_cost(4, 3, 1)])
    batch = ot.solve(ot.OTProblem(cost=costs, regulariser=ot.Entropic(0.2)), tolerance=1e-10)
    adversary = ot.adversarial_cost(batch)
    values = ot.adversarial_value(batch.problem, adversary.cost)
    torch.testing.assert_close(values, batch.value)
    assert adversary.price.shape == (2,)


def test_what_is_not_convex_has_no_adversary() -> None:
    cost = random_cost(4, 3, 0)
    rewarded = ot.Structured(ot.Entropic(0.1), BLOCKS, epsilon_code=-0.01)
    for regulariser, got in (
        (rewarded, "epsilon_code=-0.01"),
        (ot.Scaled(ot.Cardinality(2, 0.1), 2.0), "Cardinality"),
        (ot.Unregularised(), "Unregularised"),
        (ot.Rebated(ot.Entropic(0.1), (4,), ()), "Rebated"),
    ):
        with pytest.raises(ProblemError, match=f"adversary's view: .* got {got}.* no supremum over costs"):
            ot.adversarial_value(ot.OTProblem(cost=cost, regulariser=regulariser), cost)
    with pytest.raises(ProblemError, match="keeps both marginals, got rho"):
        ot.adversarial_value(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.1), rho=1.0), cost)
    with pytest.raises(ProblemError, match="expected a cost of shape"):
        ot.adversarial_value(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.1)), cost[:2])
