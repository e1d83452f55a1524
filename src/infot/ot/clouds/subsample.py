"""Where a solve of whole clouds starts: the potentials of a subsample, extended to all points."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.tiles import CodedTiles, column_tiles, make_tiles, soft_transform
from infot.ot.problem import OTProblem
from infot.ot.solvers.base import Solver
from infot.ot.structure import Blocks, Structured

__all__ = ["coarse_latent_potential", "coarse_potential"]

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
    tiles = column_tiles(x, problem.y, epsilon, problem.cost)
    soft, _ = soft_transform(tiles, solution.f[0] / epsilon + a.log(), problem.column_weights)
    return problem.dampings[1] * epsilon * soft


def coarse_latent_potential(problem: CloudProblem, solver: Solver, count: int) -> Float[Tensor, " n"]:
    """Return the rows' potential of the structured plan between subsamples, extended by the soft c-transform.

    The subsample of the rows has the same blocks with fewer draws of the noise, as many for each code.

    Args:
        problem: The problem, as :class:`CloudSolver` takes it.
        solver: What solves the subsample.
        count: Up to how many points of each cloud there are in it, at least one of each code.
    """
    regulariser, blocks = problem.regulariser, problem.blocks
    assert isinstance(regulariser, Structured) and blocks is not None
    rows = _of_every_code(problem.row_weights.reshape(blocks.n_codes, -1), max(1, count // blocks.n_codes))
    columns = _spread(problem.y, count)
    fewer = Blocks((*blocks.code[:-1], rows.shape[-1]))
    a, b = _thinned_codes(problem.row_weights, rows), _thinned(problem.column_weights, columns)
    y = problem.y[columns]
    small = OTProblem(
        cost=problem.cost(problem.x[rows.flatten()], y),
        regulariser=replace(regulariser, blocks=fewer),
        a=a,
        b=b,
    ).as_batch()
    solution = solver.solve(small, tolerance=_TOLERANCE, max_steps=_STEPS, start=None)
    assert solution.perturbation is not None
    bias = solution.g[0] / problem.epsilon + b.log()
    rise = solution.perturbation[0] / problem.epsilon
    tiles = make_tiles(problem.x, y, problem.epsilon, problem.cost)
    tiles = CodedTiles(tiles, blocks.of_rows(y.device), rise)
    return problem.epsilon * soft_transform(tiles, bias, problem.row_weights)[0]


def _of_every_code(weights: Float[Tensor, "K noise"], count: int) -> Int[Tensor, "K few"]:
    """Return the rows of up to ``count`` draws of each code, evenly spread over those that have weight."""
    noise = weights.shape[-1]
    few = min(noise, count)
    order = (weights <= 0).to(torch.uint8).argsort(dim=-1, stable=True)  # those with weight first
    present = (weights > 0).sum(-1, keepdim=True).clamp_min(few)
    shares = torch.linspace(0, 1, few, device=weights.device, dtype=torch.float64)
    places = (shares * (present - 1)).round().long()
    starts = noise * torch.arange(len(weights), device=weights.device).unsqueeze(-1)
    return starts + order.gather(-1, places)


def _thinned_codes(weights: Tensor, kept: Int[Tensor, "K few"]) -> Tensor:
    """Return the weights of the rows kept, those of each code carrying the mass of all of the code."""
    few = weights[kept]
    held = few.sum(-1, keepdim=True)
    whole = weights.reshape(len(kept), -1).sum(-1, keepdim=True)
    return (few * torch.where(held > 0, whole / held, 0)).flatten()


def _spread(points: Tensor, count: int) -> Tensor:
    """Return the indices of up to ``count`` points, evenly spread over the order that they come in."""
    n = len(points)
    return torch.linspace(0, n - 1, min(n, count), device=points.device).round().long()


def _thinned(weights: Tensor, kept: Tensor) -> Tensor:
    """Return the weights of the points kept, which carry the mass of all."""
    return weights[kept] * (weights.sum() / weights[kept].sum())
