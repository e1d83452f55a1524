"""Where a solve of whole clouds starts: the potentials of a subsample, extended to all points."""

import torch
from jaxtyping import Float
from torch import Tensor

from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.tiles import make_tiles, soft_transform
from infot.ot.problem import OTProblem
from infot.ot.solvers.base import Solver

__all__ = ["coarse_potential"]

_TOLERANCE, _STEPS = 1e-2, 1000


def coarse_potential(problem: CloudProblem, solver: Solver, count: int) -> Float[Tensor, " m"]:
    """Return the columns' potential of the plan between subsamples, extended by the soft c-transform.

    Args:
        problem: The problem, as :class:`CloudSolver` takes it.
        solver: What solves the subsample.
        count: Up to how many points of each cloud there are in it.
    """
    rows, columns = (_spread(points, count) for points in (problem.x, problem.y))
    a, b = _thinned(problem.row_weights, rows), _thinned(problem.column_weights, columns)
    x, y, epsilon = problem.x[rows], problem.y[columns], problem.epsilon
    small = OTProblem(
        cost=problem.cost(x, y), regulariser=problem.regulariser, a=a, b=b, rho=problem.marginal_prices
    ).as_batch()
    solution = solver.solve(small, tolerance=_TOLERANCE, max_steps=_STEPS, start=None)
    tiles = make_tiles(problem.y, x, epsilon, problem.cost)
    soft, _ = soft_transform(tiles, solution.f[0] / epsilon + a.log(), problem.column_weights)
    return problem.dampings[1] * epsilon * soft


def _spread(points: Tensor, count: int) -> Tensor:
    """Return the indices of up to ``count`` points, evenly spread over the order that they come in."""
    n = len(points)
    return torch.linspace(0, n - 1, min(n, count), device=points.device).round().long()


def _thinned(weights: Tensor, kept: Tensor) -> Tensor:
    """Return the weights of the points kept, which carry the mass of all."""
    return weights[kept] * (weights.sum() / weights[kept].sum())
