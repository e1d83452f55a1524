"""Information in nats that a plan carries."""

from jaxtyping import Float
from torch import Tensor

from infot.numerics import safe_log
from infot.ot.density import density_of, smoothing_of
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution

__all__ = ["dependence", "latent_information"]


def dependence(
    masses: Float[Tensor, "B n m"], a: Float[Tensor, "B n"], b: Float[Tensor, "B m"]
) -> Float[Tensor, " B"]:
    """Return ``KL(pi | a x b)``, the mutual information where ``a`` and ``b`` are the marginals of ``pi``."""
    independent = a.unsqueeze(-1) * b.unsqueeze(-2)
    return (masses * (safe_log(masses) - safe_log(independent))).sum((-2, -1))


def latent_information(
    problem: OTProblem, solution: Solution, matrix: Float[Tensor, "B n m"]
) -> Float[Tensor, " B"]:
    """Return ``E_pi log density``: for entropic plans from the potentials, without logarithms."""
    base = smoothing_of(problem.regulariser)
    if not isinstance(base, Entropic) or solution.row_scale is not None or solution.masses is not None:
        return (matrix * safe_log(density_of(problem, solution))).sum((-2, -1))
    slack = (matrix.sum(-1) * solution.f).sum(-1) + (matrix.sum(-2) * solution.g).sum(-1)
    slack = slack - (matrix * problem.cost).sum((-2, -1))
    if solution.perturbation is not None:
        grouped = matrix.reshape(matrix.shape[0], solution.perturbation.shape[1], -1, matrix.shape[-1])
        slack = slack + (grouped.sum(2) * solution.perturbation).sum((-2, -1))
    return slack / base.epsilon
