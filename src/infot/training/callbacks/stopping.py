"""Ends training early: a time limit, Ctrl-C, a termination signal."""

import signal
import threading
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

from torch import Tensor

from infot.training.fit import Callback
from infot.training.state import TrainState

__all__ = ["StopOnSignal", "TimeLimit"]


class TimeLimit(Callback):
    """Stop after ``minutes`` of this process's training.

    Args:
        minutes: Wall time, positive.
    """

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes
        self._end = float("inf")

    def start(self, state: TrainState) -> None:
        self._end = time.monotonic() + 60 * self.minutes

    def due(self, state: TrainState) -> bool:
        return time.monotonic() >= self._end

    def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
        state.stop = state.stop or "max_minutes"


class StopOnSignal(Callback):
    """Finish the step and stop on SIGINT (Ctrl-C) or SIGTERM; a SIGINT after that ends the process at once.

    SIGTERM may come again without harm: Slurm sends it more than once, and one Ctrl-C in a terminal brings SIGINT, and
    SIGTERM from the process that started this one.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}

    def start(self, state: TrainState) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may set handlers; whoever trains in another one stops it by state.stop

        def ask(number: int, frame: FrameType | None) -> None:
            state.stop = "interrupted"
            if signal.SIGINT in self._before:
                signal.signal(signal.SIGINT, self._before.pop(signal.SIGINT))

        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, ask)

    def close(self) -> None:
        self._restore()

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)
