"""The density of a plan from its potentials: ``exp((f + g - C + lambda log r) / epsilon)`` and its kin."""

import torch
from jaxtyping import Float
from torch import Tensor

from infot.ot.problem import OTProblem
from infot.ot.rebates import Composite
from infot.ot.regularisers import Regulariser, Scaled
from infot.ot.solution import Solution
from infot.ot.structure import Structured

__all__ = ["density_of", "from_masses", "smoothing_of", "spread_over_noise"]


def smoothing_of(regulariser: Regulariser) -> Regulariser:
    """Return the smoothing whose density, at the perturbed cost, is the plan's."""
    if isinstance(regulariser, Scaled):
        return Scaled(smoothing_of(regulariser.base), regulariser.factor)
    return regulariser.base if isinstance(regulariser, Structured | Composite) else regulariser


def spread_over_noise(perturbation: Float[Tensor, "B K m"], n_rows: int) -> Float[Tensor, "B n m"]:
    """Repeat what is known a code for every noise draw."""
    return perturbation.repeat_interleave(n_rows // perturbation.shape[1], dim=1)


def from_masses(problem: OTProblem, masses: Float[Tensor, "B n m"]) -> Float[Tensor, "B n m"]:
    """Return the density of a plan that its masses tell; zero where a weight is."""
    weights = problem.row_weights.unsqueeze(-1) * problem.column_weights.unsqueeze(-2)
    return torch.where(weights > 0, masses / torch.where(weights > 0, weights, 1), 0)


def density_of(problem: OTProblem, solution: Solution) -> Float[Tensor, "B n m"]:
    """Return the density of a solution's plan against ``a x b``; the problem has a batch axis."""
    if solution.masses is not None:
        return from_masses(problem, solution.masses)
    slack = solution.f.unsqueeze(-1) + solution.g.unsqueeze(-2) - problem.cost
    if solution.perturbation is not None:
        slack = slack + spread_over_noise(solution.perturbation, slack.shape[-2])
    density = smoothing_of(problem.regulariser).density(slack, problem.row_weights)
    density = density if solution.row_scale is None else density * solution.row_scale.unsqueeze(-1)
    return _bounded(problem, density)


def _bounded(problem: OTProblem, density: Float[Tensor, "B n m"]) -> Float[Tensor, "B n m"]:
    """Return the density, kept from overflowing where a weight is zero: nothing else bounds it there."""
    rows, columns = problem.row_weights == 0, problem.column_weights == 0
    if not bool(rows.any() | columns.any()):
        return density
    empty = rows.unsqueeze(-1) | columns.unsqueeze(-2)
    limit = torch.finfo(density.dtype).max ** 0.4  # its square, times a logarithm, is still finite
    return torch.where(empty, density.clamp_max(limit), density)
