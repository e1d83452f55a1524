"""Sinkhorn's algorithm in the kernel domain: the default for plain entropic problems."""

from dataclasses import dataclass

from infot.errors import ProblemError
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution
from infot.ot.solvers.approach import ACCELERATED, Approach
from infot.ot.solvers.base import Solver, entropic_of
from infot.ot.solvers.drive import AveragingDrive
from infot.ot.solvers.fixed_point import FixedPoint, fixed_point
from infot.ot.solvers.start import Start

__all__ = ["Sinkhorn", "SymmetricSinkhorn"]


@dataclass(frozen=True)
class Sinkhorn(Solver):
    """Alternate the two marginal projections, accelerated.

    Args:
        approach: Acceleration, and stages of larger prices on the way down to a small epsilon.
    """

    approach: Approach = ACCELERATED

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve an entropic problem.

        Raises:
            ProblemError: if the regulariser is not entropic.
        """
        entropic = entropic_of(problem, "Sinkhorn")
        settings = FixedPoint(
            drive=self.approach.drive,
            tolerance=tolerance,
            max_steps=max_steps,
            name="Sinkhorn",
        )
        return fixed_point(problem, entropic, settings, stages=self.approach, start=start)


@dataclass(frozen=True)
class SymmetricSinkhorn(Solver):
    """Sinkhorn's algorithm for a measure against itself: average the potential with its transform.

    It takes about as many steps at every epsilon (see :class:`infot.ot.solvers.drive.AveragingDrive`), so there is
    nothing to set.
    """

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
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
            drive=AveragingDrive,
            tolerance=tolerance,
            max_steps=max_steps,
            name="SymmetricSinkhorn",
        )
        plain = problem.derived(blocks=None)
        return fixed_point(plain, problem.regulariser, settings, start=start)
