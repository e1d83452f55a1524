"""Shows how far training is: a bar in a terminal, plain lines elsewhere."""

from collections.abc import Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from torch import Tensor

from infot.training.fit import Callback
from infot.training.state import TrainState

__all__ = ["Progress"]

PLAIN_LINES = 20  # lines that a whole run prints where there is no terminal


class Progress(Callback):
    """Show steps, time left, examples a second, the loss and I(c;x).

    Args:
        steps: Number of steps of the run, all starts among them.
        every: Steps between two updates.
        console: Where to; standard error by default.
        unit: What a batch holds, ``"images"`` or ``"examples"``.
        starts: Number of starts; of several, the one in training is named, and how each ended is told.
    """

    def __init__(
        self,
        *,
        steps: int,
        every: int,
        console: Console | None = None,
        unit: str = "examples",
        starts: int = 1,
    ) -> None:
        self.steps = steps
        self.starts = starts
        self.console = console or Console(stderr=True)
        self.unit = unit
        self.every = every if self.console.is_terminal else max(every, -(-steps // PLAIN_LINES))
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self._begun = (0, 0.0)
        self._last = (0, 0.0)
        self._told = 0

    def start(self, state: TrainState) -> None:
        self._begun = self._last = (state.step, state.elapsed())
        self._told = len(state.starts.outcomes)
        if self.console.is_terminal:
            columns = (
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
            )
            self._bar = Bar(
                *columns, TimeRemainingColumn(), TextColumn("{task.description}"), console=self.console
            )
            self._task = self._bar.add_task("", total=self.steps, completed=state.step)
            self._bar.start()

    def due(self, state: TrainState) -> bool:
        told = self._told == len(state.starts.outcomes)
        return not told or state.step % self.every == 0 or state.step == self.steps

    def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
        self._tell_ends(state)
        now = state.elapsed()
        rate = (state.step - self._last[0]) * state.sampler.batch_size / max(now - self._last[1], 1e-9)
        self._last = (state.step, now)
        values = f"{rate:,.0f} {self.unit}/s  loss {float(info['loss']):.4g}"
        if "plan_information" in info:
            values += f"  I(c;x) {float(info['plan_information']):.3f} nats"
        if state.starts.current < self.starts and self.starts > 1:
            values = f"start {state.starts.current + 1} of {self.starts}  {values}"
        if self._bar is not None:
            self._bar.update(self._task, completed=state.step, description=values)
            return
        left = (now - self._begun[1]) / max(state.step - self._begun[0], 1) * (self.steps - state.step)
        self.console.print(f"step {state.step}/{self.steps}  {_clock(left)} left  {values}", highlight=False)

    def _tell_ends(self, state: TrainState) -> None:
        """Say how the starts ended that have ended since the last call, and which one goes on."""
        starts = state.starts
        for index in range(self._told, len(starts.outcomes)):
            self.console.print(
                f"start {index + 1} of {self.starts}: {starts.outcomes[index]}", highlight=False
            )
        if self._told < len(starts.outcomes) == self.starts and starts.best is not None:
            self.console.print(f"going on with start {starts.best + 1}", highlight=False)
        self._told = len(starts.outcomes)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
