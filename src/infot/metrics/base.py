"""What a metric is: a number that stands beside the two numbers needed to judge it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from infot.errors import NumericalError, ProblemError

__all__ = ["Array", "Metric", "as_array", "as_indices", "chance", "to_json"]

Array = np.ndarray | Tensor
"""Every metric takes numpy arrays or tensors on any device; it computes in float64 on the CPU."""


@dataclass(frozen=True)
class Metric:
    """A measured number, between the worst and the best that can be expected.

    ``floor`` is always the low end of the scale and ``ceiling`` the high end. ``better`` tells which of the
    two is the aim, so the aim is ``ceiling`` for ``better="higher"`` and ``floor`` for ``better="lower"``:

    - the aim is the value that *true data* reaches under the same protocol (same sample size, same
      estimator): .9889 for ``high_quality``, about .0014 for ``reverse_kl`` on eight modes; it is the logical
      bound (1 for an accuracy) where true data reaches that;
    - the other end is the value of *chance*: codes that know nothing of the labels, a generator stuck in one
      mode. It is None where the metric has no such bound.

    A value beyond its aim is no success but a sign of something else, for instance of samples that have
    shrunk towards the centres of the modes.

    Args:
        name: Key in ``evaluation.json``.
        value: The measurement, finite.
        floor: Low end of the scale, or None.
        ceiling: High end of the scale, or None.
        better: Whether higher or lower values are better.
        n: Number of samples the value rests on.

    Raises:
        NumericalError: If the value is not finite.

    Example:
        >>> Metric("accuracy", 0.9, floor=0.1, ceiling=1.0, better="higher", n=1000).aim
        1.0
    """

    name: str
    value: float
    floor: float | None
    ceiling: float | None
    better: Literal["higher", "lower"]
    n: int

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise NumericalError(f"metric {self.name} is {self.value}: the model's output is not finite")

    @property
    def aim(self) -> float | None:
        """The value of true data: ``ceiling`` or ``floor``, whichever is better."""
        return self.ceiling if self.better == "higher" else self.floor


def to_json(metrics: Iterable[Metric] | Mapping[str, Metric]) -> dict[str, dict[str, Any]]:
    """Return metrics as plain values, ``{name: {value, floor, ceiling, better, n}}``.

    Example:
        >>> to_json([Metric("modes", 8.0, floor=1.0, ceiling=8.0, better="higher", n=2500)])
        {'modes': {'value': 8.0, 'floor': 1.0, 'ceiling': 8.0, 'better': 'higher', 'n': 2500}}
    """
    records = metrics.values() if isinstance(metrics, Mapping) else metrics
    out: dict[str, dict[str, Any]] = {}
    for metric in records:
        record = asdict(metric)
        out[record.pop("name")] = record
    return out


def as_array(x: Array, name: str, ndim: int) -> np.ndarray:
    """Return ``x`` as a float64 array after checking its dimensions and that it is finite and not empty.

    Raises:
        ProblemError: If ``x`` has another number of dimensions, is empty or holds NaN or infinities.
    """
    array = np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x, dtype=np.float64)
    if array.ndim != ndim:
        raise ProblemError(f"{name} must have {ndim} dimensions, got shape {array.shape}")
    if array.size == 0:
        raise ProblemError(f"{name} is empty: shape {array.shape}; give at least one sample")
    if not np.isfinite(array).all():
        raise ProblemError(f"{name} holds NaN or infinite values; metrics need finite arrays")
    return array


def as_indices(x: Array, name: str) -> np.ndarray:
    """Return class indices as an int64 vector after checking that they are non-negative whole numbers.

    Raises:
        ProblemError: If ``x`` is no vector of non-negative whole numbers.
    """
    array = as_array(x, name, ndim=1)
    if (array < 0).any() or (array != np.floor(array)).any():
        raise ProblemError(
            f"{name} must hold whole numbers from 0, got values in [{array.min()}, {array.max()}]"
        )
    return array.astype(np.int64)


def chance(repetitions: int = 20) -> Iterable[np.random.Generator]:
    """Yield the random streams of floors and ceilings: the same in every run, so that runs compare."""
    return (np.random.default_rng([20191202, repetition]) for repetition in range(repetitions))
