"""What a run folder holds, read once, with a note for every piece that is missing or broken."""

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from infot.errors import RunFolderError
from infot.report.arrays import read_arrays

__all__ = ["Measurement", "Run", "read_run"]


@dataclass(frozen=True)
class Measurement:
    """One metric of `evaluation.json`."""

    name: str
    value: float
    floor: float | None
    ceiling: float | None
    better: str
    """`higher` or `lower`."""
    n: int | None


@dataclass(frozen=True)
class Run:
    """A run folder as the report sees it."""

    path: Path
    name: str
    config: dict[str, Any]
    config_text: str
    steps: np.ndarray
    """Steps of the lines of `metrics.jsonl`, (n,), increasing."""
    columns: dict[str, np.ndarray]
    """Value of each logged quantity at these steps, (n,), NaN where it was not logged."""
    summary: dict[str, Any]
    measurements: tuple[Measurement, ...]
    protocol: dict[str, str]
    """How it was measured."""
    evaluation_data: dict[str, str]
    """On what it was measured."""
    arrays: dict[str, np.ndarray]
    grids: tuple[Path, ...]
    """Sample grids written while training, in order of their steps."""
    notes: tuple[str, ...] = field(default=())

    @property
    def data_name(self) -> str:
        """Name of the data set."""
        return str(_lookup(self.config, "data", "name") or self.summary.get("preset") or "unnamed data")

    @property
    def method(self) -> str:
        """Name of the objective."""
        return str(
            self.summary.get("method") or _lookup(self.config, "objective", "method") or "unknown method"
        )

    @property
    def reader(self) -> str:
        """What codes of data are read by: the plan, or a recognition network."""
        _, _, reader = self.protocol.get("codes", "").rpartition(", by ")
        return reader or "the plan"

    @property
    def seed(self) -> str:
        """Training seed as text."""
        value = self.summary.get("seed", self.config.get("seed"))
        return "unknown" if value is None else str(value)

    @property
    def has_continuous_code(self) -> bool:
        """Whether the code has uniform or normal coordinates, whose sweeps are shown as rows."""
        return bool(_lookup(self.config, "latent", "uniform") or _lookup(self.config, "latent", "normal"))

    @property
    def angles(self) -> int:
        """Number of angles in the code."""
        return int(_number(_lookup(self.config, "latent", "circle")) or 0)

    @property
    def status(self) -> str:
        """`finished`, `interrupted`, `diverged`, or `unfinished` where no summary says how the run ended."""
        return str(self.summary.get("status") or "unfinished")

    @property
    def last_step(self) -> int | None:
        """Last step that the folder knows of."""
        logged = int(self.steps[-1]) if self.steps.size else None
        told = _number(self.summary.get("steps"))
        return logged if told is None or not math.isfinite(told) else int(told)

    @property
    def planned_steps(self) -> int | None:
        """Steps that the configuration asks for, those of every start among them."""
        steps, length, starts, until = (
            _number(_lookup(self.config, "training", name))
            for name in ("steps", "schedule_steps", "starts", "starts_until")
        )
        if steps is None:
            return None
        further = (starts or 1) - 1
        return int(steps + further * round((until or 0) * (length or steps)))

    @property
    def starts(self) -> str | None:
        """Which of several starts went on, and how many diverged; None where there was one start or no choice yet."""
        facts = self.summary.get("starts")
        if not isinstance(facts, dict) or not isinstance(facts.get("best"), int):
            return None
        ended = facts.get("ended", [])
        diverged = sum(1 for end in ended if isinstance(end, dict) and end.get("information") is None)
        told = f"{facts['best'] + 1} of {facts.get('of')}"
        return f"{told}, {diverged} diverged" if diverged else told

    @property
    def wall_seconds(self) -> float | None:
        """Time that training took."""
        told = _number(self.summary.get("wall_seconds"))
        if told is None and "wall_seconds" in self.columns:
            logged = self.columns["wall_seconds"]
            logged = logged[np.isfinite(logged)]
            told = float(logged[-1]) if logged.size else None
        return told

    def measurement(self, name: str) -> Measurement | None:
        """Find a metric by its name."""
        return next((m for m in self.measurements if m.name == name), None)


