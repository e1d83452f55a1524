"""The generalised conditional gradient: any smooth term beside any base regulariser, with a certificate.

A turn replaces the term by its tangent, a perturbation of the ground cost, solves for the base regulariser at that
cost, and goes from the current plan towards the plan found, as far as the *full* objective falls (Bredies, Lorenz,
Maass 2009; Rakotomamonjy, Flamary, Courty, arXiv 1510.06567). With no base it is the conditional gradient of Frank and
Wolfe.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.density import density_of, from_masses
from infot.ot.problem import OTProblem
from infot.ot.rebates import Composite, Rebated
from infot.ot.regularisers import Entropic, Unregularised
from infot.ot.rounding import round_to_marginals
from infot.ot.solution import Residual, Solution
from infot.ot.solvers.base import Solver, first_steps, statuses_of
from infot.ot.solvers.dual import SemiDual
from infot.ot.solvers.exact import Exact
from infot.ot.solvers.patience import Patience
from infot.ot.solvers.sinkhorn import Sinkhorn
from infot.ot.solvers.start import Start
from infot.ot.solvers.turns import GAP, certificate, check_base, cost_unit, first_density, turned
from infot.ot.status import Status
from infot.ot.structure import Structured

__all__ = ["ConditionalGradient"]

_PATIENCE = 200
_INNER_SHARE = 0.1  # tolerance of an inner solve over that of the whole
_ENOUGH = 0.25  # share of the promised fall; the minimum of a parabola reaches one half
_TRIALS = 12


@dataclass(frozen=True)
class ConditionalGradient(Solver):
    """Linearise the term, solve the rest, go there as far as the objective falls.

    Rebates are concave in the plan, so the whole falls all the way to the plan found: these turns are those of
    :class:`infot.ot.PerturbedCostLoop`, and end with the plan found last.

    Ends when the marginal error and a residual are below the tolerance. For rebates that leave the whole convex the
    residual is that of :class:`infot.ot.PerturbedCostLoop`, a bound on the distance of plan or value from the optimum.
    Otherwise it is the gap, in units of the mean of ``|C|``: how much the objective with the term linearised could
    still fall. For a convex term it bounds how far the objective is from its optimum; for rebates that do not leave the
    whole convex it is what the last turn gained at least, zero at stationary plans only, and says nothing of other
    plans.

    Args:
        inner: Solver of a turn's problem; left out, the one that suits the base regulariser.
        inner_steps: Limit on its steps in a turn.

    Raises:
        ProblemError: if ``inner_steps`` is not positive.
    """

    inner: Solver | None = None
    inner_steps: int = 1000

    def __post_init__(self) -> None:
        """Refuse turns without steps."""
        if self.inner_steps < 1:
            raise ProblemError(f"expected inner_steps >= 1, got {self.inner_steps}")

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve; ``max_steps`` counts turns.

        The first plan is that to start from; from a potential see :func:`infot.ot.solvers.turns.first_density`.

        Raises:
            ProblemError: if the regulariser has no base and tangent, or no turn can be solved for its base.
        """
        if not isinstance(problem.regulariser, Structured | Composite):
            raise ProblemError(
                "ConditionalGradient solves Structured, Rebated and Augmented problems, got "
                f"{type(problem.regulariser).__name__}"
            )
        if self.inner is None:
            check_base(problem.regulariser.base, "ConditionalGradient")
        state, concave = _State.first(problem, start), isinstance(problem.regulariser, Structured | Rebated)
        unit = cost_unit(problem)
        n_steps = torch.zeros(len(unit), dtype=torch.long, device=unit.device)
        step, patience, otherwise = 0, Patience(_PATIENCE), Status.MAX_STEPS
        while True:
            step += 1
            turn = self._turn(state, tolerance, start)
            gap = state.gap(turn)
            ended = _State(problem, turn.density) if concave else state
            residual = _residual(problem, turn, gap / unit)
            error = torch.maximum(residual.value, ended.marginal_error())
            n_steps = first_steps(n_steps, step, error <= tolerance)
            if step == max_steps or bool(((error <= tolerance) | error.isnan()).all()):
                break
            if patience.exhausted(error):
                otherwise = Status.STALLED
                break
            start, state = Start(turn.solution.f), ended if concave else state.towards(turn.density, gap)
        return Solution(
            turn.solution.f,
            turn.solution.g,
            ended.objective(ended.density),
            torch.where(n_steps == 0, step, n_steps),
            statuses_of(error, tolerance, otherwise),
            f"ConditionalGradient({turn.solution.solver})",
            perturbation=turn.perturbation,
            masses=problem.row_weights.unsqueeze(-1) * problem.column_weights.unsqueeze(-2) * ended.density,
            residual=residual,
        )

    def _turn(self, state: "_State", tolerance: float, start: Start | None) -> "_Turn":
        linear, perturbation = turned(state.problem, state.density)
        solver = _suiting(linear) if self.inner is None else self.inner
        solution = solver.solve(
            linear, tolerance=_INNER_SHARE * tolerance, max_steps=self.inner_steps, start=start
        )
        return _Turn(linear, solution, perturbation, density_of(linear, solution))


