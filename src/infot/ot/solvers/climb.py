"""Damped Newton steps up a semi-dual, one item in float64: what plain and structured problems share.

A step solves the curvature damped by ``mu diag(a)``, with ``mu`` led by how well the last step kept its promise
(Levenberg and Marquardt); a step that did not is replaced by a safe one, which never lowers the semi-dual.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.problem import OTProblem
from infot.ot.solution import Solution
from infot.ot.solvers.base import statuses_of
from infot.ot.solvers.patience import Patience
from infot.ot.status import Status

__all__ = ["Climbed", "End", "Hill", "check_takeover", "climb", "gathered"]

_PATIENCE = 100
_FIRST_DAMPING, _LEAST_DAMPING = 1e-3, 1e-12
_ROUNDING = 1e-13  # relative, of a value in float64


def check_takeover(from_error: float) -> None:
    """Refuse an error at which Newton's method would never take over.

    Raises:
        ProblemError: if it is not positive.
    """
    if not from_error > 0:
        raise ProblemError(f"expected from_error > 0, got {from_error}")


class Hill(ABC):
    """The semi-dual of one problem, in float64."""

    a: np.ndarray
    """Weights of the rows."""

    @abstractmethod
    def at(self, f: np.ndarray) -> Any:
        """Return the point at a potential: its ``f``, ``value``, and ``masses`` of the rows."""

    @abstractmethod
    def move(self, now: Any, damping: float, gradient: np.ndarray) -> np.ndarray:
        """Return the damped Newton step; zeros where the system could not be solved, which asks for more damping."""

    @abstractmethod
    def safe(self, now: Any) -> np.ndarray:
        """Return a potential at which the semi-dual is no lower."""


@dataclass(frozen=True)
class Climbed:
    """Where a climb ended: the point, its L1 error, the steps taken, and why if the error is too large."""

    point: Any
    error: float
    steps: int
    otherwise: Status


@dataclass(frozen=True)
class End:
    """The solution of one item."""

    f: Any
    g: Any
    plan: Any
    value: float
    climbed: Climbed
    perturbation: Any = None


def climb(hill: Hill, f: np.ndarray, *, tolerance: float, max_steps: int) -> Climbed:
    """Climb from a potential until the L1 error of the row masses meets the tolerance."""
    now, damping, step, patience = hill.at(f), _FIRST_DAMPING, 0, Patience(_PATIENCE)
    while True:
        gradient = hill.a - now.masses
        error = float(abs(gradient).sum())
        if error <= tolerance or not np.isfinite(error) or step >= max_steps:
            return Climbed(now, error, step, Status.MAX_STEPS)
        if patience.exhausted(np.array([error])):
            return Climbed(now, error, step, Status.STALLED)
        step += 1
        move = hill.move(now, damping, gradient)
        trial = hill.at(now.f + move)
        promise = float(gradient @ move) / 2
        kept = (trial.value - now.value + _ROUNDING * abs(now.value)) / max(promise, 1e-300)
        damping = max(_LEAST_DAMPING, damping * _factor(kept))
        now = trial if kept > 0.05 else hill.at(hill.safe(now))


def _factor(kept: float) -> float:
    """Return by what to change the damping, given the share of the promised rise that a step kept."""
    if not kept > 0.05:
        return 10.0
    return 3.0 if kept < 0.25 else 0.5 if kept < 0.6 else 0.1


def gathered(
    problem: OTProblem, near: Solution, ends: Sequence[End], *, tolerance: float, name: str
) -> Solution:
    """Gather the items' ends into a solution in the problem's dtype, whose plan is as exact as float64 made it.

    Args:
        problem: The problem, with batch axes.
        near: Where the climbs began, whose steps count.
        ends: The end of each item.
        tolerance: L1 marginal error that was wanted.
        name: What solved it, in words.
    """
    like = problem.cost

    def stack(parts: list[Any]) -> Tensor:
        return torch.stack([torch.as_tensor(part, dtype=torch.float64).to(like) for part in parts])

    statuses = tuple(
        statuses_of(torch.tensor([end.climbed.error]), tolerance, end.climbed.otherwise)[0] for end in ends
    )
    steps = near.n_steps + torch.tensor([end.climbed.steps for end in ends], device=like.device)
    plan = stack([end.plan for end in ends])
    plan = plan.unsqueeze(1) if plan.ndim == 3 else plan
    factors = (torch.ones_like(plan[..., 0]), plan, torch.ones_like(plan[..., 0, :]))
    perturbed = ends[0].perturbation is not None
    return Solution(
        stack([end.f for end in ends]),
        stack([end.g for end in ends]),
        stack([end.value for end in ends]),
        steps,
        statuses,
        name,
        stack([end.perturbation for end in ends]) if perturbed else None,
        factors=factors,
    )
