"""Sinkhorn's algorithm in the kernel domain: the default for plain entropic problems."""

from dataclasses import dataclass

from torch import Tensor

from infot.errors import ProblemError
from infot.ot.plan import Solution
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solvers.base import Solver
from infot.ot.solvers.fixed_point import FixedPoint, averaged_move, fixed_point

__all__ = ["Sinkhorn", "SymmetricSinkhorn"]


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


@dataclass(frozen=True)
class SymmetricSinkhorn(Solver):
    """Sinkhorn's algorithm for a measure against itself: average the potential with its transform.

    Args:
        memory: Memory of Anderson's acceleration.
    """

    memory: int = 3

    def solve(
        self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> Solution:
        """Solve an entropic problem whose cost is symmetric and whose two weights are equal.

        Raises:
            ProblemError: if the regulariser is not entropic or the problem is not square.
        """
        if not isinstance(problem.regulariser, Entropic) or problem.cost.shape[-1] != problem.cost.shape[-2]:
            raise ProblemError(
                f"SymmetricSinkhorn solves square Entropic problems, got {type(problem.regulariser).__name__} "
                f"and a cost of shape {tuple(problem.cost.shape)}; use Sinkhorn"
            )
        settings = FixedPoint(
            memory=self.memory,
            factor=4.0,
            from_epsilon=0.02,
            tolerance=tolerance,
            max_steps=max_steps,
            name=f"SymmetricSinkhorn(memory={self.memory})",
            move=averaged_move,
        )
        plain = problem.derived(blocks=None)
        return fixed_point(plain, problem.regulariser, settings, start)