def read_run(path: Path) -> Run:
    """Read a run folder.

    Args:
        path: A folder that holds at least `config.yaml`.

    Returns:
        What was found; missing and broken pieces are told in `notes`.

    Raises:
        RunFolderError: Where there is no such folder, or where it is not a run.
    """
    if not path.is_dir():
        raise RunFolderError(
            f"expected a run folder, but {path} {'is a file' if path.exists() else 'does not exist'}."
        )
    if not (path / "config.yaml").is_file():
        raise RunFolderError(
            f"{path} is not a run folder: it holds no config.yaml. Give a folder that `infot train` wrote."
        )
    notes: list[str] = []
    config, config_text = _read_config(path / "config.yaml", notes)
    steps, columns = _read_metrics(path / "metrics.jsonl", notes)
    summary = _read_json(path / "summary.json", notes)
    if not summary:
        notes.append(
            "There is no summary.json: the run is still going, or was killed before it could write one."
        )
    evaluation = _read_json(path / "evaluation.json", notes)
    if not evaluation:
        notes.append(
            f"The run has not been evaluated yet. `infot evaluate {path}` does so; then write this page "
            "again."
        )
    return Run(
        path=path,
        name=path.resolve().name,
        config=config,
        config_text=config_text,
        steps=steps,
        columns=columns,
        summary=summary,
        measurements=_read_measurements(evaluation, notes),
        protocol=_as_pairs(evaluation.get("protocol")),
        evaluation_data=_as_pairs(evaluation.get("data")),
        arrays=read_arrays(path / "evaluation.npz", notes),
        grids=tuple(sorted((path / "samples").glob("*.png"), key=grid_step)),
        notes=tuple(notes),
    )


def grid_step(path: Path) -> tuple[int, str]:
    """Read the step off the name of a sample grid (`step-500.png`), -1 where the name has no number."""
    digits = re.findall(r"\d+", path.stem)
    return (int(digits[-1]) if digits else -1, path.name)


def _read_config(path: Path, notes: list[str]) -> tuple[dict[str, Any], str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        notes.append(
            f"config.yaml cannot be read as YAML ({_first_line(error)}); its text is shown below as it is."
        )
        return {}, text
    if not isinstance(config, dict):
        notes.append("config.yaml holds no configuration (expected names with values).")
        return {}, text
    return config, text


def _read_json(path: Path, notes: list[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except json.JSONDecodeError as error:
        notes.append(f"{path.name} cannot be read ({_first_line(error)}).")
        return {}
    if not isinstance(content, dict):
        notes.append(f"{path.name} holds {type(content).__name__} where an object was expected.")
        return {}
    return content


def _read_metrics(path: Path, notes: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read the log; of two lines for one step the later counts, as after a resumed run."""
    if not path.is_file():
        notes.append("There is no metrics.jsonl: nothing was logged.")
        return np.empty(0, dtype=np.int64), {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows: dict[int, dict[str, Any]] = {}
    broken: list[int] = []
    for position, line in enumerate(lines, start=1):
        row = _parse_row(line)
        if row is not None:
            rows[int(row["step"])] = row
        elif line.strip("\0 \t"):
            broken.append(position)
    if broken and broken[-1] == len(lines):
        notes.append(
            "The last line of metrics.jsonl is cut off, as when a process is killed; it is left out."
        )
        broken.pop()
    if broken:
        shown = ", ".join(map(str, broken[:5])) + (" and more" if len(broken) > 5 else "")
        notes.append(f"metrics.jsonl: unreadable lines are left out ({shown}).")
    if not rows:
        notes.append("metrics.jsonl holds no measurement yet: there are no curves to draw.")
    steps = np.array(sorted(rows), dtype=np.int64)
    names = list(dict.fromkeys(key for row in rows.values() for key in row if key != "step"))
    columns = {}
    for name in names:
        values = [_number(rows[int(step)].get(name)) for step in steps]
        if any(value is not None for value in values):
            columns[name] = np.array([math.nan if value is None else value for value in values])
    return steps, columns


def _parse_row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return None
    step = _number(row.get("step")) if isinstance(row, dict) else None
    return row if step is not None and math.isfinite(step) else None


def _read_measurements(evaluation: dict[str, Any], notes: list[str]) -> tuple[Measurement, ...]:
    metrics = evaluation.get("metrics", {})
    if not isinstance(metrics, dict):
        notes.append("evaluation.json: `metrics` is not an object of named metrics.")
        return ()
    found = []
    for name, entry in metrics.items():
        fields = entry if isinstance(entry, dict) else {"value": entry}
        value = _number(fields.get("value"))
        if value is None:
            notes.append(f"evaluation.json: metric `{name}` has no value; it is left out.")
            continue
        n = _number(fields.get("n"))
        found.append(
            Measurement(
                name=str(name),
                value=value,
                floor=_number(fields.get("floor")),
                ceiling=_number(fields.get("ceiling")),
                better=str(fields.get("better", "higher")),
                n=int(n) if n is not None and math.isfinite(n) else None,
            )
        )
    return tuple(found)


def _number(value: object) -> float | None:
    """Take ints and floats, NaN and infinity included; truth values and text are no numbers."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _lookup(config: dict[str, Any], *keys: str) -> Any:
    value: Any = config
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _as_pairs(value: object) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(key).replace("_", " "): _as_text(entry) for key, entry in value.items()}
    return {} if value is None else {"": _as_text(value)}


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_as_text(entry)}" for key, entry in value.items())
    return ", ".join(map(_as_text, value)) if isinstance(value, list) else str(value)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
