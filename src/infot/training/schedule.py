"""The clock of a run: starts, progress, learning rate and weight averaging as functions of the step."""

import math
from dataclasses import dataclass

__all__ = ["Schedule"]


STRETCH = 0.2  # share of a start, at its end, over which the information of its code is averaged


@dataclass(frozen=True)
class Schedule:
    """Say what holds at which step.

    A run with several starts does the first ``start_steps`` steps with each of them and the rest with the best, so its
    steps in all are not those of the schedules: :meth:`position_at` tells where the schedules are.

    Attributes:
        steps: Number of steps to train, of which a start has its share.
        length: Number of steps over which the schedules run; ``steps`` may be larger, the final values then stay.
        learning_rate: Learning rate until ``decay_from``.
        decay_from: Share of the length from which the learning rate falls by a cosine.
        final_learning_rate: Learning rate at the end.
        ema_decay: Decay of the weight average from ``ema_from`` on.
        ema_from: Share of the length before which the average is a copy of the weights.
        starts: Number of starts.
        start_steps: Steps of each of several starts, fewer than ``steps``.

    Example:
        >>> clock = Schedule(steps=10, length=10, learning_rate=1.0, decay_from=0.5, final_learning_rate=0.0)
        >>> [round(clock.learning_rate_at(step), 3) for step in (0, 5, 8, 10, 99)]
        [1.0, 1.0, 0.345, 0.0, 0.0]
        >>> clock = Schedule(steps=10, length=10, learning_rate=1.0, starts=2, start_steps=3)
        >>> clock.total, [(clock.start_at(step), clock.position_at(step)) for step in (2, 3, 5, 6, 12)]
        (13, [(0, 2), (1, 0), (1, 2), (2, 3), (2, 9)])
    """

    steps: int
    length: int
    learning_rate: float
    decay_from: float = 0.5
    final_learning_rate: float = 0.0
    ema_decay: float = 0.995
    ema_from: float = 0.8
    starts: int = 1
    start_steps: int = 0

    @property
    def total(self) -> int:
        """Number of steps in all, those of every start among them."""
        return self.steps + (self.starts - 1) * self.start_steps

    @property
    def stretch(self) -> int:
        """Number of updates at the end of a start over which the information of its code is averaged."""
        return max(1, round(STRETCH * self.start_steps))

    def start_at(self, step: int) -> int:
        """Return the start that the update after ``step`` finished ones belongs to; ``starts`` once all have ended."""
        return min(self.starts, step // self.start_steps) if self.starts > 1 else self.starts

    def position_at(self, step: int) -> int:
        """Return how many finished steps of its own the run has on which the update after ``step`` in all is done."""
        return step - min(self.start_at(step), self.starts - 1) * self.start_steps

    def counts_at(self, step: int) -> bool:
        """Return whether the update after ``step`` finished ones counts for the choice among starts."""
        trying = self.start_at(step) < self.starts
        return trying and self.position_at(step) >= self.start_steps - self.stretch

    def progress_at(self, position: int) -> float:
        """Return where the schedules are, in [0, 1]: ``position / length``, then 1."""
        return min(1.0, position / self.length)

    def learning_rate_at(self, position: int) -> float:
        """Return the learning rate of the update at ``position``."""
        past = self.progress_at(position) - self.decay_from
        if past <= 0:
            return self.learning_rate
        share = past / (1 - self.decay_from)
        return (
            self.final_learning_rate
            + (self.learning_rate - self.final_learning_rate) * (1 + math.cos(math.pi * share)) / 2
        )

    def ema_decay_at(self, position: int) -> float:
        """Return the decay of the average after ``position`` updates: 0 (a copy) before ``ema_from``."""
        return 0.0 if self.progress_at(position) < self.ema_from else self.ema_decay
