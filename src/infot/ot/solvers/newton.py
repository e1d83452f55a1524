"""Newton's method on the semi-dual, for small epsilon and tight tolerances.

Sinkhorn's steps shrink with epsilon, Newton's do not. The curvature of the semi-dual at a plan whose columns are exact
is ``(diag(pi 1) - pi diag(1 / b) pi^T) / epsilon``. At small epsilon nearly all entries of ``pi`` are negligible, so
the system is sparse (Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying, "Accelerating Sinkhorn algorithm
with sparse Newton iterations", arXiv 2401.12253). It is damped by ``mu diag(a)``, with ``mu`` led by how well the last
step kept its promise (Levenberg and Marquardt); a step that did not is replaced by one of Sinkhorn's, which never
lowers the semi-dual.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution
from infot.ot.solvers.approach import ACCELERATED, Approach
from infot.ot.solvers.base import Solver, entropic_of, statuses_of
from infot.ot.solvers.patience import Patience
from infot.ot.solvers.sinkhorn import Sinkhorn
from infot.ot.status import Status

__all__ = ["Newton"]

_PATIENCE = 100
_KEPT = 1e-6  # an entry of the plan counts from this share of its row's or column's weight
_FIRST_DAMPING, _LEAST_DAMPING = 1e-3, 1e-12
_SINKHORN_STEPS, _INNER_STEPS = 500, 2000
_ROUNDING = 1e-13  # relative, of a value in float64


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
        if not self.from_error > 0:
            raise ProblemError(f"expected from_error > 0, got {self.from_error}")

    def solve(
        self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> Solution:
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
        like = problem.cost

        def stack(name: str) -> Tensor:
            return torch.stack(
                [torch.as_tensor(getattr(end, name), dtype=torch.float64).to(like) for end in ends]
            )

        error = torch.tensor([end.error for end in ends])
        statuses = tuple(
            statuses_of(error[i : i + 1], tolerance, end.otherwise)[0] for i, end in enumerate(ends)
        )
        steps = torch.tensor([end.steps for end in ends], device=like.device)
        ones = torch.ones_like(like[:, None, 0])
        factors = (torch.ones_like(like[:, None, :, 0]), stack("plan").unsqueeze(1), ones)
        name = f"Newton(from_error={self.from_error:g})"
        return Solution(stack("f"), stack("g"), stack("value"), steps, statuses, name, factors=factors)

    def _finish(
        self, problem: OTProblem, near: Solution, item: int, tolerance: float, max_steps: int
    ) -> "_End":
        assert isinstance(problem.regulariser, Entropic)
        cost, a, b, f = (
            x[item].cpu().double().numpy()
            for x in (problem.cost, problem.row_weights, problem.column_weights, near.f)
        )
        rows, columns = a > 0, b > 0
        inside = _Item(cost[np.ix_(rows, columns)], a[rows], b[columns], problem.regulariser.epsilon)
        left = max_steps - int(near.n_steps[item])
        f, error, steps, otherwise = inside.climb(f[rows], tolerance, left, self.dense_up_to)
        now = inside.at(f)
        # rows exact: the plan's rows are scaled to a, and f with them
        exact = f - inside.epsilon * np.log(now.masses / inside.a)
        plan = np.zeros_like(cost)
        plan[np.ix_(rows, columns)] = now.plan * (inside.a / now.masses)[:, None]
        full_f, full_g = np.empty_like(a), np.empty_like(b)
        full_f[rows], full_g[columns] = exact, now.g
        full_f[~rows] = _soft_minimum(cost[~rows][:, columns] - now.g, inside.b, inside.epsilon)
        full_g[~columns] = _soft_minimum(
            (cost[rows][:, ~columns] - exact[:, None]).T, inside.a, inside.epsilon
        )
        return _End(full_f, full_g, plan, now.value, error, int(near.n_steps[item]) + steps, otherwise)


@dataclass(frozen=True)
class _End:
    f: np.ndarray
    g: np.ndarray
    plan: np.ndarray
    value: float
    error: float
    steps: int
    otherwise: Status


@dataclass(frozen=True)
class _Point:
    f: np.ndarray
    g: np.ndarray
    value: float
    plan: np.ndarray
    masses: np.ndarray


class _Item:
    """One problem in float64, without rows and columns of weight zero."""

    def __init__(self, cost: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> None:
        self.a, self.b, self.epsilon = a, b / b.sum() * a.sum(), epsilon
        self._score = np.log(a)[:, None] - cost / epsilon

    def at(self, f: np.ndarray) -> _Point:
        """Return the semi-dual and its plan, whose columns are exact."""
        plan = self._score + (f / self.epsilon)[:, None]
        top = plan.max(0)
        np.exp(np.maximum(plan - top, -700.0, out=plan), out=plan)
        total = plan.sum(0)
        g = -self.epsilon * (top + np.log(total))
        plan *= self.b / total
        return _Point(f, g, float(self.a @ f + self.b @ g), plan, plan.sum(1))

    def climb(
        self, f: np.ndarray, tolerance: float, max_steps: int, dense_up_to: int
    ) -> tuple[np.ndarray, float, int, Status]:
        """Return the potential, the error reached, the steps taken, and why it ended if the error is too large."""
        now, damping, step, patience = self.at(f), _FIRST_DAMPING, 0, Patience(_PATIENCE)
        while True:
            gradient = self.a - now.masses
            error = float(abs(gradient).sum())
            if error <= tolerance or not np.isfinite(error) or step == max_steps:
                return now.f, error, step, Status.MAX_STEPS
            if patience.exhausted(np.array([error])):
                return now.f, error, step, Status.STALLED
            step += 1
            system = _dense if len(self.a) <= dense_up_to else _truncated
            move = self.epsilon * system(now, self.a, self.b, damping, gradient)
            trial = self.at(now.f + move)
            promise = float(gradient @ move) / 2
            kept = (trial.value - now.value + _ROUNDING * abs(now.value)) / max(promise, 1e-300)
            damping = max(_LEAST_DAMPING, damping * _factor(kept))
            now = trial if kept > 0.05 else self.at(self._sinkhorn(now))

    def _sinkhorn(self, now: _Point) -> np.ndarray:
        return now.f - self.epsilon * np.log(np.maximum(now.masses, 1e-300) / self.a)


def _factor(kept: float) -> float:
    """Return by what to change the damping, given the share of the promised rise that a step kept."""
    if not kept > 0.05:
        return 10.0
    return 3.0 if kept < 0.25 else 0.5 if kept < 0.6 else 0.1


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
