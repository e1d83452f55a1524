"""The nested fixed point: the default for structured problems."""

from dataclasses import dataclass

from torch import Tensor

from infot.errors import ProblemError
from infot.ot.plan import Solution
from infot.ot.problem import OTProblem
from infot.ot.solvers.base import Solver
from infot.ot.solvers.fixed_point import FixedPoint, fixed_point
from infot.ot.structure import Structured

__all__ = ["Nested"]


@dataclass(frozen=True)
class Nested(Solver):
    """Iterate ``f <- f - epsilon_code log(row mass)``, accelerated; ``g`` is the nested soft minimum.

    Args:
        memory: Memory of Anderson's acceleration; 0 gives the plain contraction, slow as epsilon_code falls.
        factor: Ratio between successive prices on the way down to a small epsilon.
        from_epsilon: Price, relative to the mean cost, below which the way down is taken in stages.
    """

    memory: int = 6
    factor: float = 4.0
    from_epsilon: float = 0.02

    def solve(
        self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> Solution:
        """Solve a structured problem with prices above zero.

        Raises:
            ProblemError: if the regulariser is not structured or one of its prices is not above zero.
        """
        regulariser = problem.regulariser
        if not isinstance(regulariser, Structured) or not regulariser.convex:
            raise ProblemError(
                "Nested solves Structured problems with epsilon_code > 0; "
                "use Sinkhorn for Entropic and PerturbedCostLoop for epsilon_code <= 0"
            )
        settings = FixedPoint(
            memory=self.memory,
            factor=self.factor,
            from_epsilon=self.from_epsilon,
            tolerance=tolerance,
            max_steps=max_steps,
            name=f"Nested(memory={self.memory})",
        )
        return fixed_point(problem, regulariser, settings, start)
