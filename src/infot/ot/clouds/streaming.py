"""Sinkhorn's algorithm on clouds in the log domain: one pass over the cost an iteration, memory linear in points."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import from_loop, safe_log, to_loop
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.subsample import coarse_potential
from infot.ot.clouds.tiles import make_tiles, soft_transform
from infot.ot.solvers.anderson import Anderson
from infot.ot.solvers.approach import ACCELERATED, Approach
from infot.ot.solvers.base import statuses_of
from infot.ot.solvers.patience import Patience
from infot.ot.solvers.sinkhorn import Sinkhorn
from infot.ot.status import Status

__all__ = ["CloudSolver", "FromSubsample", "Streaming"]

_PATIENCE = 100


class CloudSolver(ABC):
    """A frozen record of settings that turns a problem between clouds into a plan.

    Attributes:
        takes_rho: Whether it solves problems whose marginals have a price, or those whose marginals are kept.
        takes_codes: Whether it solves structured problems, or plain ones.
    """

    takes_rho: ClassVar[bool] = False
    takes_codes: ClassVar[bool] = False

    @abstractmethod
    def solve(
        self, problem: CloudProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> CloudPlan:
        """Solve a problem between clouds.

        Args:
            problem: The problem: without a batch axis or padding, cut off from the graph, every point with weight but
                for rows that a layout by code needs.
            tolerance: L1 marginal error to reach.
            max_steps: Limit on the passes over the whole cost.
            start: Potential of the columns to start from; of structured problems that of the rows.
        """


@dataclass(frozen=True)
class FromSubsample(CloudSolver):
    """A solver of whole clouds that starts from the potentials of a subsample.

    Args:
        coarse: Points of each cloud that the first solve takes.

    Raises:
        ProblemError: if ``coarse`` is not positive.
    """

    coarse: int = 2048

    def __post_init__(self) -> None:
        """Refuse empty subsamples."""
        if self.coarse < 1:
            raise ProblemError(f"expected coarse >= 1, got {self.coarse}")


@dataclass(frozen=True)
class Streaming(FromSubsample):
    """Start from the potentials of a subsample, then iterate on the whole clouds a few rows at a time.

    One pass over a tile of the cost gives the rows' exact potential and adds to the columns' masses, so that a full
    iteration makes every cost once. The loop extrapolates the columns' potential.

    Args:
        coarse: Points of each cloud that the first solve takes; its potentials extend to all points by the soft
            c-transform. The whole clouds are iterated from there.
        approach: Acceleration, and stages of larger prices in the solve of the subsample.

    Raises:
        ProblemError: if ``coarse`` is not positive.
    """

    approach: Approach = ACCELERATED

    def solve(
        self, problem: CloudProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> CloudPlan:
        """Solve a problem between clouds; with ``start`` there is no subsample."""
        a, b, epsilon = problem.row_weights, problem.column_weights, problem.epsilon
        tiles = make_tiles(problem.x, problem.y, epsilon, problem.cost)
        g = coarse_potential(problem, Sinkhorn(self.approach), self.coarse) if start is None else start
        accelerate, patience = Anderson(self.approach.memory, to_loop(b.unsqueeze(0))), Patience(_PATIENCE)
        log_b, step, otherwise = b.log(), 0, Status.MAX_STEPS
        while True:
            step += 1
            transform, masses = soft_transform(tiles, g / epsilon + log_b, a)
            error = (masses - b).abs().sum().unsqueeze(0)
            statuses = statuses_of(error, tolerance)
            if statuses != (Status.MAX_STEPS,) or step == max_steps:
                break
            if patience.exhausted(to_loop(error)):
                otherwise = Status.STALLED
                break
            move = to_loop((-epsilon * (safe_log(masses) - log_b)).unsqueeze(0))
            value = to_loop((epsilon * (a @ transform) + b @ g).unsqueeze(0))
            g = from_loop(accelerate.next(to_loop(g.unsqueeze(0)), move, to_loop(error), value))[0]
        statuses = statuses_of(error, tolerance, otherwise)
        name = f"Streaming(coarse={self.coarse})"
        return CloudPlan(
            problem, epsilon * transform, g, error[0], torch.tensor(step, device=error.device), statuses, name
        )
