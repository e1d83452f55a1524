"""Tensors on disk: a safetensors file, and beside it a JSON file with its digest, numbers and text."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from infot.atomic import write_bytes, write_text
from infot.errors import CheckpointError

__all__ = ["StoredTensors", "load_weights", "read_tensors", "write_tensors"]

Facts = dict[str, Any]


@dataclass(frozen=True)
class StoredTensors:
    """What :func:`read_tensors` found: the tensors, and the numbers and text stored with them."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], facts: Facts, *, notes: Path, advice: str = ""
) -> None:
    """Write ``path`` (.safetensors) and, last, ``notes`` (.json) with ``facts`` and the SHA-256 of the tensors.

    Args:
        path: The tensor file.
        tensors: Any tensors; shared memory is stored twice.
        facts: Numbers and text, with a ``format`` and a ``version``.
        notes: The JSON file.
        advice: What to do when the disk refuses, beyond the obvious.

    Raises:
        RunFolderError: If the disk refuses; neither file is then left half-written.
    """
    content = save_tensors(
        {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    )
    write_bytes(path, content, advice=advice)
    facts = {**facts, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    write_text(notes, json.dumps(facts, indent=2) + "\n", advice=advice)


def read_tensors(path: Path, *, notes: Path, form: str, version: int) -> StoredTensors:
    """Read what :func:`write_tensors` wrote; nothing is ever unpickled.

    Args:
        path: The tensor file.
        notes: Its JSON file.
        form: Value that the JSON's ``format`` must have.
        version: Newest ``version`` understood.

    Raises:
        CheckpointError: If a file is missing, truncated, altered, or made by something else.
    """
    try:
        facts = json.loads(notes.read_text())
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is incomplete: {error.filename} is missing") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{notes} cannot be read: {error}") from error
    if not isinstance(facts, dict) or facts.get("format") != form:
        raise CheckpointError(f"{path} was not made by infot: expected the format {form!r} in {notes.name}")
    if not isinstance(facts.get("version"), int) or facts["version"] > version:
        raise CheckpointError(
            f"{path} has version {facts.get('version')}, this infot reads up to {version}: update it"
        )
    if facts.get("bytes") != len(content):
        raise CheckpointError(
            f"{path} is truncated: expected {facts.get('bytes')} bytes, found {len(content)}"
        )
    if facts.get("sha256") != hashlib.sha256(content).hexdigest():
        raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one noted when it was written")
    try:
        return StoredTensors(load_tensors(content), facts)
    except SafetensorError as error:
        raise CheckpointError(f"{path} holds no tensors: {error}") from error


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy stored tensors into a module that must have the same names and shapes.

    Raises:
        CheckpointError: If they belong to another model.
    """
    expected = module.state_dict()
    wrong = sorted(
        name
        for name in expected.keys() | tensors.keys()
        if name not in expected or name not in tensors or expected[name].shape != tensors[name].shape
    )
    if wrong:
        raise CheckpointError(
            f"the stored weights belong to another model: {len(wrong)} tensors differ in name or shape, "
            f"first {wrong[0]}"
        )
    module.load_state_dict(tensors)
