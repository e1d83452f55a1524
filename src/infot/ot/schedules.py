"""Schedules: a number as a function of the progress of training, from 0 at the start to 1 at the end."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from infot.errors import ProblemError

__all__ = ["Constant", "Geometric", "Linear", "Schedule"]


class Schedule(ABC):
    """A number that depends on progress in [0, 1]."""

    @abstractmethod
    def __call__(self, progress: float) -> float:
        """Return the value at ``progress``."""


@dataclass(frozen=True)
class Constant(Schedule):
    """Stay at ``value``.

    Example:
        >>> Constant(0.1)(0.7)
        0.1
    """

    value: float

    def __call__(self, progress: float) -> float:
        """Return the value, whatever the progress."""
        return self.value


def _share(progress: float, begin: float, finish: float) -> float:
    """Return how much of the window [begin, finish] lies behind ``progress``, in [0, 1]."""
    if finish <= begin:
        return 1.0 if progress >= finish else 0.0
    return min(max((progress - begin) / (finish - begin), 0.0), 1.0)


@dataclass(frozen=True)
class Linear(Schedule):
    """Go from ``start`` to ``end`` in a straight line while progress runs from ``begin`` to ``finish``.

    Example:
        >>> Linear(1.0, 3.0)(0.5)
        2.0
    """

    start: float
    end: float
    begin: float = 0.0
    finish: float = 1.0

    def __call__(self, progress: float) -> float:
        """Return the value at ``progress``."""
        return self.start + (self.end - self.start) * _share(progress, self.begin, self.finish)


@dataclass(frozen=True)
class Geometric(Schedule):
    """Go from ``start`` to ``end``, both positive, by a constant factor a step while progress runs over the window.

    Raises:
        ProblemError: if ``start`` or ``end`` is not positive.

    Example:
        >>> round(Geometric(1.0, 0.01)(0.5), 6)
        0.1
    """

    start: float
    end: float
    begin: float = 0.0
    finish: float = 1.0

    def __post_init__(self) -> None:
        """Refuse ends that no geometric sequence joins."""
        if not (self.start > 0 and self.end > 0):
            raise ProblemError(
                f"a geometric schedule needs positive ends, got {self.start} and {self.end}; use Linear instead"
            )

    def __call__(self, progress: float) -> float:
        """Return the value at ``progress``."""
        share = _share(progress, self.begin, self.finish)
        return math.exp((1 - share) * math.log(self.start) + share * math.log(self.end))
