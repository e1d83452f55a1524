"""Checkpoints: the whole state of a run as tensors, numbers and text, written whole or not at all."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from infot.errors import CheckpointError, DataError
from infot.training.atomic import disk_errors, write_bytes, write_text
from infot.training.state import TrainState

__all__ = ["CheckpointFolder", "StoredTensors", "read_tensors", "write_tensors"]

FORMAT = "infot-checkpoint"
VERSION = 1
_NAME = re.compile(r"step-(\d{8,})")


@dataclass(frozen=True)
class StoredTensors:
    """What :func:`read_tensors` found: the tensors, and the numbers and text stored with them."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def write_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any], *, advice: str = "") -> None:
    """Write ``path`` (.safetensors) and, last, the JSON beside it with ``facts`` and the SHA-256 of the tensors.

    Raises:
        RunFolderError: If the disk refuses; neither file is then left half-written.
    """
    content = save_tensors({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})
    write_bytes(path, content, advice=advice)
    facts = {**facts, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    write_text(path.with_suffix(".json"), json.dumps(facts, indent=1) + "\n", advice=advice)


def read_tensors(path: Path, *, form: str, version: int) -> StoredTensors:
    """Read what :func:`write_tensors` wrote; nothing is ever unpickled.

    Args:
        path: The .safetensors file.
        form: Value that the JSON's ``format`` must have.
        version: Newest ``version`` understood.

    Raises:
        CheckpointError: If a file is missing, truncated, altered, or made by something else.
    """
    try:
        facts = json.loads(path.with_suffix(".json").read_text())
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is incomplete: {error.filename} is missing") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path.with_suffix('.json')} cannot be read: {error}") from error
    if not isinstance(facts, dict) or facts.get("format") != form:
        raise CheckpointError(f"{path} was not made by infot: expected the format {form!r} in its JSON")
    if not isinstance(facts.get("version"), int) or facts["version"] > version:
        raise CheckpointError(f"{path} has version {facts.get('version')}, this infot reads up to {version}: update it")
    if facts.get("bytes") != len(content):
        raise CheckpointError(f"{path} is truncated: expected {facts.get('bytes')} bytes, found {len(content)}")
    if facts.get("sha256") != hashlib.sha256(content).hexdigest():
        raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one noted when it was written")
    try:
        return StoredTensors(load_tensors(content), facts)
    except SafetensorError as error:
        raise CheckpointError(f"{path} holds no tensors: {error}") from error


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
        write_tensors(self.file(name), tensors, facts, advice=advice)
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
            raise CheckpointError(f"no checkpoint {name or ''} in {self.path}; there are: {known}".replace("  ", " "))
        try:
            stored = read_tensors(self.file(name), form=FORMAT, version=VERSION)
            _restore(state, stored)
        except CheckpointError as error:
            good = self._good_before(name)
            offer = f"go on from the one before with --checkpoint {good}" if good else "no earlier good one is left"
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

    def _good_before(self, name: str) -> str | None:
        for earlier in reversed([other for other in self.names() if _step_of(other) < _step_of(name)]):
            try:
                read_tensors(self.file(earlier), form=FORMAT, version=VERSION)
            except CheckpointError:
                continue
            return earlier
        return None

    def _remove(self, name: str) -> None:
        with disk_errors(self.path):
            self.file(name).with_suffix(".json").unlink(missing_ok=True)  # first, so that no half of a pair counts
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
    groups: dict[str, dict[str, Tensor]] = {name: {} for name in ("nets", "ema", "optimiser", "streams", "sampler")}
    for key, value in stored.tensors.items():
        kind, _, name = key.partition("/")
        groups.setdefault(kind, {})[name] = value
    _load_weights(state.nets, groups["nets"])
    _load_weights(state.ema, groups["ema"])
    for player, optimiser in state.optimisers.items():
        _load_moments(optimiser, player, groups["optimiser"])
    try:
        state.streams.load_state_dict(groups["streams"])
        state.sampler.load_state_dict({**groups["sampler"], **stored.facts["sampler"]})
        state.step = int(stored.facts["step"])
        state.wall_seconds = float(stored.facts["wall_seconds"])
    except (KeyError, TypeError, RuntimeError, DataError) as error:
        raise CheckpointError(f"the checkpoint does not fit this run: {error}") from error


def _load_weights(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    expected = module.state_dict()
    wrong = sorted(
        name
        for name in expected.keys() | tensors.keys()
        if name not in expected or name not in tensors or expected[name].shape != tensors[name].shape
    )
    if wrong:
        raise CheckpointError(
            f"the checkpoint belongs to another model: {len(wrong)} tensors differ in name or shape, first {wrong[0]}"
        )
    module.load_state_dict(tensors)


def _load_moments(optimiser: torch.optim.Optimizer, player: str, tensors: dict[str, Tensor]) -> None:
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        owner, index, name = key.rsplit("/", 2)
        if owner == player:
            moments.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
