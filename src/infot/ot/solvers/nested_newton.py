r"""Newton's method on the semi-dual of structured problems, for small prices of the code and tight tolerances.

With :math:`P(z \mid x)` the plan's conditional and :math:`q_k` that of the latent given the datum and the first ``k``
code blocks, the curvature of the semi-dual is

.. math:: \frac{\mathrm{diag}(\pi 1)}{\varepsilon} - \frac{1}{\varepsilon_1} P\,\mathrm{diag}(b)\,P^T
    + \sum_k \Big(\frac{1}{\varepsilon_k} - \frac{1}{\varepsilon_{k+1}}\Big) P\,\mathrm{diag}(b)\,q_k^T,

the last over pairs of latents that share the first ``k`` blocks, with the price of the noise after that of the last
block. Its range grows with the ratio of the prices, which slows down every method that only sees gradients: conjugate
gradients on it took hundreds of passes where Cholesky's factorisation takes the time of a few. Steps are damped
(:mod:`infot.ot.solvers.climb`); the safe step is that of the nested fixed point.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from infot.numerics import exp_flushed, safe_log, weighted_logsumexp
from infot.ot.problem import OTProblem
from infot.ot.solution import Solution
from infot.ot.solvers.approach import ACCELERATED, Approach
from infot.ot.solvers.base import Solver, lost_rows, structured_of
from infot.ot.solvers.climb import Climbed, End, Hill, check_takeover, climb, gathered
from infot.ot.solvers.nested import Nested
from infot.ot.solvers.start import Start
from infot.ot.stationarity import nest_of

__all__ = ["NestedNewton"]

_NESTED_STEPS = 500


@dataclass(frozen=True)
class NestedNewton(Solver):
    """Start with the nested fixed point, finish with Newton's method, in float64, item by item of a batch.

    Args:
        approach: How the fixed point comes near.
        from_error: L1 marginal error at which Newton's method takes over.

    Raises:
        ProblemError: if ``from_error`` is not positive.
    """

    approach: Approach = ACCELERATED
    from_error: float = 1e-3

    def __post_init__(self) -> None:
        """Refuse what never takes over."""
        check_takeover(self.from_error)

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve a structured problem with prices above zero; ``max_steps`` bounds the steps of both methods together.

        Raises:
            ProblemError: if the regulariser is not structured or one of its prices is not above zero.
        """
        structured_of(problem, "NestedNewton", "Newton")
        near = Nested(self.approach).solve(
            problem,
            tolerance=max(self.from_error, tolerance),
            max_steps=min(max_steps, _NESTED_STEPS),
            start=start,
        )
        ends = []
        for item in range(len(near.f)):
            hill = _NestedHill(_alone(problem, item))
            left = max_steps - int(near.n_steps[item])
            climbed = climb(hill, near.f[item].cpu().double().numpy(), tolerance=tolerance, max_steps=left)
            ends.append(hill.end(climbed))
        name = f"NestedNewton(from_error={self.from_error:g})"
        return gathered(problem, near, ends, tolerance=tolerance, name=name)


def _alone(problem: OTProblem, item: int) -> OTProblem:
    """Return one item in float64 on the CPU, with weights that sum to one in it."""
    cost, a, b = (
        x[item : item + 1].cpu().double() for x in (problem.cost, problem.row_weights, problem.column_weights)
    )
    return problem.derived(cost=cost, a=a / a.sum(), b=b / b.sum())


@dataclass(frozen=True)
class _Point:
    f: np.ndarray
    value: float
    masses: np.ndarray
    g: Tensor
    conditional: Tensor
    perturbation: Tensor


