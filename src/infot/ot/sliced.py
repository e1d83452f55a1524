"""Transport on the line, exact by quantiles, and its mean over random projections."""

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.costs import check_clouds, check_finite
from infot.ot.weights import probabilities

__all__ = ["sliced_wasserstein", "wasserstein_1d"]


def wasserstein_1d(
    x: Float[Tensor, "*any n"],
    y: Float[Tensor, "*other m"],
    a: Tensor | None = None,
    b: Tensor | None = None,
    *,
    power: float = 2.0,
) -> Float[Tensor, "..."]:
    r"""Return the exact cost of transport on the line, :math:`\int_0^1 |F_x^{-1}(q) - F_y^{-1}(q)|^p dq`.

    Both quantile functions are steps, so the integral is a finite sum over the merged levels of the two cumulated
    weights. Differentiable in points and weights.

    Args:
        x: Points; batch axes broadcast against those of ``y``.
        y: Points.
        a: Weights of ``x``, non-negative with sum one; uniform if left out.
        b: Weights of ``y``, likewise.
        power: Exponent ``p`` of the cost ``|x - y|^p``, at least 1.

    Returns:
        The p-th power of the Wasserstein distance, in units of cost.

    Raises:
        ProblemError: if the power is below 1, points are not finite, or weights are none of theirs.

    Example:
        >>> float(wasserstein_1d(torch.tensor([0.0, 1.0]), torch.tensor([5.0, 4.0]), power=1.0))
        4.0
    """
    if not power >= 1:
        raise ProblemError(f"expected power >= 1, got {power}; quantiles are optimal for convex costs only")
    check_finite(x, y)
    batch = torch.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    x, y = x.expand(*batch, -1), y.expand(*batch, -1)
    (x, tops_x), (y, tops_y) = _quantiles(x, a, "a"), _quantiles(y, b, "b")
    levels = torch.cat([tops_x, tops_y], dim=-1).sort(dim=-1).values
    widths = torch.diff(levels, dim=-1, prepend=torch.zeros_like(levels[..., :1]))
    # A level belongs to the step that holds the middle of its interval; empty intervals may choose any.
    middles = (levels - widths / 2).detach()
    gap = (_step(x, tops_x, middles) - _step(y, tops_y, middles)).abs()
    return (widths * gap**power).sum(-1)


def _quantiles(x: Tensor, weights: Tensor | None, name: str) -> tuple[Tensor, Tensor]:
    """Return the sorted points and the cumulated weights at which their steps end."""
    n = x.shape[-1]
    x, order = x.sort(dim=-1)
    return x, probabilities(weights, name, n, x).expand_as(x).gather(-1, order).cumsum(-1)


def _step(x: Tensor, tops: Tensor, levels: Tensor) -> Tensor:
    """Return the quantiles at some levels."""
    index = torch.searchsorted(tops.detach().contiguous(), levels).clamp_max(x.shape[-1] - 1)
    return x.gather(-1, index)


def sliced_wasserstein(
    x: Float[Tensor, "*any n d"],
    y: Float[Tensor, "*other m d"],
    a: Tensor | None = None,
    b: Tensor | None = None,
    *,
    rng: torch.Generator,
    n_projections: int = 128,
    power: float = 2.0,
) -> Float[Tensor, "..."]:
    r"""Return the mean cost of transport over random lines, :math:`E_\theta W_p^p(\theta \cdot x, \theta \cdot y)`.

    Bonneel, Rabin, Peyré, Pfister, "Sliced and Radon Wasserstein barycenters", JMIV 51 (2015). Differentiable in points
    and weights; its standard error falls as ``1 / sqrt(n_projections)``.

    Args:
        x: Points; batch axes broadcast against those of ``y``.
        y: Points.
        a: Weights of ``x``, uniform if left out.
        b: Weights of ``y``, uniform if left out.
        rng: CPU generator that the directions come from, uniform on the sphere; a batch shares them.
        n_projections: Number of directions.
        power: Exponent ``p`` of the cost, at least 1.

    Returns:
        The p-th power of the sliced Wasserstein distance, in units of cost.

    Raises:
        ProblemError: if there are no projections, or see :func:`wasserstein_1d`.

    Example:
        >>> x = torch.rand(5, 3)
        >>> float(sliced_wasserstein(x, x.flip(0), rng=torch.Generator().manual_seed(0)))
        0.0
    """
    if n_projections < 1:
        raise ProblemError(f"expected n_projections >= 1, got {n_projections}")
    check_clouds(x, y)
    directions = torch.randn(n_projections, x.shape[-1], generator=rng, dtype=torch.float64)
    directions = (directions / directions.norm(dim=-1, keepdim=True)).to(x)
    lines = (points.matmul(directions.T).mT for points in (x, y))
    weights = (None if w is None else w.unsqueeze(-2) for w in (a, b))
    return wasserstein_1d(*lines, *weights, power=power).mean(-1)
