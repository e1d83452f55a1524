"""Sinkhorn's algorithm in the kernel domain: the default for plain entropic problems."""

from dataclasses import dataclass

from torch import Tensor

from infot.errors import ProblemError
from infot.ot.plan import Solution
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solvers.base import Solver
from infot.ot.solvers.fixed_point import FixedPoint, fixed_point

__all__ = ["Sinkhorn"]


@dataclass(frozen=True)
class Sinkhorn(Solver):
    """Alternate the two marginal projections, accelerated.

    Args:
        memory: Memory of Anderson's acceleration; 0 gives the textbook algorithm.
        factor: Ratio between successive prices on the way down to a small epsilon.
        from_epsilon: Price, relative to the mean cost, below which the way down is taken in stages.
    """

    memory: int = 6
    factor: float = 4.0
    from_epsilon: float = 0.02

    def solve(
        self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> Solution:
        """Solve an entropic problem.

        Raises:
            ProblemError: if the regulariser is not entropic.
        """
        if not isinstance(problem.regulariser, Entropic):
            raise ProblemError(
                f"Sinkhorn solves Entropic problems, got {type(problem.regulariser).__name__}; "
                "use Nested for Structured and SemiDual for others"
            )
        settings = FixedPoint(
            memory=self.memory,
            factor=self.factor,
            from_epsilon=self.from_epsilon,
            tolerance=tolerance,
            max_steps=max_steps,
            name=f"Sinkhorn(memory={self.memory})",
        )
        return fixed_point(problem, problem.regulariser, settings, start)
