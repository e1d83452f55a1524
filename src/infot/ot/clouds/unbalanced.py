"""Clouds whose marginals have a price: one pass over the cost an iteration, invariant under translations."""

from dataclasses import dataclass

from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import FromSubsample
from infot.ot.clouds.subsample import coarse_potential
from infot.ot.clouds.tiles import make_tiles, soft_transform
from infot.ot.solvers.base import statuses_of
from infot.ot.solvers.priced import PricedStep, Turn, iterate, translation
from infot.ot.solvers.unbalanced import UnbalancedSinkhorn
from infot.ot.unbalanced import inverse_price, target

__all__ = ["UnbalancedStreaming"]


@dataclass(frozen=True)
class UnbalancedStreaming(FromSubsample):
    """The iteration of :class:`infot.ot.UnbalancedSinkhorn`, a few rows at a time, from a subsample.

    Args:
        coarse: Points of each cloud that the first solve takes.
        memory: Memory of Anderson's acceleration; 0 gives the plain algorithm.

    Raises:
        ProblemError: if ``coarse`` is not positive.
    """

    takes_rho = True

    memory: int = 6

    def solve(
        self, problem: CloudProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> CloudPlan:
        """Solve a problem with ``rho``; the tolerance is on the L1 error of the optimality of the columns.

        Raises:
            ProblemError: if the problem has no ``rho``.
        """
        if problem.marginal_prices is None:
            raise ProblemError(
                "UnbalancedStreaming solves problems with rho; use Streaming for those without"
            )
        solver = UnbalancedSinkhorn(self.memory)
        g = coarse_potential(problem, solver, self.coarse) if start is None else start
        point = _Pass(problem)
        end = iterate(
            point, g.unsqueeze(0), memory=self.memory, tolerance=tolerance, used=0, max_steps=max_steps
        )
        last, name = end.last, f"UnbalancedStreaming(coarse={self.coarse})"
        statuses = statuses_of(last.error, tolerance, end.otherwise)
        return CloudPlan(problem, last.g[0], last.f[0], last.error[0], end.n_steps[0], statuses, name)


class _Pass(PricedStep):
    """The iteration seen from the columns: what it moves is ``g``, for which one pass gives ``f`` and the masses.

    The rows are optimal at ``f``. The pair is then translated by the best constant, and ``g`` is updated from there.
    """

    def __init__(self, problem: CloudProblem) -> None:
        assert problem.marginal_prices is not None
        self.a, self._rows = problem.column_weights.unsqueeze(0), problem.row_weights.unsqueeze(0)
        self._of_rows, self._of_columns = problem.marginal_prices
        self._epsilon, self._dampings = problem.epsilon, [float(damping) for damping in problem.dampings]
        self._tiles = make_tiles(problem.x, problem.y, problem.epsilon, problem.cost)

    def turn(self, f: Tensor) -> Turn:
        """Evaluate at a potential of the columns; the other one comes back as that of the rows."""
        g, b = f, self.a
        bias = (g / self._epsilon + b.log())[0]
        transform, masses = soft_transform(self._tiles, bias, self._rows[0], self._dampings[0])
        rows = (self._dampings[0] * self._epsilon * transform).unsqueeze(0)
        error = (masses - target(g, b, self._of_columns)).abs().sum(-1)
        shift = translation(
            (self._rows, rows, inverse_price(self._of_rows, rows)),
            (b, g, inverse_price(self._of_columns, g)),
        )
        softened = g - shift - self._epsilon * (safe_log(masses) - safe_log(b))
        return Turn(g, rows, self._dampings[1] * softened - g, error)