class _NestedHill(Hill):
    """The semi-dual of one structured problem. Rows without weight stay in their place and weigh nothing."""

    def __init__(self, problem: OTProblem) -> None:
        self._nest = nest_of(problem)
        self._cost, self._a, self._b = (
            x[0] for x in (problem.cost, problem.row_weights, problem.column_weights)
        )
        self.a = self._a.numpy()
        self._absent = self._a == 0
        self._log_noise = self._nest.noise[0].log().reshape(-1, 1)

    def at(self, f: np.ndarray) -> _Point:
        """Return the semi-dual and the plan's conditional ``P(z | x)``, whose columns are exact."""
        nest = self._nest
        exponents = (torch.from_numpy(f).unsqueeze(-1) - self._cost).mul_(1 / nest.epsilon)
        exponents = exponents.add_(self._log_noise).view(nest.n_codes, -1, self._cost.shape[-1])
        top = exponents.amax(1, keepdim=True)
        conditional = exp_flushed(exponents.sub_(top))
        total = conditional.sum(1)
        soft = nest.epsilon * (top.squeeze(1) + total.log())
        g, log_density = (x[0] for x in nest.outer(soft.unsqueeze(0)))
        codes = nest.code_weights[0].unsqueeze(-1)
        posterior = torch.where(codes > 0, codes * log_density.exp(), 0.0)
        conditional = conditional.mul_((posterior / total).unsqueeze(1)).flatten(0, 1)
        value = float(self._a @ torch.from_numpy(f) + self._b @ g)
        perturbation = nest.epsilon * log_density - soft - g
        return _Point(f, value, (conditional @ self._b).numpy(), g, conditional, perturbation)

    def move(self, now: _Point, damping: float, gradient: np.ndarray) -> np.ndarray:
        """Solve the damped system."""
        return self._nest.epsilon * self._inverse(now, damping, torch.from_numpy(gradient)).numpy()

    def safe(self, now: _Point) -> np.ndarray:
        """Take the contraction of the nested fixed point."""
        masses = torch.from_numpy(now.masses)
        step = torch.where(self._absent, 0.0, safe_log(masses) - safe_log(self._a))
        return now.f - self._nest.damping * step.numpy()

    def _inverse(self, now: _Point, damping: float, gradient: Tensor) -> Tensor:
        """Solve by Cholesky's factorisation; constants, on which the curvature is zero, are filled in."""
        system = self._curvature(now.conditional)
        system += torch.outer(self._a, self._a)
        system.diagonal().add_(torch.from_numpy(now.masses) + damping * self._a + self._absent)
        factor, info = torch.linalg.cholesky_ex(system)
        if int(info) > 0:  # not positive by rounding: no step, which asks for more damping
            return torch.zeros_like(gradient)
        return torch.cholesky_solve(gradient.unsqueeze(-1), factor).squeeze(-1)

    def _curvature(self, conditional: Tensor) -> Tensor:
        """Return ``epsilon`` times the curvature, without its diagonal term."""
        nest, weighted = self._nest, conditional * self._b
        system = (weighted * (-nest.epsilon / nest.epsilons[0])) @ conditional.T
        for depth, (price, above) in enumerate(pairwise((*nest.epsilons, nest.epsilon)), start=1):
            groups = math.prod(nest.sizes[:depth])
            shape = (groups, -1, conditional.shape[-1])
            grouped = conditional.reshape(shape)
            total = grouped.sum(1, keepdim=True)
            within = grouped / total.clamp_min(torch.finfo(total.dtype).tiny)
            blocks = (nest.epsilon * (1 / price - 1 / above) * weighted.reshape(shape)) @ within.mT
            size = blocks.shape[-1]
            corners = system.view(groups, size, groups, size).diagonal(dim1=0, dim2=2)
            corners += blocks.permute(1, 2, 0)
        return system

    def end(self, climbed: Climbed) -> End:
        """Make the rows exact with the perturbation held; rows without mass get theirs by the soft c-transform."""
        now, epsilon = climbed.point, self._nest.epsilon
        perturbation, g, masses = now.perturbation, now.g, torch.from_numpy(now.masses)
        bent = perturbation.repeat_interleave(len(self.a) // len(perturbation), dim=0)
        score = (g + bent - self._cost) / epsilon
        soft = -epsilon * weighted_logsumexp(score, self._b, dim=-1)
        held = torch.from_numpy(now.f) - epsilon * (safe_log(masses) - safe_log(self._a))
        exact = torch.where(self._absent | lost_rows(masses / self._a), soft, held)
        weights = self._a.unsqueeze(-1) * self._b
        # where neither row nor column has weight nothing bounds the density
        plan = torch.where(weights > 0, weights * torch.exp(score + exact.unsqueeze(-1) / epsilon), 0.0)
        return End(exact, g, plan.reshape(len(perturbation), -1, len(g)), now.value, climbed, perturbation)
