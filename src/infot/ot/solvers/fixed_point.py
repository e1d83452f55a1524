"""The damped fixed point on the latent potential, ``f <- f - epsilon_1 log(row mass)``, accelerated.

With one block it is Sinkhorn's algorithm; with nested blocks it is the contraction of the nested logit model (Berry,
RAND Journal of Economics 25(2), 1994), damped by the smallest price of a nat. Four things make it fast: whole codes
are balanced by Newton's method inside every evaluation, steps within a code are taken at the code's own price,
Anderson's extrapolation undoes the damping, and small prices are approached through larger ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infot.numerics import from_loop, inner, namespace, to_loop
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution
from infot.ot.solvers.approach import Approach
from infot.ot.solvers.base import keeps_rows, lost_rows, statuses_of, with_exact_rows
from infot.ot.solvers.drive import Drive
from infot.ot.solvers.flat_kernel import FlatKernel, GivenCost
from infot.ot.solvers.kernel import Kernel, Leg, Stage
from infot.ot.solvers.nested_kernel import NestedKernel
from infot.ot.solvers.patience import Patience
from infot.ot.solvers.start import Start
from infot.ot.status import Status
from infot.ot.structure import Nest, Structured

__all__ = ["FixedPoint", "approach", "fixed_point"]

_STAGE_TOLERANCE = 0.1
_WATCH = 10  # steps between two looks at whether anything still betters
_PATIENCE = 50  # of these


@dataclass(frozen=True)
class FixedPoint:
    """Settings of the iteration.

    Args:
        drive: Makes what moves the iteration on, from a kernel and the weights of the rows.
        tolerance: L1 error of the row masses to reach.
        max_steps: Limit on the steps, over the whole approach.
        name: Name of the solver for the record.
    """

    drive: Callable[[Kernel, Any], Drive]
    tolerance: float
    max_steps: int
    name: str


def fixed_point(
    problem: OTProblem,
    regulariser: Entropic | Structured,
    settings: FixedPoint,
    *,
    stages: Approach | None = None,
    start: Start | None,
) -> Solution:
    """Iterate to the tolerance and finish on the side of the latents.

    Args:
        problem: The problem, with batch axes.
        regulariser: Its regulariser.
        settings: Settings of the iteration.
        stages: The approach through larger prices; left out, there is none.
        start: Where to start; then there is none either.
    """
    nest = Nest.of(regulariser, problem.row_weights, problem.blocks)
    a, b = to_loop(problem.row_weights), to_loop(problem.column_weights)
    memory = torch.empty_like(problem.cost, memory_format=torch.contiguous_format)
    buffer = to_loop(memory)

    def kernel_at(factor: float, tolerance: float) -> Kernel:
        if nest.sizes:
            prices = nest.scaled(factor)
            return NestedKernel(
                problem.cost, problem.column_weights, prices, tolerance=tolerance, buffer=memory
            )
        return FlatKernel(GivenCost(problem.cost), a, b, epsilon=factor * nest.epsilon, buffer=buffer)

    factors = []
    if stages is not None and start is None:
        factors = stages.factors((problem.mean_cost - float(problem.cost.amin())) / nest.epsilon)
    f = None if start is None else to_loop(start.f)
    final = approach(kernel_at, a, settings, factors=factors, f=f)
    perturbed = isinstance(regulariser, Structured)
    return _finish(problem, nest if perturbed else replace(nest, sizes=()), final, settings)


def approach(
    kernel_at: Callable[[float, float], Kernel], a: Any, settings: FixedPoint, *, factors: list[float], f: Any
) -> Stage:
    """Iterate at ever smaller prices, each stage from where the last one ended.

    Args:
        kernel_at: The problem at a factor on all its prices, for a tolerance.
        a: Weights of the rows, an array of inner loops.
        settings: Settings of the iteration.
        factors: Factors on the prices in the stages before the last one.
        f: Potential to start from, or None.
    """
    used = 0
    loose = max(_STAGE_TOLERANCE, settings.tolerance)
    # what leaves the finite numbers is seen in the error and told by the status
    with np.errstate(all="ignore"):
        ahead = list(factors)
        while ahead and used < settings.max_steps - 1:
            factor = ahead.pop(0)
            rough = replace(settings, tolerance=loose, max_steps=settings.max_steps - 1)
            stage = _iterate(kernel_at(factor, loose), a, rough, f, used)
            f, before, used = stage.last.f, used, int(stage.n_steps.max())
            if used == before + 1:  # it ended where it began: the next one may be twice as far
                ahead = ahead[1:]
        return _iterate(kernel_at(1.0, settings.tolerance), a, settings, f, used)


def _iterate(kernel: Kernel, a: Any, settings: FixedPoint, f: Any, used: int) -> Stage:
    """Iterate at fixed prices until every item is done or the steps are used up."""
    cold, f = f is None, kernel.anchor(f)
    drive = settings.drive(kernel, a)
    limits = float(settings.tolerance), settings.max_steps, _WATCH, _PATIENCE
    if drive.memory:
        stage = kernel.iterated(Leg(a, f, cold, drive.memory, used, limits))
        if stage is not None:
            return stage
    error, patience = 1 + 0 * a[:, 0], Patience(_PATIENCE)
    count = _Count(error, settings.tolerance)
    step, otherwise = used, Status.MAX_STEPS
    while True:
        step += 1
        now = kernel.evaluate(f, error)
        error = inner(abs(now.row_mass - 1), a)
        if count.over(error, step) or step == settings.max_steps:
            break
        if step % _WATCH == 0 and patience.exhausted(error):
            otherwise = Status.STALLED
            break
        if cold:
            cold, (f, opened) = False, drive.opening(f, error, settings.max_steps - step)
            if opened:
                step += opened
                continue
        f = drive.next(now, error)
    return Stage(now, kernel, error, count.at(step), otherwise)


class _Count:
    """Count the steps of each item to its tolerance."""

    def __init__(self, like: Any, tolerance: float) -> None:
        self._xp, self._tolerance = namespace(like), tolerance
        self._steps = 0 * like

    def over(self, error: Any, step: int) -> bool:
        """Take note of the errors of a step and say whether no item has anything left to do."""
        if len(error) == 1:
            return not self._tolerance < float(error[0]) < math.inf
        worst = float(error.max())
        done = error <= self._tolerance
        self._steps = self._xp.where((self._steps == 0) & done, step, self._steps)
        if math.isfinite(worst):
            return worst <= self._tolerance
        return bool((done | ~self._xp.isfinite(error)).all())

    def at(self, step: int) -> Any:
        """Return the steps of each item; those that are not done took all of them."""
        return self._xp.where(self._steps == 0, step, self._steps)


def _finish(problem: OTProblem, nest: Nest, stage: Stage, settings: FixedPoint) -> Solution:
    """Make the rows exact with the perturbation held, and value the semi-dual before that."""
    last = stage.last
    f, g, mass = (from_loop(x) for x in (last.f, last.g, last.row_mass))
    a, b = to_loop(problem.row_weights), to_loop(problem.column_weights)
    value = from_loop(inner(a, last.f) + inner(b, last.g))
    perturbation = _perturbation(nest, from_loop(last.soft), g) if nest.sizes else None
    exact = with_exact_rows(problem, f, g, mass, epsilon=nest.epsilon, perturbation=perturbation)
    statuses = statuses_of(from_loop(stage.error), settings.tolerance, stage.otherwise)
    rows, columns = (from_loop(x) for x in last.factors)
    weights = (problem.row_weights / mass.clamp_min(torch.finfo(mass.dtype).tiny)).reshape(rows.shape)
    factors = (rows * weights, from_loop(stage.kernel.matrix), columns)
    if not keeps_rows(mass) and bool((lost_rows(mass) & (problem.row_weights > 0)).any()):
        factors = None  # the potential tells these rows, the factors do not
    steps = from_loop(stage.n_steps).long()
    return Solution(exact, g, value, steps, statuses, settings.name, perturbation, factors=factors)


def _perturbation(nest: Nest, soft: Tensor, g: Tensor) -> Tensor:
    """Return what the structure lowers the cost of (code, datum) by."""
    if len(nest.sizes) == 1:  # the log-density of (code, datum) is (S + g) / epsilon_code
        return (nest.epsilon / nest.epsilons[0] - 1) * (soft + g.unsqueeze(1))
    return nest.epsilon * nest.outer(soft)[1] - soft - g.unsqueeze(1)
