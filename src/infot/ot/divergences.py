"""Divergences between clouds, differentiable in points and weights."""

from jaxtyping import Float
from torch import Tensor

from infot.ot.costs import Cost
from infot.ot.differentiation import transport_value
from infot.ot.entry import solve
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic

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

    def term(left: Tensor, right: Tensor, weights: tuple[Tensor | None, Tensor | None]) -> Tensor:
        problem = OTProblem.from_points(
            left, right, regulariser=Entropic(epsilon), cost=cost, a=weights[0], b=weights[1]
        )
        plan = solve(problem, tolerance=tolerance, max_steps=max_steps, on_failure=on_failure)
        return transport_value(plan)

    return term(x, y, (a, b)) - term(x, x, (a, a)) / 2 - term(y, y, (b, b)) / 2
