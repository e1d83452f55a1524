"""The nested fixed point on clouds with codes: one pass over the cost an iteration."""

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import from_loop, inner, namespace, safe_log, to_loop
from infot.ot.clouds.codes import CloudCodes
from infot.ot.clouds.nested_pass import NestedPass, nest_of
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import FromSubsample
from infot.ot.clouds.subsample import coarse_latent_potential
from infot.ot.solvers.anderson import Anderson
from infot.ot.solvers.approach import ACCELERATED, Approach
from infot.ot.solvers.base import lost_rows, statuses_of
from infot.ot.solvers.kernel import Evaluation
from infot.ot.solvers.nested import Nested
from infot.ot.solvers.patience import Patience
from infot.ot.status import Status
from infot.ot.structure import Nest

__all__ = ["StreamingNested"]

_PATIENCE = 100
_CODE_SHARE = 0.25


@dataclass(frozen=True)
class StreamingNested(FromSubsample):
    """The iteration of :class:`infot.ot.Nested`, a few columns at a time, from a subsample.

    One pass over a tile, all rows against a few columns, gives the columns' exact potential and adds to the rows'
    masses, so that a full iteration makes every cost once. The loop extrapolates the latent potential. It holds a few
    arrays of n, m and K m numbers: a soft minimum for every code and column.

    Args:
        coarse: Points of each cloud that the first solve takes, as many of each code; its potentials extend to all
            points by the soft c-transform. The whole clouds are iterated from there.
        approach: Acceleration, and stages of larger prices in the solve of the subsample.

    Raises:
        ProblemError: if ``coarse`` is not positive.
    """

    takes_codes = True

    approach: Approach = ACCELERATED

    def solve(
        self, problem: CloudProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> CloudPlan:
        """Solve a structured problem; ``start`` is a potential of the rows, and with one there is no subsample.

        Rows may have no weight where other codes have more draws with some. The error that is held against the
        tolerance is that of the rows, before they are made exact, which bounds that of the plan's columns.

        Raises:
            ProblemError: if the problem is not structured.
        """
        if not problem.structured:
            raise ProblemError("StreamingNested solves Structured problems; use Streaming for Entropic ones")
        nest, a = nest_of(problem), to_loop(problem.row_weights.unsqueeze(0))
        f = coarse_latent_potential(problem, Nested(self.approach), self.coarse) if start is None else start
        loop = _Loop(NestedPass(problem, nest), a, Anderson(self.approach.memory, a), tolerance, max_steps)
        # what leaves the finite numbers is seen in the error and told by the status
        with np.errstate(all="ignore"):
            end = loop.run(to_loop(f.unsqueeze(0)))
        f, g, perturbation = _exact_rows(nest, end.last)
        reached, steps = from_loop(end.error), torch.tensor(end.n_steps, device=g.device)
        statuses = statuses_of(reached, tolerance, end.otherwise)
        name = f"StreamingNested(coarse={self.coarse})"
        codes = CloudCodes(perturbation, from_loop(end.value)[0])
        return _with_lost_rows(
            CloudPlan(problem, f, g, reached[0], steps, statuses, name, codes),
            from_loop(end.last.row_mass)[0],
        )


class _End(NamedTuple):
    """Where an iteration ended."""

    last: Evaluation
    error: Any
    value: Any
    n_steps: int
    otherwise: Status


@dataclass(frozen=True)
class _Loop:
    """The iteration on the latent potential.

    Args:
        passes: Evaluates the semi-dual.
        a: Weights of the rows, ``(1, n)``, an array of inner loops.
        accelerate: Extrapolates.
        tolerance: L1 error of the row masses to reach.
        max_steps: Limit on the passes.
    """

    passes: NestedPass
    a: Any
    accelerate: Anderson
    tolerance: float
    max_steps: int

    def run(self, f: Any) -> _End:
        """Iterate from a potential, ``(1, n)``, an array of inner loops."""
        step, patience, otherwise = 0, Patience(_PATIENCE), Status.MAX_STEPS
        while True:
            step += 1
            now = self.passes.evaluate(f)
            error = inner(abs(now.row_mass - 1), self.a)
            value = inner(self.a, now.f) + inner(self.passes.levels.b, now.g)
            if not self.tolerance < float(error[0]) < math.inf or step == self.max_steps:
                break
            if patience.exhausted(error):
                otherwise = Status.STALLED
                break
            safe, bold = self.passes.steps(now, _balance_to(error, self.tolerance))
            f = self.accelerate.next(now.f, safe, error, value, bold=bold)
        return _End(now, error, value, step, otherwise)


def _balance_to(error: Any, tolerance: float) -> Any:
    """Return how well codes are worth being balanced: to a share of the error."""
    xp = namespace(error)
    share = _CODE_SHARE * xp.maximum(error, 0 * error + tolerance)
    return xp.minimum(share, 0 * error + _CODE_SHARE)


def _exact_rows(nest: Nest, last: Evaluation) -> tuple[Tensor, Tensor, Tensor]:
    """Return potentials whose rows are exact, and what structure lowers the cost by, which is held for them."""
    f, g, mass, soft = (from_loop(x) for x in (last.f, last.g, last.row_mass, last.soft))
    _, log_density = nest.outer(soft)
    perturbation = nest.epsilon * log_density - soft - g.unsqueeze(1)
    return (f - nest.epsilon * safe_log(mass))[0], g[0], perturbation[0]


def _with_lost_rows(plan: CloudPlan, mass: Tensor) -> CloudPlan:
    """Return the plan with the potentials that rows without weight, or of too little mass, would have."""
    problem = plan.problem
    assert problem.blocks is not None
    of_codes = problem.row_weights.reshape(problem.blocks.n_codes, -1).sum(-1)
    codes = problem.blocks.of_rows(mass.device)
    lost = ((problem.row_weights <= 0) & (of_codes[codes] > 0)) | lost_rows(mass)
    if not bool(lost.any()):
        return plan
    f = plan.f.clone()
    f[lost] = plan.potential(problem.x[lost], codes[lost])
    return replace(plan, f=f)
