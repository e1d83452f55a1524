"""The clock of a run: progress, learning rate and weight averaging as functions of the step."""

import math
from dataclasses import dataclass

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """Say what holds at which step.

    Attributes:
        steps: Number of steps to train.
        length: Number of steps over which the schedules run; ``steps`` may be larger, the final values then stay.
        learning_rate: Learning rate until ``decay_from``.
        decay_from: Share of the length from which the learning rate falls by a cosine.
        final_learning_rate: Learning rate at the end.
        ema_decay: Decay of the weight average from ``ema_from`` on.
        ema_from: Share of the length before which the average is a copy of the weights.

    Example:
        >>> clock = Schedule(steps=10, length=10, learning_rate=1.0, decay_from=0.5, final_learning_rate=0.0)
        >>> [round(clock.learning_rate_at(step), 3) for step in (0, 5, 8, 10, 99)]
        [1.0, 1.0, 0.345, 0.0, 0.0]
    """

    steps: int
    length: int
    learning_rate: float
    decay_from: float = 0.5
    final_learning_rate: float = 0.0
    ema_decay: float = 0.995
    ema_from: float = 0.8

    def progress_at(self, step: int) -> float:
        """Return the position of the schedules in [0, 1]: ``step / length``, then 1."""
        return min(1.0, step / self.length)

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of the update that follows ``step`` finished ones."""
        past = self.progress_at(step) - self.decay_from
        if past <= 0:
            return self.learning_rate
        share = past / (1 - self.decay_from)
        return (
            self.final_learning_rate
            + (self.learning_rate - self.final_learning_rate) * (1 + math.cos(math.pi * share)) / 2
        )

    def ema_decay_at(self, step: int) -> float:
        """Return the decay of the average after ``step`` finished updates: 0 (a copy) before ``ema_from``."""
        return 0.0 if self.progress_at(step) < self.ema_from else self.ema_decay
