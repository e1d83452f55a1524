"""Sinkhorn's algorithm with marginals at a price, invariant under translations."""

from dataclasses import dataclass

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import weighted_logsumexp
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution
from infot.ot.solvers.base import Solver, statuses_of
from infot.ot.solvers.priced import PricedStep, Turn, in_stages, stage_factors, translation
from infot.ot.solvers.start import Start
from infot.ot.unbalanced import gain, inverse_price, relaxation, target

__all__ = ["UnbalancedSinkhorn"]


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

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve an entropic problem with ``rho``; the tolerance is on the L1 error of the optimality of both marginals.

        Raises:
            ProblemError: if the regulariser is not entropic or the problem has no ``rho``.
        """
        regulariser = problem.regulariser
        if not isinstance(regulariser, Entropic) or problem.rho is None:
            raise ProblemError(
                f"UnbalancedSinkhorn solves Entropic problems with rho, got {type(regulariser).__name__} and "
                f"rho={problem.rho}; use Sinkhorn for problems without, UnbalancedNested for Structured ones"
            )
        epsilon = regulariser.epsilon
        end = in_stages(
            lambda scale: _Sinkhorn(problem, scale * epsilon),
            None if start is None else start.f,
            stage_factors(problem, epsilon, self.factor, self.from_epsilon),
            memory=self.memory,
            tolerance=tolerance,
            max_steps=max_steps,
        )
        last = end.last
        f = last.f + last.move  # after this update the rows are optimal
        value = _dual_value(problem, f, last.g, epsilon)
        statuses = statuses_of(last.error, tolerance, end.otherwise)
        return Solution(f, last.g, value, end.n_steps, statuses, f"UnbalancedSinkhorn(memory={self.memory})")


class _Sinkhorn(PricedStep):
    """The iteration at one epsilon, in the log domain."""

    def __init__(self, problem: OTProblem, epsilon: float) -> None:
        assert problem.marginal_prices is not None
        self.a, self.b, self.epsilon = problem.row_weights, problem.column_weights, epsilon
        self.rho_a, self.rho_b = problem.marginal_prices
        self._negative = -problem.cost / epsilon

    def turn(self, f: Tensor) -> Turn:
        """Update ``g``, translate, and update ``f``."""
        softened = -self.epsilon * weighted_logsumexp(
            f.unsqueeze(-1) / self.epsilon + self._negative, self.a.unsqueeze(-1), dim=-2
        )
        g = softened * relaxation(self.rho_b, self.epsilon, f)
        shift = translation(
            (self.a, f, inverse_price(self.rho_a, f)), (self.b, g, inverse_price(self.rho_b, f))
        )
        columns = target(g, self.b, self.rho_b)
        f, g = f + shift, g - shift
        missed = (columns - target(g, self.b, self.rho_b)).abs().sum(-1)
        softened = -self.epsilon * weighted_logsumexp(
            g.unsqueeze(-2) / self.epsilon + self._negative, self.b.unsqueeze(-2), dim=-1
        )
        rows = torch.exp(self.a.log() + (f - softened) / self.epsilon)  # nothing where a weight is zero
        error = torch.maximum((rows - target(f, self.a, self.rho_a)).abs().sum(-1), missed)
        return Turn(f, g, softened * relaxation(self.rho_a, self.epsilon, f) - f, error)


def _dual_value(problem: OTProblem, f: Tensor, g: Tensor, epsilon: float) -> Tensor:
    assert problem.marginal_prices is not None
    a, b, (rho_a, rho_b) = problem.row_weights, problem.column_weights, problem.marginal_prices
    mass = target(f, a, rho_a).sum(-1)  # the rows are optimal
    total = (a * gain(f, rho_a)).sum(-1) + (b * gain(g, rho_b)).sum(-1)
    return total - epsilon * (mass - a.sum(-1) * b.sum(-1))
