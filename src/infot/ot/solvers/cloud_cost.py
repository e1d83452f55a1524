"""Squared Euclidean costs between clouds, written out by one product of lifted points.

``-|x - y|^2 = (2 x, -|x|^2, -1) . (y, 1, |y|^2)``; potentials join the second coordinate.
"""

from typing import Any

from torch import Tensor

from infot.numerics import empty_loop, from_loop, namespace, to_loop
from infot.ot.solvers.flat_kernel import CostRows

__all__ = ["Cloud", "CloudCost", "SelfCost"]


class Cloud:
    """Points, lifted for products.

    Args:
        points: The points, ``(B, n, d)``, an array of inner loops; near the origin, for far from it the expanded
            square loses digits.
    """

    def __init__(self, points: Any) -> None:
        batch, n, d = points.shape
        squares = (points * points).sum(-1)
        self.points = points
        self.left = empty_loop(points, batch, n, d + 2)
        self.left[..., :d] = 2 * points
        self.left[..., d] = -squares
        self.left[..., d + 1] = -1
        self.right = empty_loop(points, batch, d + 2, n)
        self.right[:, :d] = points.mT
        self.right[:, d] = 1
        self.right[:, d + 1] = squares
        self._mean = self.right.sum(-1) / n

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
        product = namespace(lift).matmul
        if f is None:
            product(lift, self._y.right, out=to_loop(out))
            top = out.amax(-1)
            out.sub_(top.unsqueeze(-1))
            return top.neg_(), None
        scaled = f * (1 / epsilon)
        lift[..., -2] += scaled
        product(lift, self._y.right, out=to_loop(out))
        return from_loop(scaled), None


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
