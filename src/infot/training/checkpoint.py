"""Checkpoints: the whole state of a run as tensors, numbers and text, written whole or not at all."""

import re
from pathlib import Path

import torch
from torch import Tensor

from infot.atomic import disk_errors, write_text
from infot.errors import CheckpointError, DataError
from infot.training.state import TrainState
from infot.training.tensorfile import StoredTensors, load_weights, read_tensors, write_tensors

__all__ = ["CheckpointFolder"]

FORMAT = "infot-checkpoint"
VERSION = 1
_NAME = re.compile(r"step-(\d{8,})")


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
        tensors, sampler = _tensors_of(state)
        name = f"step-{state.step:08d}"
        facts = {
            "format": FORMAT,
            "version": VERSION,
            "step": state.step,
            "wall_seconds": state.elapsed(),
            "torch": torch.__version__,
            "sampler": sampler,
        }
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


def _tensors_of(state: TrainState) -> tuple[dict[str, Tensor], dict[str, int]]:
    tensors = {f"nets/{name}": value for name, value in state.nets.state_dict().items()}
    tensors |= {f"ema/{name}": value for name, value in state.ema.state_dict().items()}
    for player, optimiser in state.optimisers.items():
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{player}/{index}/{key}": value for key, value in moments.items()}
    tensors |= {f"streams/{name}": value for name, value in state.streams.state_dict().items()}
    sampler = state.sampler.state_dict()
    tensors |= {f"sampler/{key}": value for key, value in sampler.items() if isinstance(value, Tensor)}
    return tensors, {key: int(value) for key, value in sampler.items() if not isinstance(value, Tensor)}


def _restore(state: TrainState, stored: StoredTensors) -> None:
    groups: dict[str, dict[str, Tensor]] = {
        name: {} for name in ("nets", "ema", "optimiser", "streams", "sampler")
    }
    for key, value in stored.tensors.items():
        kind, _, name = key.partition("/")
        groups.setdefault(kind, {})[name] = value
    load_weights(state.nets, groups["nets"])
    load_weights(state.ema, groups["ema"])
    for player, optimiser in state.optimisers.items():
        _load_moments(optimiser, player, groups["optimiser"])
    try:
        state.streams.load_state_dict(groups["streams"])
        state.sampler.load_state_dict({**groups["sampler"], **stored.facts["sampler"]})
        state.step = int(stored.facts["step"])
        state.wall_seconds = float(stored.facts["wall_seconds"])
    except (KeyError, TypeError, RuntimeError, DataError) as error:
        raise CheckpointError(f"the checkpoint does not fit this run: {error}") from error


def _load_moments(optimiser: torch.optim.Optimizer, player: str, tensors: dict[str, Tensor]) -> None:
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        owner, index, name = key.rsplit("/", 2)
        if owner == player:
            moments.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
