"""Several starts, one after the other, of which the best goes on."""

from collections.abc import Callable, Mapping

from torch import Tensor

from infot.errors import ConfigError, NumericalError
from infot.training.schedule import Schedule
from infot.training.starts import Outcome
from infot.training.state import TrainState

__all__ = ["Begin", "Selection"]

COMPARED = "plan_information"
Begin = Callable[[int], TrainState]
"""Makes the state of a start, by its index, as it is before its first step."""


class Selection:
    """Train every start over the first share of the schedule, and go on with the one whose code tells most of the data.

    That is I(c;x) under the plan, the mean over the last updates of that share (:meth:`Schedule.counts_at`), where all
    starts are under the same prices: codes that share a class tell less. The loss tells the same, but later. A start
    that diverges is noted and is out; the run ends with an error where none is left. With one start nothing happens.

    Args:
        state: Where training stands; changed in place.
        schedule: Number and length of the starts.
        begin: Makes further starts.

    Raises:
        ConfigError: If there are several starts and nothing that makes them.
    """

    def __init__(self, state: TrainState, schedule: Schedule, begin: Begin | None = None) -> None:
        if schedule.starts > 1 and begin is None:
            raise ConfigError(f"a schedule of {schedule.starts} starts needs a function that begins one")
        self.state = state
        self.schedule = schedule
        self._begin = begin

    def due(self) -> bool:
        """Return whether a start has ended and :meth:`advance` is to be called before the next update."""
        return self.schedule.starts > 1 and self.state.starts.current != self.schedule.start_at(
            self.state.step
        )

    def advance(self) -> None:
        """Judge the start that has ended; then begin the next one, or go on with the best."""
        starts = self.state.starts
        if len(starts.outcomes) == starts.current:  # else it diverged, which has been noted
            total = starts.total
            assert total is not None
            if starts.end(Outcome(float(total) / self.schedule.stretch)):
                starts.kept = self.state.snapshot().copied()
        starts.current = self.schedule.start_at(self.state.step)
        if starts.current < self.schedule.starts:
            assert self._begin is not None
            self.state.restore(self._begin(starts.current).snapshot())
        else:
            assert starts.kept is not None
            self.state.restore(starts.kept)
            starts.kept = None

    def watch(self, step: int, info: Mapping[str, Tensor]) -> None:
        """Look at what was logged of the update that followed ``step`` finished ones.

        Raises:
            ConfigError: If the objective does not log what starts are compared by.
        """
        if not self.schedule.counts_at(step):
            return
        if COMPARED not in info:
            raise ConfigError(f"several starts are compared by {COMPARED}, which this objective does not log")
        self.state.starts.watch(info[COMPARED].detach())

    def give_up(self, error: NumericalError) -> None:
        """Note that the start in hand diverged, and skip what is left of it.

        Raises:
            NumericalError: ``error`` itself, where no other start is left.
        """
        starts, last = self.state.starts, self.schedule.starts - 1
        others = starts.current < last or (starts.current == last and starts.kept is not None)
        if self.schedule.starts == 1 or not others:
            raise error
        starts.end(Outcome(None, str(error)))
        self.state.step = (starts.current + 1) * self.schedule.start_steps
