"""Squared Euclidean costs between clouds, written out by one product of lifted points.

``-|x - y|^2 = (2 x, -|x|^2, -1) . (y, 1, |y|^2)``; potentials join the second coordinate.
"""

from typing import Any

from infot.numerics import empty_loop, from_loop, inner, namespace, to_loop
from infot.ot.solvers.flat_kernel import CostRows

__all__ = ["Cloud", "CloudCost", "SelfCost"]


class Cloud:
    """Points, lifted for products.

    Args:
        points: The points, ``(B, n, d)``, an array of inner loops.
        weights: Their weights, ``(B, n)``, with sum one.
        centre: What is taken off them, ``(B, 1, d)``: far from the origin the expanded square loses digits.

    Attributes:
        points: The points less the centre.
        right: ``(x, 1, |x|^2)``, ``(B, n, d + 2)``; products take it transposed, which costs less than a copy.
    """

    def __init__(self, points: Any, weights: Any, centre: Any) -> None:
        batch, n, d = points.shape
        self._half = empty_loop(points, batch, n, d + 2)
        self.points = self._half[..., :d]
        self.points[:] = points - centre
        squares = inner(self.points, self.points)
        self._half[..., d] = -0.5 * squares
        self._half[..., d + 1] = -0.5
        self.right = empty_loop(points, batch, n, d + 2)
        self.right[..., :d] = self.points
        self.right[..., d] = 1
        self.right[..., d + 1] = squares
        self._mean = (weights[:, None] @ self.right)[:, 0]

    def left(self, epsilon: float) -> Any:
        """Return ``(2 x, -|x|^2, -1) / epsilon``, ``(B, n, d + 2)``, whose product with ``right`` is the exponents."""
        return self._half * (2 / epsilon)

    def mean_cost(self, other: "Cloud") -> float:
        """Return the mean squared distance between two clouds under their weights, the largest of the batch."""
        mean, others = self._mean, other._mean
        products = inner(mean[:, :-2], others[:, :-2])
        return float((mean[:, -1] + others[:, -1] - 2 * products).max())


class CloudCost(CostRows):
    """The cost between two clouds.

    Args:
        x: Points of the rows.
        y: Points of the columns.
    """

    def __init__(self, x: Cloud, y: Cloud) -> None:
        self._x, self._y = x, y

    def exponents(self, f: Any, epsilon: float, out: Any) -> tuple[Any, None]:
        """Write the exponents by a product, and bring each row's largest to zero if ``f`` is None."""
        lift, right = self._x.left(epsilon), self._y.right.mT
        product = namespace(lift).matmul
        if f is None:
            product(lift, right, out=out)
            exponents = from_loop(out)
            top = exponents.amax(-1)
            exponents.sub_(top.unsqueeze(-1))
            return -to_loop(top), None
        scaled = f * (1 / epsilon)
        lift[..., -2] += scaled
        product(lift, right, out=out)
        return scaled, None


class SelfCost(CostRows):
    """The cost of a cloud to itself: the least of each row and column is zero, on the diagonal.

    Args:
        x: The points.
    """

    def __init__(self, x: Cloud) -> None:
        self._x = x

    def exponents(self, f: Any, epsilon: float, out: Any) -> tuple[Any, Any]:
        """Write the exponents with the potential on both sides, which keeps them symmetric."""
        lift, right = self._x.left(epsilon), self._x.right
        if f is None:
            scaled = 0 * lift[..., -2]
        else:
            scaled = f * (1 / epsilon)
            lift[..., -2] += scaled
            right = right + 0
            right[..., -1] -= f
        namespace(lift).matmul(lift, right.mT, out=out)
        return scaled, -scaled
