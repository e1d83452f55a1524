"""Sinkhorn's algorithm with marginals at a price, invariant under translations."""

from dataclasses import dataclass

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import from_loop, to_loop, weighted_logsumexp
from infot.ot.plan import Solution
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solvers.anderson import Anderson
from infot.ot.solvers.base import Solver, first_steps, statuses_of
from infot.ot.solvers.patience import Patience
from infot.ot.status import Status
from infot.ot.unbalanced import gain, inverse_price, relaxation, target

__all__ = ["UnbalancedSinkhorn"]

_PATIENCE = 500
_STAGE_TOLERANCE = 0.1


@dataclass(frozen=True)
class UnbalancedSinkhorn(Solver):
    """Alternate the two damped soft minima, and move mass between the potentials in closed form.

    The updates are ``f <- -(rho_a / (rho_a + epsilon)) epsilon log E_b exp((g - C) / epsilon)`` and its mirror image
    (Chizat et al., arXiv 1607.05816). Alone they take of the order of rho / epsilon steps to find the total mass; the
    best constant to add to ``f`` and take from ``g`` is known in closed form (Sejourne, Vialard, Peyre, "Faster
    Unbalanced Optimal Transport: Translation invariant Sinkhorn and 1-D Frank-Wolfe", arXiv 2201.00730).

    Args:
        memory: Memory of Anderson's acceleration; 0 gives the plain algorithm.
        factor: Ratio between successive prices on the way down to a small epsilon.
        from_epsilon: Price, relative to the mean cost, below which the way down is taken in stages.
    """

    takes_rho = True

    memory: int = 6
    factor: float = 4.0
    from_epsilon: float = 0.02

    def solve(
        self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> Solution:
        """Solve an entropic problem with ``rho``; the tolerance is on the L1 error of the optimality of both marginals.

        Raises:
            ProblemError: if the regulariser is not entropic or the problem has no ``rho``.
        """
        regulariser = problem.regulariser
        if not isinstance(regulariser, Entropic) or problem.rho is None:
            raise ProblemError(
                f"UnbalancedSinkhorn solves Entropic problems with rho, got {type(regulariser).__name__} and "
                f"rho={problem.rho}; use Sinkhorn for problems without"
            )
        f, used = start, 0
        for scale in self._approach(problem, regulariser.epsilon) if start is None else ():
            if used < max_steps - 1:
                loose = _Loop(problem, scale * regulariser.epsilon, self.memory)
                stage = loose.run(f, max(_STAGE_TOLERANCE, tolerance), used, max_steps - 1)
                f, used = stage.f, int(stage.n_steps.max())
        end = _Loop(problem, regulariser.epsilon, self.memory).run(f, tolerance, used, max_steps)
        value = _dual_value(problem, end.f, end.g, regulariser.epsilon)
        statuses = statuses_of(end.error, tolerance, end.otherwise)
        name = f"UnbalancedSinkhorn(memory={self.memory})"
        return Solution(end.f, end.g, value, end.n_steps, statuses, name)

    def _approach(self, problem: OTProblem, epsilon: float) -> list[float]:
        height = float(problem.cost.mean()) - float(problem.cost.amin())
        factors, factor = [], self.factor
        while factor < self.from_epsilon * height / epsilon:
            factors.append(factor)
            factor *= self.factor
        return factors[::-1]


@dataclass(frozen=True)
class _End:
    f: Tensor
    g: Tensor
    error: Tensor
    n_steps: Tensor
    otherwise: Status


class _Loop:
    """The iteration at one epsilon, in the log domain."""

    def __init__(self, problem: OTProblem, epsilon: float, memory: int) -> None:
        assert problem.marginal_prices is not None
        self.a, self.b, self.epsilon, self.memory = (
            problem.row_weights,
            problem.column_weights,
            epsilon,
            memory,
        )
        self.rho_a, self.rho_b = problem.marginal_prices
        self._negative = -problem.cost / epsilon

    def run(self, f: Tensor | None, tolerance: float, used: int, max_steps: int) -> _End:
        """Iterate until every item is done, and end with an update of ``f``, after which the rows are optimal."""
        f = torch.zeros_like(self.a) if f is None else f
        accelerate = Anderson(self.memory, to_loop(self.a))
        n_steps = torch.zeros(f.shape[0], dtype=torch.long, device=f.device)
        step, patience, otherwise = used, Patience(_PATIENCE), Status.MAX_STEPS
        while True:
            step += 1
            f, g, better, error = self._turn(f)
            done = error <= tolerance
            n_steps = first_steps(n_steps, step, done)
            if step >= max_steps or bool((done | ~error.isfinite()).all()):
                break
            if patience.exhausted(to_loop(error)):
                otherwise = Status.STALLED
                break
            f = from_loop(accelerate.next(to_loop(f), to_loop(better - f), to_loop(error)))
        n_steps = torch.where(n_steps == 0, step, n_steps)
        return _End(better, g, error, n_steps, otherwise)

    def _turn(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return both potentials after the update of ``g`` and the translation, the next ``f``, and the error."""
        softened = -self.epsilon * weighted_logsumexp(
            f.unsqueeze(-1) / self.epsilon + self._negative, self.a.unsqueeze(-1), dim=-2
        )
        g = softened * relaxation(self.rho_b, self.epsilon, f)
        shift = self._translation(f, g)
        columns = target(g, self.b, self.rho_b)
        f, g = f + shift, g - shift
        missed = (columns - target(g, self.b, self.rho_b)).abs().sum(-1)
        softened = -self.epsilon * weighted_logsumexp(
            g.unsqueeze(-2) / self.epsilon + self._negative, self.b.unsqueeze(-2), dim=-1
        )
        rows = torch.exp(self.a.log() + (f - softened) / self.epsilon)  # nothing where a weight is zero
        error = torch.maximum((rows - target(f, self.a, self.rho_a)).abs().sum(-1), missed)
        return f, g, softened * relaxation(self.rho_a, self.epsilon, f), error

    def _translation(self, f: Tensor, g: Tensor) -> Tensor:
        """Return the constant that maximises the dual along ``(f + t, g - t)``, ``(B, 1)``."""
        inverse = inverse_price(self.rho_a, f) + inverse_price(self.rho_b, f)
        rows = torch.logsumexp(self.a.log() - f * inverse_price(self.rho_a, f), -1, keepdim=True)
        columns = torch.logsumexp(self.b.log() - g * inverse_price(self.rho_b, f), -1, keepdim=True)
        return (rows - columns) / inverse


def _dual_value(problem: OTProblem, f: Tensor, g: Tensor, epsilon: float) -> Tensor:
    assert problem.marginal_prices is not None
    a, b, (rho_a, rho_b) = problem.row_weights, problem.column_weights, problem.marginal_prices
    mass = target(f, a, rho_a).sum(-1)  # the rows are optimal
    total = (a * gain(f, rho_a)).sum(-1) + (b * gain(g, rho_b)).sum(-1)
    return total - epsilon * (mass - a.sum(-1) * b.sum(-1))
