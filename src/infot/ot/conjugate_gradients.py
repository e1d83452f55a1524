"""Conjugate gradients for batches of symmetric positive semi-definite systems with one known null vector."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["conjugate_gradients"]


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    right: Float[Tensor, "B n"],
    null: Float[Tensor, "B n"],
    *,
    tolerance: float,
    max_steps: int,
) -> tuple[Float[Tensor, "B n"], Float[Tensor, " B"]]:
    """Solve ``A x = right`` on the space orthogonal to ``null``; items that are done rest while the others go on.

    Args:
        apply: ``x -> A x`` for all items at once.
        right: Right-hand sides; what they have along ``null`` is left out.
        null: Vector of unit length that ``A`` sends to zero; zero itself where there is none.
        tolerance: Norm of the residual to reach, relative to the right-hand side.
        max_steps: Limit on the steps.

    Returns:
        The solutions and the norms of their residuals, relative to the right-hand sides.

    Example:
        >>> matrix = torch.tensor([[[1.0, -1.0], [-1.0, 1.0]]])
        >>> x, error = conjugate_gradients(
        ...     lambda x: (matrix @ x.unsqueeze(-1)).squeeze(-1),
        ...     torch.tensor([[1.0, -1.0]]),
        ...     torch.full((1, 2), 0.5**0.5),
        ...     tolerance=1e-6,
        ...     max_steps=10,
        ... )
        >>> x.tolist()
        [[0.5, -0.5]]
    """

    def project(x: Tensor) -> Tensor:
        return x - (null * x).sum(-1, keepdim=True) * null

    residual = project(right)
    x, direction = torch.zeros_like(residual), residual
    energy = residual.square().sum(-1, keepdim=True)
    # The scale is that before the projection, which leaves rounding of this size; zero is solved by zero.
    whole = right.square().sum(-1, keepdim=True)
    scale = torch.where(whole > 0, whole, 1.0)
    for _ in range(max_steps):
        active = energy > tolerance**2 * scale
        if not bool(active.any()):
            break
        image = project(apply(direction))
        curvature = (direction * image).sum(-1, keepdim=True)
        # A direction without curvature is a second null vector: no step, and the residual tells.
        length = torch.where(
            active & (curvature > 0), energy / torch.where(curvature > 0, curvature, 1.0), 0.0
        )
        x = x + length * direction
        residual = residual - length * image
        following = torch.where(active, residual.square().sum(-1, keepdim=True), energy)
        direction = torch.where(
            active, residual + following / torch.where(energy > 0, energy, 1.0) * direction, direction
        )
        energy = following
    return project(x), (energy / scale).sqrt().squeeze(-1)