def _suiting(problem: OTProblem) -> Solver:
    if isinstance(problem.regulariser, Unregularised):
        return Exact()
    return Sinkhorn() if isinstance(problem.regulariser, Entropic) else SemiDual()


@dataclass(frozen=True)
class _Turn:
    """A turn's problem, solution and density."""

    problem: OTProblem
    solution: Solution
    perturbation: Tensor
    density: Tensor


def _residual(problem: OTProblem, turn: _Turn, gap: Tensor) -> Residual:
    """Return what a turn leaves to be done: a bound on the distance of its plan, where there is one, or the gap."""
    if isinstance(problem.regulariser, Structured | Rebated):
        certified = certificate(problem, turn.density, turn.perturbation)
        if certified is not None:
            return certified
    return Residual(GAP, gap)


@dataclass(frozen=True)
class _State:
    """The density of the current plan."""

    problem: OTProblem
    density: Tensor

    @classmethod
    def first(cls, problem: OTProblem, start: Start | None) -> "_State":
        """Return where to begin; the gap compares plans with the same marginals, so those of a start are made exact."""
        density, a, b = first_density(problem, start), problem.row_weights, problem.column_weights
        if isinstance(problem.regulariser, Structured | Rebated) and problem.regulariser.strength >= 0:
            return cls(problem, density)
        masses = round_to_marginals(a.unsqueeze(-1) * b.unsqueeze(-2) * density, a, b)
        return cls(problem, from_masses(problem, masses))

    def mean(self, values: Float[Tensor, "B n m"]) -> Float[Tensor, " B"]:
        """Return the mean under ``a x b``."""
        a, b = self.problem.row_weights, self.problem.column_weights
        return (b * (a.unsqueeze(-1) * values).sum(-2)).sum(-1)

    def objective(self, density: Float[Tensor, "B n m"]) -> Float[Tensor, " B"]:
        """Return ``<C, pi> + Omega(pi)`` of each item."""
        problem = self.problem
        charge = problem.regulariser.value(density, problem.row_weights)
        return self.mean(density * problem.cost) + (problem.column_weights * charge).sum(-1)

    def gap(self, turn: _Turn) -> Float[Tensor, " B"]:
        """Return how much the linearised objective falls from here to the plan of a turn."""
        problem, b = turn.problem, self.problem.column_weights
        here, there = (
            self.mean(d * problem.cost) + (b * problem.regulariser.value(d, problem.row_weights)).sum(-1)
            for d in (self.density, turn.density)
        )
        return here - there

    def marginal_error(self) -> Float[Tensor, " B"]:
        """Return the L1 distance of the columns from their weights; the rows are exact."""
        a, b = self.problem.row_weights, self.problem.column_weights
        return (b * ((a.unsqueeze(-1) * self.density).sum(-2) - 1).abs()).sum(-1)

    def towards(self, target: Tensor, gap: Tensor) -> "_State":
        """Go towards a density as far as a parabola says, until the objective falls by a share of the promise."""
        here = self.objective(self.density)
        length = torch.ones_like(here)
        best, kept = torch.zeros_like(here), here
        for _ in range(_TRIALS):
            reached = self.objective(self._between(target, length))
            lower = reached < kept
            best, kept = torch.where(lower, length, best), torch.where(lower, reached, kept)
            short = reached > here - _ENOUGH * length * gap
            if not bool(short.any()):
                break
            bend = (reached - here + gap * length) / length.square()
            shorter = (gap / (2 * bend).clamp_min(torch.finfo(gap.dtype).tiny)).clamp(
                0.05 * length, 0.9 * length
            )
            length = torch.where(short, shorter, length)
        return _State(self.problem, self._between(target, best))

    def _between(self, target: Tensor, length: Tensor) -> Tensor:
        return self.density + length[:, None, None] * (target - self.density)
