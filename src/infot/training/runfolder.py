"""The folder of a run: one writer at a time, and never a run on top of another."""

import json
import sys
from pathlib import Path
from typing import IO, Any

from infot.atomic import disk_errors, write_text
from infot.errors import RunFolderError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["RunFolder", "next_run_path"]

_MARKS = ("config.yaml", "metrics.jsonl", "summary.json", "checkpoints", "model")


class RunFolder:
    """Paths inside a run folder, and the lock that keeps a second process out.

    Args:
        path: The folder.

    Example:
        >>> RunFolder(Path("runs/ring8-0")).metrics.as_posix()
        'runs/ring8-0/metrics.jsonl'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def summary(self) -> Path:
        """How the run ended."""
        return self.path / "summary.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """Folder of the trained model."""
        return self.path / "model"

    @property
    def samples(self) -> Path:
        """Folder of the sample grids."""
        return self.path / "samples"

    def holds_run(self) -> bool:
        """Return whether a run has been started here."""
        return any((self.path / mark).exists() for mark in _MARKS)

    def check_free(self) -> None:
        """Make sure that a new run may start here.

        Raises:
            RunFolderError: If the folder holds a run or anything else.
        """
        if self.holds_run():
            raise RunFolderError(
                f"{self.path} already holds a run: choose another --run, or go on with: infot resume {self.path}"
            )
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{self.path} is a file; a run needs a folder: choose another --run")
        if self.path.is_dir() and any(file.name != ".lock" for file in self.path.iterdir()):
            raise RunFolderError(f"{self.path} is not empty and holds no run: choose another --run")

    def create(self) -> None:
        """Make the folder for a new run and lock it.

        Raises:
            RunFolderError: If it is taken or cannot be written.
        """
        self.check_free()
        with disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        self.lock()
        try:
            self.check_free()  # another process may have begun between the check and the lock
        except RunFolderError:
            self.release()
            raise

    def open(self) -> None:
        """Lock the folder of an existing run.

        Raises:
            RunFolderError: If it holds no run.
        """
        self.check_holds_run()
        self.lock()

    def check_holds_run(self) -> None:
        """Make sure that there is a run here.

        Raises:
            RunFolderError: If there is none.
        """
        if not self.path.is_dir():
            raise RunFolderError(
                f"there is no run folder {self.path}: expected the folder that infot train printed"
            )
        if not self.config.exists():
            raise RunFolderError(
                f"{self.path} holds no run: expected config.yaml in it; start one with infot train"
            )

    def lock(self) -> None:
        """Keep other processes from writing here; the lock goes when this process ends, however it ends.

        Raises:
            RunFolderError: If another process holds it.
        """
        with disk_errors(self.path):
            handle = (self.path / ".lock").open("a")
        if not _try_lock(handle):
            handle.close()
            raise RunFolderError(
                f"{self.path} is in use by another infot process: wait for it, or choose another --run"
            )
        self._lock = handle

    def release(self) -> None:
        """Let others in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def write_summary(self, facts: dict[str, Any]) -> None:
        """Write ``summary.json`` whole."""
        write_text(self.summary, json.dumps(facts, indent=2) + "\n")

    def read_summary(self) -> dict[str, Any]:
        """Return ``summary.json``, or nothing where the run was killed before it wrote one."""
        try:
            facts = json.loads(self.summary.read_text())
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}


def next_run_path(parent: Path, preset: str, seed: int) -> Path:
    """Return ``parent/preset-seed``, with ``-2``, ``-3`` … appended while that folder is taken."""
    base = parent / f"{preset}-{seed}"
    candidate, number = base, 1
    while candidate.exists():
        number += 1
        candidate = base.with_name(f"{base.name}-{number}")
    return candidate


def _try_lock(handle: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
