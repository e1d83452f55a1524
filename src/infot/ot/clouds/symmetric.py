"""A cloud against itself: averages of the potential with its transform, as many passes at every epsilon."""

from dataclasses import dataclass

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import CloudSolver
from infot.ot.clouds.tiles import make_tiles, soft_transform
from infot.ot.solvers.base import statuses_of
from infot.ot.status import Status

__all__ = ["SymmetricStreaming"]

_RHO = 3 - 8**0.5  # see infot.ot.solvers.drive.AveragingDrive


@dataclass(frozen=True)
class SymmetricStreaming(CloudSolver):
    """The second-order averages of :class:`infot.ot.SymmetricSinkhorn`, a few rows at a time."""

    def solve(
        self, problem: CloudProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> CloudPlan:
        """Solve the problem of a cloud against itself.

        Raises:
            ProblemError: if the two clouds or their weights differ.
        """
        a = problem.row_weights.detach()
        if not (torch.equal(problem.x, problem.y) and torch.equal(a, problem.column_weights)):
            raise ProblemError("SymmetricStreaming solves a cloud against itself, got two; use Streaming")
        tiles = make_tiles(problem.x, problem.y, problem.epsilon, problem.cost)
        log_a, step = a.log(), 0
        f = torch.zeros_like(a) if start is None else start
        move: Tensor | None = None
        while True:
            step += 1
            transform, masses = soft_transform(tiles, f / problem.epsilon + log_a, a)
            error = (masses - a).abs().sum()
            (status,) = statuses_of(error.unsqueeze(0), tolerance)
            if status is not Status.MAX_STEPS or step == max_steps:
                break
            residual = problem.epsilon * transform - f
            move = residual / 2 if move is None else _RHO**2 * move + 4 * _RHO * residual
            f = f + move
        return CloudPlan(problem, problem.epsilon * transform, f, error, step, status, "SymmetricStreaming")
