"""The folder of a saved model: its files, where one is found, and what one may replace."""

from pathlib import Path

from infot.atomic import disk_errors
from infot.errors import CheckpointError, RunFolderError

__all__ = ["CARD", "FACTS", "WEIGHTS", "check_takes_model", "find_model"]

WEIGHTS = "weights.safetensors"
FACTS = "config.json"
CARD = "README.md"


def find_model(folder: Path) -> Path:
    """Return the folder of the model that ``folder`` is, or that it holds as a run.

    Raises:
        CheckpointError: If there is none.
    """
    for candidate in (folder, folder / "model"):
        if (candidate / FACTS).exists():
            return candidate
    raise CheckpointError(f"there is no model in {folder}: expected {FACTS} and {WEIGHTS}, or a finished run")


def check_takes_model(folder: Path) -> None:
    """Make sure that a model written in place of ``folder`` replaces nothing but another model.

    Raises:
        RunFolderError: If it would, or if the folder has no name.
    """
    if not folder.name:
        raise RunFolderError(f"a model needs a folder of its own, got {str(folder)!r}: give it a name")
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder} is a file; a model needs a folder: choose another one")
    with disk_errors(folder):
        held = {file.name for file in folder.iterdir()} if folder.is_dir() else set[str]()
    foreign = sorted(held - {WEIGHTS, FACTS, CARD}) or sorted(held if WEIGHTS not in held else ())
    if foreign:
        raise RunFolderError(
            f"{folder} holds {foreign[0]}, which is no part of a model and would be lost: choose another folder"
        )
