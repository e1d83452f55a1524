"""The nested fixed point with marginals at a price."""

from dataclasses import dataclass

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import from_loop, to_loop
from infot.ot.problem import OTProblem
from infot.ot.solution import Solution
from infot.ot.solvers.base import Solver, statuses_of
from infot.ot.solvers.priced import PricedStep, Turn, in_stages, stage_factors, translation
from infot.ot.solvers.priced_nest import PricedNest
from infot.ot.solvers.start import Start
from infot.ot.stationarity import Stationarity, contraction, nest_of
from infot.ot.structure import Structured
from infot.ot.unbalanced import gain, inverse_price, relaxation, target

__all__ = ["UnbalancedNested"]


@dataclass(frozen=True)
class UnbalancedNested(Solver):
    r"""Iterate ``f <- (rho_a / (rho_a + epsilon_1)) (f - epsilon_1 log(row mass))``, accelerated, with exact columns.

    A column's mass costs ``epsilon_1``, the price of the outermost code, so that with ``G`` the nested soft minimum of
    ``C - f`` its potential is ``g = rho_b / (rho_b + epsilon_1) G`` and its mass ``exp(-G / (rho_b + epsilon_1))`` of
    its weight. In ``y = exp(f / epsilon_1)`` the mass of the columns is a concave function, homogeneous of degree one;
    its tangent gives a separable lower bound of the semi-dual whose maximum is the step, which therefore never lowers
    the semi-dual. The best constant to add to ``f`` is taken in closed form at every step.

    Args:
        memory: Memory of Anderson's acceleration; 0 gives the plain fixed point.
        factor: Ratio between successive prices on the way down to a small epsilon.
        from_epsilon: Price, relative to the mean cost, below which the way down is taken in stages.
    """

    takes_rho = True

    memory: int = 6
    factor: float = 4.0
    from_epsilon: float = 0.02

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve a structured problem with ``rho``; the tolerance is on the L1 error of the optimality of the rows.

        Raises:
            ProblemError: if the regulariser is not structured with prices above zero, or the problem has no ``rho``.
        """
        regulariser = problem.regulariser
        if not isinstance(regulariser, Structured) or not regulariser.convex or problem.rho is None:
            raise ProblemError(
                "UnbalancedNested solves Structured problems with epsilon_code > 0 and rho, got "
                f"{type(regulariser).__name__} and rho={problem.rho}; use Nested for problems without, "
                "UnbalancedSinkhorn for Entropic ones"
            )
        buffer = torch.empty_like(problem.cost, memory_format=torch.contiguous_format)
        end = in_stages(
            lambda scale: _Nested(problem.derived(regulariser=regulariser.times(scale)), buffer),
            None if start is None else start.f,
            stage_factors(problem, regulariser.base.epsilon, self.factor, self.from_epsilon),
            memory=self.memory,
            tolerance=tolerance,
            max_steps=max_steps,
        )
        f, value = end.last.f, end.last.value
        assert value is not None
        now = Stationarity.at(problem, f)
        # with the perturbation held the rows are optimal after one step at the price of the noise
        exact = f - contraction(problem, regulariser.base.epsilon, f) * now.residual
        statuses = statuses_of(end.last.error, tolerance, end.otherwise)
        name = f"UnbalancedNested(memory={self.memory})"
        return Solution(exact, now.g, value, end.n_steps, statuses, name, now.perturbation)


class _Nested(PricedStep):
    """The iteration at one set of prices, in the kernel domain; a soft minimum at a price is one times its share."""

    def __init__(self, problem: OTProblem, buffer: Tensor) -> None:
        assert problem.marginal_prices is not None
        self.a, self.b, self._problem = problem.row_weights, problem.column_weights, problem
        self.rho_a, self.rho_b = problem.marginal_prices
        nest = nest_of(problem)
        self.epsilon = nest.damping  # the price of a column's mass
        self._share = relaxation(self.rho_b, self.epsilon, self.b)
        self._condition = PricedNest(problem.cost, self.b, nest, share=self._share, buffer=buffer)

    def turn(self, f: Tensor) -> Turn:
        """Evaluate the condition, translate in closed form, and step."""
        log_masses, kept = (from_loop(array) for array in self._condition.at(to_loop(f)))
        inverse_a, share = inverse_price(self.rho_a, f), self._share
        inverse_b = inverse_price(self.rho_b, f) * share  # 1 / (rho_b + epsilon_1)
        shift = translation((self.a, f, inverse_a), (self.b, kept, inverse_b))
        residual = log_masses + inverse_a * f + (inverse_a + inverse_b) * shift
        f, g = f + shift, share * (kept - shift)
        wanted = target(f, self.a, self.rho_a)
        error = (wanted * residual.expm1()).abs().sum(-1)
        move = -contraction(self._problem, self.epsilon, f) * residual
        return Turn(f, g, move, error, self._value(f, g))

    def _value(self, f: Tensor, g: Tensor) -> Tensor:
        """Return the semi-dual, at ``g`` that is exact for ``f``."""
        a, b = self.a, self.b
        total = (a * gain(f, self.rho_a)).sum(-1) + (b * gain(g, self.rho_b)).sum(-1)
        mass = target(g, b, self.rho_b).sum(-1)
        return total - self.epsilon * (mass - a.sum(-1) * b.sum(-1))
