"""Divergences between clouds, differentiable in points and weights."""

from jaxtyping import Float
from torch import Tensor

from infot.ot.costs import Cost, SquaredEuclidean
from infot.ot.differentiation import transport_value
from infot.ot.entry import solve
from infot.ot.euclidean import cost_matrix, euclidean_value
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solvers.base import Solver
from infot.ot.solvers.sinkhorn import Sinkhorn, SymmetricSinkhorn

__all__ = ["sinkhorn_divergence"]


def sinkhorn_divergence(
    x: Float[Tensor, "*batch n d"],
    y: Float[Tensor, "*batch m d"],
    a: Float[Tensor, "*batch n"] | None = None,
    b: Float[Tensor, "*batch m"] | None = None,
    *,
    epsilon: float,
    cost: Cost | None = None,
    tolerance: float = 1e-4,
    max_steps: int = 2000,
    on_failure: str = "warn",
) -> Float[Tensor, "*batch"]:
    """Return the debiased Sinkhorn divergence ``W(x, y) - W(x, x) / 2 - W(y, y) / 2``.

    It is zero for equal measures and positive otherwise (Feydy et al., arXiv 1810.08278); it is never clamped, so a
    solve that is too loose shows as a small negative number. Gradients in points and in (centred) weights by the
    envelope theorem.

    Args:
        x: Points.
        y: Points.
        a: Weights of ``x``, uniform if left out.
        b: Weights of ``y``, uniform if left out.
        epsilon: Smoothing, in units of cost, the same in all three terms.
        cost: Ground cost, squared Euclidean unless given.
        tolerance: L1 marginal error of each term.
        max_steps: Limit on the steps of each solve.
        on_failure: See :func:`infot.ot.solve`.

    Example:
        >>> import torch
        >>> x = torch.rand(5, 2, dtype=torch.float64)
        >>> abs(float(sinkhorn_divergence(x, x.clone(), epsilon=0.1, tolerance=1e-9))) < 1e-8
        True
    """

    ground = SquaredEuclidean() if cost is None else cost

    def term(
        left: Tensor, right: Tensor, weights: tuple[Tensor | None, Tensor | None], solver: Solver
    ) -> Tensor:
        euclidean = isinstance(ground, SquaredEuclidean) and left.ndim == right.ndim
        matrix = cost_matrix(left, right) if euclidean else ground(left, right)
        problem = OTProblem(cost=matrix, regulariser=Entropic(epsilon), a=weights[0], b=weights[1])
        plan = solve(problem, solver=solver, tolerance=tolerance, max_steps=max_steps, on_failure=on_failure)
        return euclidean_value(plan, left, right) if euclidean else transport_value(plan)

    itself = SymmetricSinkhorn()
    return term(x, y, (a, b), Sinkhorn()) - term(x, x, (a, a), itself) / 2 - term(y, y, (b, b), itself) / 2
