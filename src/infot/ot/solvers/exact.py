"""Optimal transport without smoothing: the linear program, for small problems."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import eye_array, kron, vstack
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Unregularised
from infot.ot.solution import Solution
from infot.ot.solvers.base import Solver
from infot.ot.solvers.start import Start
from infot.ot.status import Status

__all__ = ["Exact"]

_EQUAL = 1e-12  # relative difference up to which weights count as equal


@dataclass(frozen=True)
class Exact(Solver):
    """Solve the linear program: by assignment where weights are uniform and as many on both sides, else by HiGHS.

    Works in float64 on the CPU, item by item of a batch; 400 points a side take a tenth of a second by assignment and
    about one by HiGHS. The plan is a vertex, with at most ``n + m - 1`` couplings, and potentials prove it:
    ``f + g <= C``, with equality where mass moves. An item whose steps ran out has a plan of NaN and says so.
    """

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve an unregularised problem; ``max_steps`` bounds the iterations of the simplex method.

        Raises:
            ProblemError: if the problem is regularised.
        """
        if not isinstance(problem.regulariser, Unregularised):
            raise ProblemError(
                f"Exact solves Unregularised problems, got {type(problem.regulariser).__name__}; "
                "leave solver out to have one chosen"
            )
        arrays = (problem.cost, problem.row_weights, problem.column_weights)
        ends = [
            _solve(cost.cpu().double().numpy(), a.cpu().double().numpy(), b.cpu().double().numpy(), max_steps)
            for cost, a, b in zip(*arrays, strict=True)
        ]
        like = problem.cost

        def stack(parts: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.stack(parts)).to(like)

        statuses = tuple(_status(end, tolerance) for end in ends)
        steps = torch.tensor([end.steps for end in ends], device=like.device)
        value = stack([np.asarray(end.value) for end in ends])
        f, g = stack([end.f for end in ends]), stack([end.g for end in ends])
        names = "Exact(" + ", ".join(sorted({end.method for end in ends})) + ")"
        return Solution(f, g, value, steps, statuses, names, masses=stack([end.plan for end in ends]))


@dataclass(frozen=True)
class _End:
    plan: np.ndarray
    f: np.ndarray
    g: np.ndarray
    value: float
    error: float
    steps: int
    method: str


def _status(end: _End, tolerance: float) -> Status:
    """Say why an item ended; one whose steps ran out has no plan."""
    if np.isnan(end.error):
        return Status.MAX_STEPS
    return Status.CONVERGED if end.error <= tolerance else Status.STALLED


def _solve(cost: np.ndarray, a: np.ndarray, b: np.ndarray, max_steps: int) -> _End:
    """Solve one problem; rows and columns without weight get the potentials of the c-transform."""
    a, b = a / a.sum(), b / b.sum()
    rows, columns = a > 0, b > 0
    inside = cost[np.ix_(rows, columns)]
    unit = _unit(inside)
    inside = inside / unit
    uniform = all(np.ptp(w) <= _EQUAL * w.max() for w in (a[rows], b[columns]))
    if uniform and inside.shape[0] == inside.shape[1]:
        part, f, g, steps, method = *_assign(inside), 1, "assignment"
    else:
        part, f, g, steps, method = *_programme(inside, a[rows], b[columns], max_steps), "HiGHS"
    f, g = unit * f, unit * g
    plan, full_f, full_g = np.zeros_like(cost), np.empty_like(a), np.empty_like(b)
    plan[np.ix_(rows, columns)], full_f[rows], full_g[columns] = part, f, g
    full_g[~columns] = (cost[rows][:, ~columns] - f[:, None]).min(0)
    full_f[~rows] = (cost[~rows][:, columns] - g).min(1)
    value = float(a @ full_f + b @ full_g)
    missed = max(abs(plan.sum(1) - a).sum(), abs(plan.sum(0) - b).sum())
    gap = abs(float((plan * cost).sum()) - value) / max(unit * float(np.ptp(inside)), np.finfo(float).tiny)
    return _End(plan, full_f, full_g, value, float(max(missed, gap)), steps, method)


def _unit(cost: np.ndarray) -> float:
    """Return a unit in which costs are of order one, a power of two: HiGHS bounds errors by numbers without a unit."""
    spread = float(np.ptp(cost))
    return 2.0 ** round(np.log2(spread)) if spread > 0 else 1.0


def _assign(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the best permutation as a plan, and potentials that prove it.

    With ``g(s(k)) = C(k, s(k)) - f(k)`` feasibility reads ``f(i) - f(k) <= C(i, s(k)) - C(k, s(k))``: differences that
    shortest paths bound (Bellman and Ford); there is no negative cycle because the permutation is best.
    """
    n = len(cost)
    _, best = linear_sum_assignment(cost)
    moved = cost[:, best]
    own = np.diag(moved)
    f = np.zeros(n)
    for _ in range(n):
        shorter = (f + (moved - own)).min(1)
        if not (shorter < f - 1e-15 * (1 + abs(f))).any():
            break
        f = np.minimum(f, shorter)
    plan, g = np.zeros_like(cost), np.empty(n)
    plan[np.arange(n), best], g[best] = 1 / n, own - f
    return plan, f, g


def _programme(
    cost: np.ndarray, a: np.ndarray, b: np.ndarray, max_steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return the plan and the duals of the linear program; the last column's equation follows from the others."""
    n, m = cost.shape
    row_sums = kron(eye_array(n), np.ones((1, m)))
    column_sums = kron(np.ones((1, n)), eye_array(m))
    equations = vstack([row_sums, column_sums]).tocsr()[: n + m - 1]
    result = linprog(
        cost.ravel(),
        A_eq=equations,
        b_eq=np.concatenate([a, b[:-1]]),
        bounds=(0, None),
        method="highs",
        options={"maxiter": max_steps},
    )
    if result.x is None:
        return np.full_like(cost, np.nan), np.full(n, np.nan), np.full(m, np.nan), result.nit
    duals = np.append(result.eqlin.marginals, 0.0)
    plan = result.x.reshape(n, m)
    plan *= (a / np.maximum(plan.sum(1), np.finfo(float).tiny))[:, None]
    return plan, duals[:n], duals[n:], result.nit
