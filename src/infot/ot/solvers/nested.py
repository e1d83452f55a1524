"""The nested fixed point: the default for structured problems."""

from dataclasses import dataclass

from infot.ot.problem import OTProblem
from infot.ot.solution import Solution
from infot.ot.solvers.approach import ACCELERATED, Approach
from infot.ot.solvers.base import Solver, structured_of
from infot.ot.solvers.fixed_point import FixedPoint, fixed_point
from infot.ot.solvers.start import Start

__all__ = ["Nested"]


@dataclass(frozen=True)
class Nested(Solver):
    """Iterate ``f <- f - epsilon_code log(row mass)``, accelerated; ``g`` is the nested soft minimum.

    Args:
        approach: Acceleration, and stages of larger prices on the way down to a small epsilon; without memory it is the
            plain contraction, slow as epsilon_code falls.
    """

    approach: Approach = ACCELERATED

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve a structured problem with prices above zero.

        Raises:
            ProblemError: if the regulariser is not structured or one of its prices is not above zero.
        """
        regulariser = structured_of(problem, "Nested", "Sinkhorn")
        settings = FixedPoint(
            drive=self.approach.drive,
            tolerance=tolerance,
            max_steps=max_steps,
            name="Nested",
        )
        return fixed_point(problem, regulariser, settings, stages=self.approach, start=start)
