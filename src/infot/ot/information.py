"""Information in nats that a plan carries, as a whole and by blocks of the latent."""

from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log
from infot.ot.density import density_of, smoothing_of
from infot.ot.problem import OTProblem
from infot.ot.rebates import Rebated
from infot.ot.regularisers import Entropic, unscaled
from infot.ot.solution import Solution
from infot.ot.structure import Blocks, check_axes

__all__ = ["block_information", "blocks_of", "code_masses", "dependence", "latent_information"]


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


def blocks_of(problem: OTProblem) -> Blocks:
    """Return how the rows are laid out.

    Raises:
        ProblemError: if the problem does not say.
    """
    if problem.blocks is None:
        raise ProblemError(
            "this plan has no blocks; give OTProblem(blocks=...) or a Structured regulariser, "
            "or name axes of the grid of a Rebated one"
        )
    return problem.blocks


def code_masses(
    problem: OTProblem, matrix: Float[Tensor, "B n m"]
) -> tuple[Float[Tensor, "B K m"], Float[Tensor, "B K"]]:
    """Return the masses of (code, datum) and the weights of the codes, noise summed over.

    Raises:
        ProblemError: if the problem has no blocks.
    """
    blocks = blocks_of(problem)
    masses = matrix.reshape(matrix.shape[0], blocks.n_codes, blocks.n_noise, -1).sum(2)
    return masses, problem.row_weights.reshape(-1, blocks.n_codes, blocks.n_noise).sum(-1)


def _grid(problem: OTProblem, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes of the latent grid, once it is known that axes name a block of it."""
    regulariser = unscaled(problem.regulariser)
    if isinstance(regulariser, Rebated):
        check_axes(axes, len(regulariser.sizes))
        return regulariser.sizes
    blocks = blocks_of(problem)
    blocks.check_first(axes)
    return blocks.code


def _block_masses(
    problem: OTProblem, matrix: Float[Tensor, "B n m"], block: str | tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Return the masses of (block, datum) and the weights of the block."""
    if block == "latent":
        return matrix, problem.row_weights
    if block == "code":
        return code_masses(problem, matrix)
    if isinstance(block, str):
        raise ProblemError(f"expected the block 'code' or 'latent' or a tuple of axes, got {block!r}")
    sizes = _grid(problem, block)
    others = [1 + axis for axis in range(len(sizes)) if axis not in block]
    masses = matrix.reshape(-1, *sizes, matrix.shape[-1])
    weights = problem.row_weights.reshape(-1, *sizes)
    if others:  # without axes to sum over torch sums over all
        masses, weights = masses.sum(others), weights.sum(others)
    return masses.reshape(len(matrix), -1, matrix.shape[-1]), weights.reshape(len(matrix), -1)


def block_information(
    problem: OTProblem, solution: Solution, matrix: Float[Tensor, "B n m"], block: str | tuple[int, ...]
) -> Float[Tensor, " B"]:
    """Return ``I(block; x)``, for priced marginals of the plan over its own mass; :meth:`Plan.mutual_information`.

    Args:
        problem: The problem, with batch axes.
        solution: What was found.
        matrix: The plan.
        block: ``"code"``, ``"latent"`` or axes of the latent grid.

    Raises:
        ProblemError: if the problem has no such block.
    """
    if block == "latent" and problem.marginal_prices is None:
        return latent_information(problem, solution, matrix)
    masses, weights = _block_masses(problem, matrix, block)
    if problem.marginal_prices is None:
        return dependence(masses, weights, problem.column_weights)
    masses = masses / masses.sum((-2, -1), keepdim=True)
    return dependence(masses, masses.sum(-1), masses.sum(-2))
