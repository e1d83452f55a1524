"""What the fixed points of problems with priced marginals share: the loop, and stages of larger prices before it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from infot.numerics import from_loop, to_loop
from infot.ot.problem import OTProblem
from infot.ot.solvers.anderson import Anderson
from infot.ot.solvers.base import first_steps
from infot.ot.solvers.patience import Patience
from infot.ot.status import Status

__all__ = ["PricedEnd", "PricedStep", "Turn", "in_stages", "iterate", "stage_factors", "translation"]

_PATIENCE = 500
_STAGE_TOLERANCE = 0.1


class Turn(NamedTuple):
    """One turn of a fixed point.

    Args:
        f: Potential of the latents, translated by the best constant, ``(B, n)``.
        g: Potential of the data there.
        move: Step to the next ``f``.
        error: L1 error of the optimality of the marginals, ``(B,)``.
        value: Value of the semi-dual, which moves never lower, ``(B,)``; None where it is not watched.
    """

    f: Tensor
    g: Tensor
    move: Tensor
    error: Tensor
    value: Tensor | None = None


class PricedStep(ABC):
    """A fixed point at given prices."""

    a: Tensor
    """Weights of the latents, ``(B, n)``."""

    @abstractmethod
    def turn(self, f: Tensor) -> Turn:
        """Evaluate the fixed point at a potential."""


@dataclass(frozen=True)
class PricedEnd:
    """Where an iteration ended.

    Args:
        last: The last turn.
        n_steps: Steps taken, ``(B,)``.
        otherwise: Why it ended for the items that did not converge.
    """

    last: Turn
    n_steps: Tensor
    otherwise: Status


def iterate(
    point: PricedStep, f: Tensor | None, *, memory: int, tolerance: float, used: int, max_steps: int
) -> PricedEnd:
    """Iterate with Anderson's acceleration until every item is done.

    Args:
        point: The fixed point.
        f: Where to start; zero if None.
        memory: Memory of the acceleration.
        tolerance: Error to reach.
        used: Steps that count as taken.
        max_steps: Limit on the steps.
    """
    f = torch.zeros_like(point.a) if f is None else f
    accelerate = Anderson(memory, to_loop(point.a))
    n_steps = torch.zeros(f.shape[0], dtype=torch.long, device=f.device)
    step, patience, otherwise = used, Patience(_PATIENCE), Status.MAX_STEPS
    while True:
        step += 1
        now = point.turn(f)
        done = now.error <= tolerance
        n_steps = first_steps(n_steps, step, done)
        if step >= max_steps or bool((done | ~now.error.isfinite()).all()):
            break
        if patience.exhausted(to_loop(now.error)):
            otherwise = Status.STALLED
            break
        value = None if now.value is None else to_loop(now.value)
        f = from_loop(accelerate.next(to_loop(now.f), to_loop(now.move), to_loop(now.error), value))
    return PricedEnd(now, torch.where(n_steps == 0, step, n_steps), otherwise)


def in_stages(
    point_at: Callable[[float], PricedStep],
    start: Tensor | None,
    factors: list[float],
    *,
    memory: int,
    tolerance: float,
    max_steps: int,
) -> PricedEnd:
    """Iterate at ever smaller prices, each stage from where the last one ended; a start takes the last stage only.

    Args:
        point_at: The fixed point at a factor on all prices of information.
        start: Potential to start from.
        factors: Factors of the stages before the last one.
        memory: Memory of the acceleration.
        tolerance: Error to reach.
        max_steps: Limit on the steps of all stages together.
    """
    f, used = start, 0
    for factor in factors if start is None else ():
        if used < max_steps - 1:
            rough = max(_STAGE_TOLERANCE, tolerance)
            stage = iterate(
                point_at(factor), f, memory=memory, tolerance=rough, used=used, max_steps=max_steps - 1
            )
            f, used = stage.last.f + stage.last.move, int(stage.n_steps.max())
    return iterate(point_at(1.0), f, memory=memory, tolerance=tolerance, used=used, max_steps=max_steps)


def stage_factors(problem: OTProblem, epsilon: float, factor: float, from_epsilon: float) -> list[float]:
    """Return the factors on the prices of the stages before the last one, largest first."""
    height = float(problem.cost.mean()) - float(problem.cost.amin())
    factors, ratio = [], factor
    while ratio < from_epsilon * height / epsilon:
        factors.append(ratio)
        ratio *= factor
    return factors[::-1]


def translation(rows: tuple[Tensor, Tensor, Tensor], columns: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return the ``t`` at which ``sum a exp(-(f + t) / rho_a)`` is ``sum b exp(-(g - t) / rho_b)``, ``(B, 1)``.

    It maximises the dual along ``(f + t, g - t)``; see Sejourne, Vialard, Peyre, arXiv 2201.00730.

    Args:
        rows: Weights, potential and the inverse of the price of the rows.
        columns: Likewise.
    """
    (a, f, inverse_a), (b, g, inverse_b) = rows, columns
    of_rows = torch.logsumexp(a.log() - f * inverse_a, -1, keepdim=True)
    of_columns = torch.logsumexp(b.log() - g * inverse_b, -1, keepdim=True)
    return (of_rows - of_columns) / (inverse_a + inverse_b)
