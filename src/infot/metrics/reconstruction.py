"""How well what the plan couples with a datum resembles it."""

from jaxtyping import Num

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array

__all__ = ["reconstruction_metric"]


def reconstruction_metric(data: Num[Array, "n d"], reconstructions: Num[Array, "m e"]) -> Metric:
    """Return the mean squared error of a value, from 0 to that of the mean datum given for every datum.

    Args:
        data: Held-out data, one row each.
        reconstructions: What the plan couples with each, in the same shape.

    Raises:
        ProblemError: If the two differ in shape.

    Example:
        >>> import numpy as np
        >>> reconstruction_metric(np.array([[0.0], [2.0]]), np.array([[0.0], [1.0]])).value
        0.5
    """
    x, y = as_array(data, "data", ndim=2), as_array(reconstructions, "reconstructions", ndim=2)
    if x.shape != y.shape:
        raise ProblemError(f"reconstructions must have the shape of the data, {x.shape}, got {y.shape}")
    error, worst = float(((x - y) ** 2).mean()), float(x.var(axis=0).mean())
    return Metric("reconstruction_error", error, 0.0, worst, "lower", len(x))
