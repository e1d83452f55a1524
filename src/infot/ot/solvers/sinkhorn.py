"""Sinkhorn's algorithm in the kernel domain: the default for plain entropic problems."""

from dataclasses import dataclass

from torch import Tensor

from infot.errors import ProblemError
from infot.ot.plan import Solution
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solvers.base import Solver
from infot.ot.solvers.fixed_point import fixed_point

__all__ = ["Sinkhorn"]


@dataclass(frozen=True)
class Sinkhorn(Solver):
    """Alternate the two marginal projections, accelerated.

    Args:
        memory: Memory of Anderson's acceleration; 0 gives the textbook algorithm.
    """

    memory: int = 6

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
        return fixed_point(
            problem,
            problem.regulariser,
            memory=self.memory,
            tolerance=tolerance,
            max_steps=max_steps,
            start=start,
            solver=f"Sinkhorn(memory={self.memory})",
        )
