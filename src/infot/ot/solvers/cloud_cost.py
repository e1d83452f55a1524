"""Squared Euclidean costs between clouds, written out by one product of lifted points.

``-|x - y|^2 = (2 x, -|x|^2, -1) . (y, 1, |y|^2)``; potentials join the second coordinate.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import from_loop, namespace, to_loop
from infot.ot.solvers.flat_kernel import CostRows

__all__ = ["Cloud", "CloudCost", "SelfCost"]


class Cloud:
    """Points, lifted for products.

    Args:
        points: The points, near the origin (far from it the expanded square loses digits).
    """

    def __init__(self, points: Float[Tensor, "B n d"]) -> None:
        squares = points.square().sum(-1, keepdim=True)
        ones = torch.ones_like(squares)
        self.points = to_loop(points)
        self.left = to_loop(torch.cat([2 * points, -squares, -ones], -1))
        self.right = to_loop(torch.cat([points, ones, squares], -1).mT)

        self._mean = self.right.mean(-1)

    def mean_cost(self, other: "Cloud") -> float:
        """Return the mean squared distance between the points of two clouds, the largest of the batch."""
        mean, others = self._mean, other._mean
        products = (mean[:, :-2] * others[:, :-2]).sum(-1)
        return float((mean[:, -1] + others[:, -1] - 2 * products).max())


class CloudCost(CostRows):
    """The cost between two clouds.

    Args:
        x: Points of the rows.
        y: Points of the columns.
    """

    def __init__(self, x: Cloud, y: Cloud) -> None:
        self._x, self._y = x, y

    def exponents(self, f: Any, epsilon: float, out: Tensor) -> tuple[Tensor, None]:
        """Write the exponents by a product, and bring each row's largest to zero if ``f`` is None."""
        lift = self._x.left * (1 / epsilon)
        if f is not None:
            scaled = f * (1 / epsilon)
            lift[..., -2] += scaled
        namespace(lift).matmul(lift, self._y.right, out=to_loop(out))
        if f is not None:
            return from_loop(scaled), None
        top = out.amax(-1)
        out.sub_(top.unsqueeze(-1))
        return top.neg_(), None


class SelfCost(CostRows):
    """The cost of a cloud to itself: the least of each row and column is zero, on the diagonal.

    Args:
        x: The points.
    """

    def __init__(self, x: Cloud) -> None:
        self._x = x

    def exponents(self, f: Any, epsilon: float, out: Tensor) -> tuple[Tensor, Tensor]:
        """Write the exponents with the potential on both sides, which keeps them symmetric."""
        lift = self._x.left * (1 / epsilon)
        right = self._x.right
        scaled = 0 * lift[..., -2] if f is None else f * (1 / epsilon)
        if f is not None:
            lift[..., -2] += scaled
            right = right + 0
            right[:, -1] -= f
        namespace(lift).matmul(lift, right, out=to_loop(out))
        return from_loop(scaled), from_loop(-scaled)
