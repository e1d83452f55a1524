"""Checkpoints: the whole state of a run as tensors, numbers and text, written whole or not at all."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from infot.atomic import disk_errors, write_text
from infot.errors import CheckpointError, DataError
from infot.training.snapshot import Snapshot
from infot.training.starts import Outcome, Starts
from infot.training.state import TrainState
from infot.training.tensorfile import StoredTensors, read_tensors, write_tensors

__all__ = ["CheckpointFolder"]

FORMAT = "infot-checkpoint"
VERSION = 1
_NAME = re.compile(r"step-(\d{8,})")
_KEPT, _TOTAL = "kept/", "starts/total"  # the best start so far; the information so far of the one in hand


class CheckpointFolder:
    """The folder ``checkpoints/`` of a run.

    A checkpoint is ``step-XXXXXXXX.safetensors`` and, written after it, ``step-XXXXXXXX.json`` with its SHA-256; one
    without the other does not count. ``latest`` names the newest good one.

    Args:
        path: The folder; made on the first save.
        keep: How many checkpoints are kept, newest first.
    """

    def __init__(self, path: Path, keep: int = 2) -> None:
        self.path = path
        self.keep = keep

    def names(self) -> list[str]:
        """Return the names of complete checkpoints, oldest first."""
        if not self.path.is_dir():
            return []
        found = [match[0] for file in self.path.glob("step-*.json") if (match := _NAME.fullmatch(file.stem))]
        return sorted((name for name in found if self.file(name).exists()), key=_step_of)

    def latest(self) -> str | None:
        """Return the name of the newest complete checkpoint, or None."""
        names = self.names()
        try:
            name = (self.path / "latest").read_text().strip()
        except (OSError, UnicodeDecodeError):
            name = ""
        # A kill between the two writes leaves a complete checkpoint that `latest` does not name yet: either will do.
        return name if name in names else (names[-1] if names else None)

    def file(self, name: str) -> Path:
        """Return the tensor file of a checkpoint."""
        return self.path / f"{name}.safetensors"

    def save(self, state: TrainState) -> str:
        """Write ``state`` and drop the checkpoints beyond the newest ``keep``.

        Returns:
            The checkpoint's name.

        Raises:
            RunFolderError: If the disk refuses; the earlier checkpoints are untouched and the last good one is named.
        """
        name = f"step-{state.step:08d}"
        tensors, facts = _tensors_of(state), {"format": FORMAT, "version": VERSION, **_facts_of(state)}
        last = self.latest()
        advice = f"; then go on with infot resume from {last}" if last else ""
        write_tensors(self.file(name), tensors, facts, notes=self._notes(name), advice=advice)
        write_text(self.path / "latest", name + "\n", advice=advice)
        for old in self.names()[: -self.keep]:
            self._remove(old)
        return name

    def load(self, state: TrainState, name: str | None = None) -> str:
        """Bring ``state`` to where a checkpoint was saved, bit for bit.

        Args:
            state: A state built from the same configuration and data.
            name: Which checkpoint; the latest if omitted.

        Returns:
            The name of the checkpoint.

        Raises:
            CheckpointError: If it is missing, damaged or of another model; a good earlier one is named if there is one.
            DataError: If it is of a training on other data.
        """
        name = name or self.latest()
        if name is None or name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise CheckpointError(
                f"no checkpoint {name or ''} in {self.path}; there are: {known}".replace("  ", " ")
            )
        try:
            _restore(state, self._read(name))
        except CheckpointError as error:
            good = self._good_before(name)
            offer = (
                f"go on from the one before with --checkpoint {good}"
                if good
                else "no earlier good one is left"
            )
            raise CheckpointError(f"{error}; {offer}") from error
        return name

    def forget_after(self, step: int) -> None:
        """Remove checkpoints later than ``step``: the run is about to be taken up from there."""
        for name in self.names():
            if _step_of(name) > step:
                self._remove(name)
        with disk_errors(self.path):
            for leftover in [*self.path.glob(".*.tmp"), *self.path.glob("step-*.safetensors")]:
                if leftover.suffix == ".tmp" or leftover.stem not in self.names():
                    leftover.unlink(missing_ok=True)
        if name := self.latest():
            write_text(self.path / "latest", name + "\n")

    def _notes(self, name: str) -> Path:
        return self.path / f"{name}.json"

    def _read(self, name: str) -> StoredTensors:
        return read_tensors(self.file(name), notes=self._notes(name), form=FORMAT, version=VERSION)

    def _good_before(self, name: str) -> str | None:
        for earlier in reversed([other for other in self.names() if _step_of(other) < _step_of(name)]):
            try:
                self._read(earlier)
            except CheckpointError:
                continue
            return earlier
        return None

    def _remove(self, name: str) -> None:
        with disk_errors(self.path):
            self._notes(name).unlink(missing_ok=True)  # first, so that no half of a pair counts
            self.file(name).unlink(missing_ok=True)


def _step_of(name: str) -> int:
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else -1


def _facts_of(state: TrainState) -> dict[str, Any]:
    """Return the numbers and text of a state; those of starts only where there are several."""
    facts: dict[str, Any] = {
        "step": state.step,
        "wall_seconds": state.elapsed(),
        "torch": torch.__version__,
    }
    here, starts = state.snapshot(), state.starts
    facts |= {"sampler": here.sampler, "seed": here.seed}
    if state.data:
        facts["data"] = state.data
    if starts.current or starts.outcomes:
        facts["starts"] = {
            "current": starts.current,
            "outcomes": [asdict(outcome) for outcome in starts.outcomes],
        }
    if starts.kept is not None:
        facts["kept"] = {"sampler": starts.kept.sampler, "seed": starts.kept.seed}
    return facts


def _tensors_of(state: TrainState) -> dict[str, Tensor]:
    tensors, starts = dict(state.snapshot().tensors), state.starts
    if starts.kept is not None:
        tensors |= {f"{_KEPT}{name}": value for name, value in starts.kept.tensors.items()}
    if starts.total is not None:
        tensors[_TOTAL] = starts.total
    return tensors


def _restore(state: TrainState, stored: StoredTensors) -> None:
    tensors, facts = dict(stored.tensors), stored.facts
    if facts.get("data", state.data) != state.data:  # checkpoints written before data had a digest name none
        raise DataError(
            "expected the data that this run was trained on so far; examples or labels have changed since. Put them "
            "back, or start a new run with infot train."
        )
    total = tensors.pop(_TOTAL, None)
    kept = {name.removeprefix(_KEPT): tensors.pop(name) for name in [*tensors] if name.startswith(_KEPT)}
    try:
        state.restore(Snapshot(tensors, facts["sampler"], int(facts.get("seed", state.streams.seed))))
        state.step = int(facts["step"])
        state.wall_seconds = float(facts["wall_seconds"])
        starts = facts.get("starts", {"current": 0, "outcomes": []})
        state.starts = Starts(
            current=int(starts["current"]),
            outcomes=[Outcome(**outcome) for outcome in starts["outcomes"]],
            total=None if total is None else total.to(state.device),
            kept=Snapshot(kept, facts["kept"]["sampler"], int(facts["kept"]["seed"])) if kept else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the checkpoint does not fit this run: {error}") from error
