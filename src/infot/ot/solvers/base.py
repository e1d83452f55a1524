"""What every solver is, and what they share: the finish on the side of the latents."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log, weighted_logsumexp
from infot.ot.convexity import TURNS, check_conjugate
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution
from infot.ot.solvers.start import Start
from infot.ot.status import Status
from infot.ot.structure import Nest, Structured

__all__ = [
    "Solver",
    "entropic_of",
    "finish",
    "first_steps",
    "keeps_rows",
    "lost_rows",
    "row_masses",
    "statuses_of",
    "structured_of",
    "with_exact_rows",
]


class Solver(ABC):
    """A frozen record of settings that turns a problem into a solution.

    Attributes:
        takes_rho: Whether it solves problems whose marginals have a price.
    """

    takes_rho: ClassVar[bool] = False

    @abstractmethod
    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve a problem that has a batch axis.

        Args:
            problem: The problem, with batch axes.
            tolerance: L1 marginal error to reach.
            max_steps: Limit on the steps.
            start: Where to start, a potential and perhaps a plan of the latents and data of a similar problem.
        """


def statuses_of(error: Tensor, tolerance: float, otherwise: Status = Status.MAX_STEPS) -> tuple[Status, ...]:
    """Say of each item why it ended, from its last error; ``otherwise`` is for those that did not converge."""

    def reason(reached: float) -> Status:
        if not math.isfinite(reached):
            return Status.NON_FINITE
        return Status.CONVERGED if reached <= tolerance else otherwise

    return tuple(reason(reached) for reached in error.tolist())


def first_steps(n_steps: Tensor, step: int, done: Tensor) -> Tensor:
    """Record ``step`` for the items that are done and have no number of steps yet."""
    return torch.where((n_steps == 0) & done, step, n_steps)


def row_masses(problem: OTProblem, f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the semi-dual value, ``g`` by the soft c-transform, and each row's mass under ``b``, in the log domain."""
    a, b = problem.row_weights, problem.column_weights
    g = problem.regulariser.potential(f.unsqueeze(-1) - problem.cost, a)
    if bool((a == 0).any()):  # rows without weight say nothing, and must not overflow
        f = torch.where(a > 0, f, (problem.cost - g.unsqueeze(-2)).amin(-1))
    score = f.unsqueeze(-1) - problem.cost
    density = problem.regulariser.density(score + g.unsqueeze(-2), a)
    gain = g - problem.regulariser.conjugate(score + g.unsqueeze(-2), a)
    value = (a * f).sum(-1) + (b * gain).sum(-1)
    return value, g, (b.unsqueeze(-2) * density).sum(-1)


def entropic_of(problem: OTProblem, solver: str) -> Entropic:
    """Return the regulariser of an entropic problem.

    Raises:
        ProblemError: if it is another one.
    """
    if not isinstance(problem.regulariser, Entropic):
        raise ProblemError(
            f"{solver} solves Entropic problems, got {type(problem.regulariser).__name__}; "
            "use Nested for Structured and SemiDual for others"
        )
    return problem.regulariser


def structured_of(problem: OTProblem, solver: str, plain: str) -> Structured:
    """Return the regulariser of a structured problem with prices above zero.

    Raises:
        ProblemError: if it is another one.
    """
    if not isinstance(problem.regulariser, Structured):
        raise ProblemError(
            f"{solver} solves Structured problems, got {type(problem.regulariser).__name__}; "
            f"use {plain} for Entropic and SemiDual for others"
        )
    check_conjugate(problem.regulariser, solver, TURNS)
    return problem.regulariser


def finish(
    problem: OTProblem, f: Tensor, *, n_steps: Tensor, statuses: tuple[Status, ...], solver: str
) -> Solution:
    """Turn a latent potential into a solution whose plan has exact rows.

    Args:
        problem: The problem, with batch axes.
        f: Potential of the latents.
        n_steps: Steps taken.
        statuses: Why each item ended.
        solver: What solved it, in words.
    """
    value, g, masses = row_masses(problem, f)
    regulariser = problem.regulariser
    if not isinstance(regulariser, Entropic | Structured):
        scale = torch.where(masses > 0, 1 / masses.clamp_min(torch.finfo(masses.dtype).tiny), 1.0)
        return Solution(f, g, value, n_steps, statuses, solver, row_scale=scale)
    nest = Nest.of(regulariser, problem.row_weights)
    soft = nest.inner(f.unsqueeze(-1) - problem.cost)
    _, log_density = nest.outer(soft)
    perturbation = nest.epsilon * log_density - soft - g.unsqueeze(1) if nest.sizes else None
    exact = with_exact_rows(problem, f, g, masses, epsilon=nest.epsilon, perturbation=perturbation)
    return Solution(exact, g, value, n_steps, statuses, solver, perturbation)


def lost_rows(masses: Tensor) -> Tensor:
    """Return which rows have so little mass, where 1 is wanted, that a factor can no longer make them exact.

    A row of negligible weight may keep such a mass in a plan within its tolerance; what a factor makes of it is
    rounding, or overflows.
    """
    return masses < _least_mass(masses)


def keeps_rows(masses: Tensor) -> bool:
    """Say whether no row at all is lost, by its least mass alone; False where that is not a number."""
    return float(masses.min()) >= _least_mass(masses)


def _least_mass(masses: Tensor) -> float:
    """Return the mass below which a row is lost: its inverse times a factor of the same size does not overflow."""
    return torch.finfo(masses.dtype).tiny ** 0.5


def with_exact_rows(
    problem: OTProblem, f: Tensor, g: Tensor, masses: Tensor, *, epsilon: float, perturbation: Tensor | None
) -> Tensor:
    """Return the potential at which rows are exact while ``g`` and the perturbation are held.

    Rows without weight or whose mass was lost get theirs by the soft c-transform of ``g`` at the perturbed cost.

    Args:
        problem: The problem, with batch axes.
        f: Potential of the latents.
        g: Potential of the data.
        masses: Row masses at ``f``, relative to the weights.
        epsilon: Price of a nat through the noise.
        perturbation: By how much structure lowers the cost of (code, datum).
    """
    exact = f - epsilon * safe_log(masses)
    if keeps_rows(masses) and float(problem.row_weights.min()) > 0:
        return exact
    lost = (problem.row_weights == 0) | lost_rows(masses)
    if not bool(lost.any()):
        return exact
    cost = problem.cost
    if perturbation is not None:
        cost = cost - perturbation.repeat_interleave(cost.shape[-2] // perturbation.shape[1], dim=1)
    score = (g.unsqueeze(-2) - cost) / epsilon
    soft = -epsilon * weighted_logsumexp(score, problem.column_weights.unsqueeze(-2), dim=-1)
    return torch.where(lost, soft, exact)
