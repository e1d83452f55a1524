"""Gradients of plans by differentiating the last steps of the fixed point that leads to them."""

from dataclasses import dataclass

from infot.errors import ProblemError
from infot.ot.conditions import differentiable_problem, nested
from infot.ot.differentiation import Gradient, attach_potential
from infot.ot.plan import Plan
from infot.ot.stationarity import Stationarity, contraction, nest_of

__all__ = ["Unrolled"]


@dataclass(frozen=True)
class Unrolled(Gradient):
    """The gradient of everything that a plan tells, through a number of steps ``f <- f - epsilon_1 r(f)``.

    The steps begin at the solution, so their values stay there while their derivatives sum the first ``steps`` terms of
    the Neumann series of :class:`Implicit`: the error falls geometrically, at the rate of the contraction (Bolte,
    Pauwels, Vaiter, "One-step differentiation of iterative algorithms", arXiv 2305.13768). Memory grows with the steps.
    Useful where few steps do, as one at a large epsilon, and as a second road to the numbers of :class:`Implicit`.
    Differentiable as often as wanted, with the same kind of error.

    Args:
        steps: Steps of the contraction, at least 1.

    Raises:
        ProblemError: if there are no steps; on attaching, if the regulariser is not entropic or structured.
    """

    steps: int

    def __post_init__(self) -> None:
        """Refuse no steps."""
        if self.steps < 1:
            raise ProblemError(f"expected steps >= 1, got {self.steps}")

    def attach(self, plan: Plan) -> Plan:
        """Return the plan with all its arrays on the graph."""
        problem, factor = differentiable_problem(plan.problem)
        if not nested(problem.regulariser):
            raise ProblemError(
                f"Unrolled needs an Entropic or Structured regulariser, got {type(problem.regulariser).__name__}, "
                "whose potentials no fixed point leads to; use Implicit"
            )
        f = plan.solution.f / factor
        step = contraction(problem, nest_of(problem).damping, f)
        for _ in range(self.steps):
            f = f - step * Stationarity.at(problem, f).residual
        return attach_potential(plan, problem, f, factor)
