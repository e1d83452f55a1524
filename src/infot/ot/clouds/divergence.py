"""The debiased Sinkhorn divergence between large clouds."""

from jaxtyping import Float
from torch import Tensor

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

    :func:`infot.ot.sinkhorn_divergence` for clouds whose costs are too large to hold. Never clamped. Differentiable
    once, in points and (centred) weights, by the envelope theorem.

    Args:
        problem: The two clouds, with weights, epsilon and a symmetric cost.
        solver: How the term between the clouds is solved; the others take symmetric averages.
        tolerance: L1 marginal error of each term.
        max_steps: Limit on the passes over the cost of each term.
        on_failure: See :func:`infot.ot.solve`.

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
            points, points, regulariser=problem.regulariser, cost=problem.cost, a=weights, b=weights
        )
        return term(cloud, SymmetricStreaming())

    own = itself(problem.x, problem.row_weights) + itself(problem.y, problem.column_weights)
    return term(problem, solver) - own / 2
