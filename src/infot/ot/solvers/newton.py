"""Newton's method on the semi-dual, for small epsilon and tight tolerances.

Sinkhorn's steps shrink with epsilon, Newton's do not. The curvature of the semi-dual at a plan whose columns are exact
is ``(diag(pi 1) - pi diag(1 / b) pi^T) / epsilon``. At small epsilon nearly all entries of ``pi`` are negligible, so
the system is sparse (Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying, "Accelerating Sinkhorn algorithm
with sparse Newton iterations", arXiv 2401.12253). Steps are damped (:mod:`infot.ot.solvers.climb`); the safe step is
Sinkhorn's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse

from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution
from infot.ot.solvers.approach import ACCELERATED, Approach
from infot.ot.solvers.base import Solver, entropic_of
from infot.ot.solvers.climb import End, Hill, check_takeover, climb, gathered
from infot.ot.solvers.sinkhorn import Sinkhorn
from infot.ot.solvers.start import Start

__all__ = ["Newton"]

_KEPT = 1e-6  # an entry of the plan counts from this share of its row's or column's weight
_SINKHORN_STEPS, _INNER_STEPS = 500, 2000


@dataclass(frozen=True)
class Newton(Solver):
    """Start with Sinkhorn's algorithm, finish with Newton's. Works in float64 on the CPU, item by item of a batch.

    Args:
        approach: How Sinkhorn's algorithm comes near.
        from_error: L1 marginal error at which Newton's method takes over.
        dense_up_to: Number of rows up to which the system is factorised; larger ones are solved by conjugate gradients
            on the truncated plan.

    Raises:
        ProblemError: if ``from_error`` is not positive.
    """

    approach: Approach = ACCELERATED
    from_error: float = 1e-3
    dense_up_to: int = 384

    def __post_init__(self) -> None:
        """Refuse what never takes over."""
        check_takeover(self.from_error)

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve an entropic problem; ``max_steps`` bounds the steps of both methods together.

        Raises:
            ProblemError: if the regulariser is not entropic.
        """
        entropic_of(problem, "Newton")
        near = Sinkhorn(self.approach).solve(
            problem,
            tolerance=max(self.from_error, tolerance),
            max_steps=min(max_steps, _SINKHORN_STEPS),
            start=start,
        )
        ends = [self._finish(problem, near, item, tolerance, max_steps) for item in range(len(near.f))]
        name = f"Newton(from_error={self.from_error:g})"
        return gathered(problem, near, ends, tolerance=tolerance, name=name)

    def _finish(self, problem: OTProblem, near: Solution, item: int, tolerance: float, max_steps: int) -> End:
        assert isinstance(problem.regulariser, Entropic)
        cost, a, b, f = (
            x[item].cpu().double().numpy()
            for x in (problem.cost, problem.row_weights, problem.column_weights, near.f)
        )
        rows, columns = a > 0, b > 0
        epsilon = problem.regulariser.epsilon
        inside = _Item(cost[np.ix_(rows, columns)], a[rows], b[columns], epsilon, self.dense_up_to)
        climbed = climb(inside, f[rows], tolerance=tolerance, max_steps=max_steps - int(near.n_steps[item]))
        now = climbed.point
        # rows exact: the plan's rows are scaled to a, and f with them
        exact = now.f - epsilon * np.log(now.masses / inside.a)
        plan = np.zeros_like(cost)
        plan[np.ix_(rows, columns)] = now.plan * (inside.a / now.masses)[:, None]
        full_f, full_g = np.empty_like(a), np.empty_like(b)
        full_f[rows], full_g[columns] = exact, now.g
        full_f[~rows] = _soft_minimum(cost[~rows][:, columns] - now.g, inside.b, epsilon)
        full_g[~columns] = _soft_minimum((cost[rows][:, ~columns] - exact[:, None]).T, inside.a, epsilon)
        return End(full_f, full_g, plan, now.value, climbed)


