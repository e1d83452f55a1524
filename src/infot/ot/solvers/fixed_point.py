"""The damped fixed point on the latent potential, ``f <- f - epsilon_1 log(row mass)``, accelerated.

With one block it is Sinkhorn's algorithm; with nested blocks it is the contraction of the nested logit model (Berry,
RAND Journal of Economics 25(2), 1994), damped by the smallest price of a nat. Three things make it fast: whole codes
are balanced by Newton's method inside every evaluation, Anderson's extrapolation undoes the damping, and small prices
are approached through larger ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infot.numerics import from_loop, namespace, safe_log, to_loop
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution
from infot.ot.solvers.anderson import Anderson
from infot.ot.solvers.approach import Approach
from infot.ot.solvers.base import statuses_of
from infot.ot.solvers.kernel import Evaluation, NestedKernel
from infot.ot.solvers.patience import Patience
from infot.ot.status import Status
from infot.ot.structure import Nest, Structured

__all__ = ["FixedPoint", "averaged_move", "damped_move", "fixed_point"]

_CODE_SHARE = 0.25
_STAGE_TOLERANCE = 0.1
_PATIENCE = 500


def damped_move(now: Evaluation, damping: float) -> Any:
    """Return ``-epsilon_1 log(row mass)``: the contraction; Sinkhorn's half step where there is one price."""
    xp = namespace(now.row_mass)
    return -damping * xp.log(now.row_mass + xp.finfo(now.row_mass.dtype).tiny)


def averaged_move(now: Evaluation, damping: float) -> Any:
    """Return ``(g - f) / 2``: for a measure against itself, where both potentials are one (Feydy et al. 2019)."""
    return (now.g - now.f) / 2


@dataclass(frozen=True)
class FixedPoint:
    """Settings of the iteration.

    Args:
        approach: Acceleration, and stages of larger prices.
        tolerance: L1 error of the row masses to reach.
        max_steps: Limit on the steps, over the whole approach.
        name: Name of the solver for the record.
        move: Step of the potential at an evaluation, given the smallest price of a nat.
    """

    approach: Approach
    tolerance: float
    max_steps: int
    name: str
    move: Callable[[Evaluation, float], Any] = damped_move


def fixed_point(
    problem: OTProblem, regulariser: Entropic | Structured, settings: FixedPoint, start: Tensor | None
) -> Solution:
    """Iterate to the tolerance and finish on the side of the latents.

    Args:
        problem: The problem, with batch axes.
        regulariser: Its regulariser.
        settings: Settings of the iteration.
        start: Potential to start from; then there is no approach through larger prices.
    """
    nest = Nest.of(regulariser, problem.row_weights, problem.blocks)
    f, used = None if start is None else to_loop(start), 0
    loose = replace(
        settings,
        tolerance=max(_STAGE_TOLERANCE, settings.tolerance),
        max_steps=settings.max_steps - 1,
    )
    with np.errstate(
        all="ignore"
    ):  # what leaves the finite numbers is seen in the error and told by the status
        for scale in _stages(problem, nest, settings.approach) if start is None else ():
            if used >= loose.max_steps:
                break
            stage = _iterate(problem, _scaled(nest, scale), loose, f, used)
            f, used = stage.last.f, int(stage.n_steps.max())
        final = _iterate(problem, nest, settings, f, used)
    perturbed = isinstance(regulariser, Structured)
    return _finish(problem, nest if perturbed else replace(nest, sizes=()), final, settings)


def _stages(problem: OTProblem, nest: Nest, approach: Approach) -> list[float]:
    """Return the factors on all prices of the stages before the last one, largest first."""
    height = problem.mean_cost - float(problem.cost.amin())
    ratio = approach.from_epsilon * height / nest.epsilon
    factors, factor = [], approach.factor
    while factor < ratio:
        factors.append(factor)
        factor *= approach.factor
    return factors[::-1]


def _scaled(nest: Nest, factor: float) -> Nest:
    return replace(nest, epsilon=factor * nest.epsilon, epsilons=tuple(factor * e for e in nest.epsilons))


@dataclass(frozen=True)
class _Stage:
    last: Evaluation
    error: Tensor
    n_steps: Tensor
    otherwise: Status


def _iterate(problem: OTProblem, nest: Nest, settings: FixedPoint, f: Any, used: int) -> _Stage:
    """Iterate at fixed prices until every item is done or the steps are used up."""
    kernel = NestedKernel(problem.cost, problem.column_weights, nest)
    f = kernel.start() if f is None else f
    kernel.anchor(f)
    a = to_loop(problem.row_weights)
    xp = namespace(a)
    accelerate = Anderson(settings.approach.memory, a)
    n_steps, error = 0 * a[:, 0], 1 + 0 * a[:, 0]
    step, patience, otherwise = used, Patience(_PATIENCE), Status.MAX_STEPS
    while True:
        step += 1
        now = kernel.evaluate(f, _CODE_SHARE * xp.clip(error, settings.tolerance, 1.0))
        error = (a * abs(now.row_mass - 1)).sum(-1)
        done = error <= settings.tolerance
        n_steps = xp.where((n_steps == 0) & done, step, n_steps)
        if step == settings.max_steps or bool((done | ~xp.isfinite(error)).all()):
            break
        if patience.exhausted(error):
            otherwise = Status.STALLED
            break
        f = accelerate.next(now.f, settings.move(now, nest.damping), error)
        if kernel.drifted(f):
            kernel.anchor(f)
    n_steps = from_loop(xp.where(n_steps == 0, step, n_steps)).long()
    return _Stage(now, from_loop(error), n_steps, otherwise)


def _finish(problem: OTProblem, nest: Nest, stage: _Stage, settings: FixedPoint) -> Solution:
    """Make the rows exact with the perturbation held, and value the semi-dual before that."""
    f, g, soft, mass = (
        from_loop(x) for x in (stage.last.f, stage.last.g, stage.last.soft, stage.last.row_mass)
    )
    value = (problem.row_weights * f).sum(-1) + (problem.column_weights * g).sum(-1)
    perturbation = nest.epsilon * nest.outer(soft)[1] - soft - g.unsqueeze(1) if nest.sizes else None
    exact = f - nest.epsilon * safe_log(mass)
    statuses = statuses_of(stage.error, settings.tolerance, stage.otherwise)
    rows, kernel, columns = (from_loop(x) for x in stage.last.factors)
    weights = (problem.row_weights / mass.clamp_min(torch.finfo(mass.dtype).tiny)).reshape(rows.shape)
    factors = (rows * weights, kernel, columns)
    return Solution(exact, g, value, stage.n_steps, statuses, settings.name, perturbation, factors=factors)
