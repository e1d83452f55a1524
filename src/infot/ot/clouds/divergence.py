"""The debiased Sinkhorn divergence between large clouds."""

from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.entry import solve_clouds
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import CloudSolver
from infot.ot.clouds.symmetric import SymmetricStreaming
from infot.ot.clouds.value import cloud_value

__all__ = ["cloud_divergence"]


def cloud_divergence(
    problem: CloudProblem,
    *,
    solver: CloudSolver | None = None,
    tolerance: float = 1e-3,
    max_steps: int = 500,
    on_failure: str = "warn",
) -> Float[Tensor, "*batch"]:
    """Return ``W(x, y) - W(x, x) / 2 - W(y, y) / 2``, one epsilon for the three terms, in memory linear in the points.

    :func:`infot.ot.sinkhorn_divergence` for clouds whose costs are too large to hold, and with ``rho``
    :func:`infot.ot.unbalanced_divergence`, whose term of the masses is added. Never clamped. Differentiable once, in
    points and (centred) weights, by the envelope theorem.

    Args:
        problem: The two clouds, with weights, epsilon and a symmetric cost.
        solver: How the term between the clouds is solved; the others take symmetric averages where marginals are kept.
        tolerance: L1 marginal error of each term.
        max_steps: Limit on the passes over the cost of each term.
        on_failure: See :func:`infot.ot.solve`.

    Raises:
        ProblemError: if the problem has ``rho``, but not one finite number for both sides.

    Example:
        >>> import torch
        >>> from infot import ot
        >>> x = torch.rand(50, 2, dtype=torch.float64)
        >>> problem = ot.CloudProblem(x, x.clone(), regulariser=ot.Entropic(0.1))
        >>> abs(float(ot.cloud_divergence(problem, tolerance=1e-8))) < 1e-6
        True
    """

    def term(cloud: CloudProblem, how: CloudSolver | None) -> Tensor:
        plan = solve_clouds(
            cloud, solver=how, tolerance=tolerance, max_steps=max_steps, on_failure=on_failure
        )
        return cloud_value(plan)

    def itself(points: Tensor, weights: Tensor) -> Tensor:
        cloud = CloudProblem(
            points,
            points,
            regulariser=problem.regulariser,
            cost=problem.cost,
            a=weights,
            b=weights,
            rho=problem.rho,
        )
        return term(cloud, SymmetricStreaming() if problem.rho is None else None)

    excess = _charge_on_masses(problem)
    own = itself(problem.x, problem.row_weights) + itself(problem.y, problem.column_weights)
    return term(problem, solver) - own / 2 + excess


def _charge_on_masses(problem: CloudProblem) -> Tensor | float:
    """Return ``epsilon / 2 (a(1) - b(1))^2``, nothing where marginals are kept."""
    prices = problem.marginal_prices
    if prices is None:
        return 0.0
    if prices[0] != prices[1]:
        raise ProblemError(
            f"expected one positive, finite rho for both sides of a divergence, got {prices}; "
            "without rho the marginals are kept"
        )
    masses = problem.row_weights.sum(-1), problem.column_weights.sum(-1)
    return problem.epsilon / 2 * (masses[0] - masses[1]).square()
