"""A cloud against itself: averages of the potential with its transform, as many passes at every epsilon."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import CloudSolver
from infot.ot.clouds.tiles import make_tiles, soft_transform
from infot.ot.solvers.base import statuses_of
from infot.ot.solvers.drive import averaging_move
from infot.ot.status import Status

__all__ = ["SymmetricStreaming"]


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
        a = problem.row_weights
        if not (torch.equal(problem.x, problem.y) and torch.equal(a, problem.column_weights)):
            raise ProblemError("SymmetricStreaming solves a cloud against itself, got two; use Streaming")
        tiles = make_tiles(problem.x, problem.y, problem.epsilon, problem.cost)
        log_a, step = a.log(), 0
        f = torch.zeros_like(a) if start is None else start
        move: Any = None
        while True:
            step += 1
            transform, masses = soft_transform(tiles, f / problem.epsilon + log_a, a)
            error = (masses - a).abs().sum()
            statuses = statuses_of(error.unsqueeze(0), tolerance)
            if statuses != (Status.MAX_STEPS,) or step == max_steps:
                break
            move = averaging_move(problem.epsilon * transform - f, move)
            f = f + move
        exact = problem.epsilon * transform
        return CloudPlan(
            problem, exact, f, error, torch.tensor(step, device=error.device), statuses, "SymmetricStreaming"
        )