@dataclass(frozen=True)
class _Point:
    f: np.ndarray
    g: np.ndarray
    value: float
    plan: np.ndarray
    masses: np.ndarray


class _Item(Hill):
    """One problem in float64, without rows and columns of weight zero."""

    def __init__(
        self, cost: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float, dense_up_to: int
    ) -> None:
        self.a, self.b, self.epsilon = a, b / b.sum() * a.sum(), epsilon
        self._score = np.log(a)[:, None] - cost / epsilon
        self._system = _dense if len(a) <= dense_up_to else _truncated

    def at(self, f: np.ndarray) -> _Point:
        """Return the semi-dual and its plan, whose columns are exact."""
        plan = self._score + (f / self.epsilon)[:, None]
        top = plan.max(0)
        np.exp(np.maximum(plan - top, -700.0, out=plan), out=plan)
        total = plan.sum(0)
        g = -self.epsilon * (top + np.log(total))
        plan *= self.b / total
        return _Point(f, g, float(self.a @ f + self.b @ g), plan, plan.sum(1))

    def move(self, now: _Point, damping: float, gradient: np.ndarray) -> np.ndarray:
        """Solve the damped system."""
        return self.epsilon * self._system(now, self.a, self.b, damping, gradient)

    def safe(self, now: _Point) -> np.ndarray:
        """Take a step of Sinkhorn's."""
        return now.f - self.epsilon * np.log(np.maximum(now.masses, 1e-300) / self.a)


def _dense(now: _Point, a: np.ndarray, b: np.ndarray, damping: float, gradient: np.ndarray) -> np.ndarray:
    """Solve the damped system by Cholesky's factorisation; constants, on which the curvature is zero, are filled in."""
    system = (now.plan * (-1 / b)) @ now.plan.T
    system += np.outer(a, a)
    system[np.diag_indices_from(system)] += now.masses + damping * a
    try:
        factor = scipy.linalg.cho_factor(system, overwrite_a=True, check_finite=False)
    except scipy.linalg.LinAlgError:  # not positive by rounding: no step, which asks for more damping
        return np.zeros_like(gradient)
    return scipy.linalg.cho_solve(factor, gradient, check_finite=False)


def _truncated(now: _Point, a: np.ndarray, b: np.ndarray, damping: float, gradient: np.ndarray) -> np.ndarray:
    """Solve the damped system of the plan without its negligible entries by conjugate gradients."""
    kept = now.plan > _KEPT * np.minimum(a[:, None], b)
    rows, columns = np.nonzero(kept)
    plan: Any = scipy.sparse.csr_matrix((now.plan[rows, columns], (rows, columns)), shape=kept.shape)
    transposed = plan.T.tocsr()
    inverse = 1 / np.maximum(np.asarray(plan.sum(0)).ravel(), 1e-300)
    diagonal = np.asarray(plan.sum(1)).ravel() + damping * a
    scale = np.maximum(diagonal - plan.multiply(plan) @ inverse, 1e-3 * diagonal)
    error = float(abs(gradient).sum())
    x, residual = np.zeros_like(gradient), gradient.copy()
    direction = residual / scale
    energy = residual @ direction
    enough = min(0.1, max(0.1 * error, 1e-8)) * np.sqrt(residual @ (residual / a))
    for _ in range(_INNER_STEPS):
        image = diagonal * direction - plan @ (inverse * (transposed @ direction))
        length = energy / (direction @ image)
        x += length * direction
        residual -= length * image
        if np.sqrt(residual @ (residual / a)) <= enough:
            break
        scaled = residual / scale
        energy, before = residual @ scaled, energy
        direction = scaled + energy / before * direction
    return x


def _soft_minimum(cost: np.ndarray, weights: np.ndarray, epsilon: float) -> np.ndarray:
    """Return ``-epsilon log E exp(-cost / epsilon)`` of every row."""
    score = np.log(weights) - cost / epsilon
    top = score.max(-1, initial=-np.inf)
    return -epsilon * (top + np.log(np.exp(score - top[..., None]).sum(-1)))
