"""Writes metrics.jsonl."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from torch import Tensor

from infot.atomic import disk_errors, write_text
from infot.training.fit import Callback
from infot.training.schedule import Schedule
from infot.training.state import TrainState

__all__ = ["MetricsLog", "truncate_metrics"]


class MetricsLog(Callback):
    """Append one JSON object a line every ``every`` steps, at the first step and at the last.

    Keys: ``step``, ``wall_seconds``, ``examples_per_second``, ``learning_rate``, with several starts ``start`` (the
    index of the one in training), and what the objective logs.

    Args:
        path: The file.
        every: Steps between two lines.
        schedule: Tells the last step and the learning rate.
    """

    def __init__(self, path: Path, *, every: int, schedule: Schedule) -> None:
        self.path = path
        self.every = every
        self.schedule = schedule
        self._file: IO[str] | None = None
        self._last = (0, 0.0)

    def start(self, state: TrainState) -> None:
        with disk_errors(self.path):
            self._file = self.path.open("a", encoding="utf-8")
        self._last = (state.step, state.elapsed())

    def due(self, state: TrainState) -> bool:
        return state.step % self.every == 0 or state.step in (1, self.schedule.total)

    def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
        now = state.elapsed()
        step, then = self._last
        self._last = (state.step, now)
        line: dict[str, float] = {
            "step": state.step,
            "wall_seconds": round(now, 4),
            "examples_per_second": round(
                (state.step - step) * state.sampler.batch_size / max(now - then, 1e-9), 2
            ),
            "learning_rate": self.schedule.learning_rate_at(self.schedule.position_at(state.step - 1)),
        }
        if self.schedule.starts > 1:
            line["start"] = self._start(state)
        line |= {name: float(value) for name, value in info.items()}
        if self._file is not None:
            with disk_errors(self.path, "; then go on with infot resume"):
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()

    def _start(self, state: TrainState) -> int:
        """Return the index of the start that this step trained."""
        start, best = self.schedule.start_at(state.step - 1), state.starts.best
        return start if start < self.schedule.starts or best is None else best

    def close(self) -> None:
        if self._file is not None:
            with disk_errors(self.path):
                self._file.close()
            self._file = None


def truncate_metrics(path: Path, step: int) -> None:
    """Drop what was logged after ``step``, and a line that a kill cut short, so that a resumed run logs it anew."""
    if not path.exists():
        return
    kept: list[str] = []
    with disk_errors(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        entry = _parsed(line)
        if entry is not None and entry["step"] <= step:
            kept.append(line)
    write_text(path, "".join(f"{line}\n" for line in kept))


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("step"), int) else None
