"""Regularised transport as a game: a smoothing is an adversary who changes the ground cost at a price.

For convex ``Omega(pi) = sup_D <D, pi> - Omega*(D)``, the order of minimum and supremum may be exchanged:

    min_pi <C, pi> + Omega(pi) = sup_C' [ min_pi <C', pi> - Omega*(C' - C) ],

ordinary transport at the worst cost, less what the change costs (Paty and Cuturi, "Regularized optimal transport is
ground cost adversarial", arXiv 2002.03967). It is the mirror image of the structured rebate, which is concave in the
plan and so lowers the cost in the planner's favour (:meth:`infot.ot.Plan.perturbed_cost`).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.convexity import check_smoothing
from infot.ot.entry import solve
from infot.ot.plan import Plan
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Unregularised

__all__ = ["Adversary", "adversarial_cost", "adversarial_value"]


@dataclass(frozen=True, eq=False)
class Adversary:
    """The adversary's best answer to a plan.

    Args:
        cost: The worst ground cost ``C'``. It makes all couplings equally good: it is ``f + g``.
        change: ``C' - C``: raised where the plan couples more than the smoothing likes, lowered where less. For
            entropic smoothing it is ``epsilon log density``; where a quadratic plan has mass it is ``gamma density``.
        price: ``Omega*(C' - C)``, what the change costs, in units of cost.
        value: Ordinary transport at the worst cost, less the price: the regularised value.
    """

    cost: Float[Tensor, "*batch n m"]
    change: Float[Tensor, "*batch n m"]
    price: Float[Tensor, "*batch"]
    value: Float[Tensor, "*batch"]


def adversarial_cost(plan: Plan) -> Adversary:
    """Return the worst ground cost for a plan with a convex regulariser.

    At the optimum the change is a subgradient of ``Omega``, and the potentials give one: ``f + g - C``.

    Args:
        plan: A solved plan; it solves ordinary transport at the adversarial cost too.

    Raises:
        ProblemError: if the regulariser is not convex or has no conjugate, or marginals have a price.

    Example:
        >>> from infot import ot
        >>> cost = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
        >>> plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.5)))
        >>> adversary = adversarial_cost(plan)
        >>> bool(torch.isclose(adversary.value, plan.value))
        True
        >>> torch.allclose(adversary.change, 0.5 * plan.density().log())
        True
    """
    batch, solution = _convex(plan.problem).as_batch(), plan.solution
    with torch.no_grad():
        cost = solution.f.unsqueeze(-1) + solution.g.unsqueeze(-2)
        price = _price(batch, cost)
        ordinary = (batch.row_weights * solution.f).sum(-1) + (batch.column_weights * solution.g).sum(-1)
    parts = (cost, cost - batch.cost, price, ordinary - price)
    return Adversary(*(plan._out(part) for part in parts))


def adversarial_value(
    problem: OTProblem, cost: Float[Tensor, "*batch n m"], *, max_steps: int = 100_000
) -> Float[Tensor, "*batch"]:
    """Return what an adversary gets from a ground cost: exact ordinary transport at it, less the price of the change.

    Every cost gives a lower bound on the regularised value; :func:`adversarial_cost` gives the best.

    Args:
        problem: A problem with a convex regulariser.
        cost: The ground cost to be tried.
        max_steps: Limit on the steps of the linear programme.

    Raises:
        ProblemError: as :func:`adversarial_cost`, or if the cost does not have the problem's shape.

    Example:
        >>> from infot import ot
        >>> problem = ot.OTProblem(cost=torch.rand(4, 3, dtype=torch.float64), regulariser=ot.Quadratic(0.1))
        >>> bool(adversarial_value(problem, problem.cost + 1) <= ot.solve(problem).value)
        True
    """
    batch = _convex(problem).as_batch()
    if cost.shape != problem.cost.shape:
        raise ProblemError(f"expected a cost of shape {tuple(problem.cost.shape)}, got {tuple(cost.shape)}")
    ordinary = OTProblem(cost=cost.detach(), regulariser=Unregularised(), a=problem.a, b=problem.b)
    with torch.no_grad():
        price = _price(batch, cost.detach().reshape(batch.cost.shape))
        price = price if problem.batched else price[0]
        return solve(ordinary, max_steps=max_steps).value - price


def _price(batch: OTProblem, cost: Float[Tensor, "B n m"]) -> Float[Tensor, " B"]:
    """Return ``Omega*(C' - C)``, the mean over the data of the conjugate of every column."""
    return (batch.column_weights * batch.regulariser.conjugate(cost - batch.cost, batch.row_weights)).sum(-1)


def _convex(problem: OTProblem) -> OTProblem:
    """Return the problem, after checking that minimum and supremum may be exchanged."""
    check_smoothing(
        problem.regulariser, "the adversary's view", "what is not convex is no supremum over costs"
    )
    if problem.rho is not None:
        raise ProblemError(f"the adversary's view keeps both marginals, got rho={problem.rho}")
    return problem
