"""Runs of `infot train` as processes of their own, several at a time, each resumable."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infot.atomic import disk_errors, write_text
from infot.commands.messages import tell
from infot.config import RunConfig
from infot.config_file import dump_config, load_config
from infot.errors import ConfigError, DataError, InfotError, NumericalError, RunFolderError
from infot.training import RunFolder

__all__ = ["Job", "Launch", "Running", "launch_here", "run_jobs"]

_ERRORS: dict[int, type[InfotError]] = {2: ConfigError, 3: DataError}


class Running(Protocol):
    """A run under way, here or elsewhere."""

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        ...

    def terminate(self) -> None:
        """Ask it to write a checkpoint and end."""
        ...


Launch = Callable[[Sequence[str], Path, dict[str, str]], Running]
"""(command, log to add its output to, environment variables on top) -> the run."""


def launch_here(command: Sequence[str], log: Path, environment: dict[str, str]) -> Running:
    """Start a process on this machine."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
        )


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        name: Name of its folder.
        config: Its configuration.
        root: Folder of all runs; logs and configurations lie beside them.
    """

    name: str
    config: RunConfig
    root: Path

    @property
    def folder(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(self.root / self.name)

    @property
    def log(self) -> Path:
        """What the run prints."""
        return self.root / "logs" / f"{self.name}.log"

    def check(self) -> None:
        """Make sure that what lies in the folder is this run.

        Raises:
            RunFolderError: If it is a run of other settings.
        """
        if self.folder.config.exists() and load_config(self.folder.config) != self.config:
            raise RunFolderError(
                f"{self.folder.path} holds a run of other settings: choose another --out, or remove it"
            )

    def done(self) -> bool:
        """Return whether there is nothing left to do: the run is finished and evaluated, or diverged."""
        status = self.folder.read_summary().get("status")
        evaluated = (self.folder.path / "evaluation.json").exists()
        return status == "diverged" or (status == "finished" and evaluated)

    def start(self, threads: int, launch: Launch) -> Running:
        """Begin the run, or go on with it, in a process of its own."""
        if self.folder.config.exists():
            command = ["resume", str(self.folder.path)]
        else:
            settings = self.root / "configs" / f"{self.name}.yaml"
            write_text(settings, dump_config(self.config))
            command = ["train", "--config", str(settings), "--run", str(self.folder.path)]
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        with disk_errors(self.log):
            self.log.parent.mkdir(parents=True, exist_ok=True)
            return launch([sys.executable, "-m", "infot", *command], self.log, limits)


def run_jobs(jobs: Sequence[Job], *, at_once: int, threads: int, launch: Launch = launch_here) -> None:
    """Run what is left to do, in order.

    A run that diverges is a result. Interrupted, it waits until the runs in hand have written their checkpoints.

    Args:
        jobs: The runs.
        at_once: How many at a time.
        threads: Threads of each.
        launch: What starts them.

    Raises:
        ConfigError, DataError: If a run cannot be run; the others in hand are finished first.
        KeyboardInterrupt: If interrupted.
    """
    for job in jobs:
        job.check()
    left = [job for job in jobs if not job.done()]
    if len(left) < len(jobs):
        tell(f"{len(jobs) - len(left)} of {len(jobs)} runs are done already")
    hand = _Hand()

    def work(job: Job) -> int:
        run = job.start(threads, launch)
        with hand.holding(run):
            return run.wait()

    with ThreadPoolExecutor(at_once) as pool:
        futures = {pool.submit(work, job): job for job in left}
        try:
            for count, future in enumerate(as_completed(futures), start=1):
                tell(
                    f"[{count}/{len(left)}] {futures[future].name}: {_verdict(futures[future], future.result())}"
                )
        except BaseException:
            _stop(futures, hand)
            raise


class _Hand:
    """The runs in hand; one that is still being started when they are asked to end is asked once it is there."""

    def __init__(self) -> None:
        self._lock, self._runs, self._ending = threading.Lock(), list[Running](), False

    @contextlib.contextmanager
    def holding(self, run: Running) -> Iterator[None]:
        with self._lock:
            self._runs.append(run)
            late = self._ending
        if late:
            _terminate(run)
        try:
            yield
        finally:
            with self._lock:
                self._runs.remove(run)

    def terminate(self) -> None:
        with self._lock:
            self._ending, runs = True, list(self._runs)
        for run in runs:
            _terminate(run)


def _terminate(run: Running) -> None:
    with contextlib.suppress(ProcessLookupError):
        run.terminate()


def _stop(futures: dict["Future[int]", Job], hand: _Hand) -> None:
    """Start nothing more, and ask what is running to write a checkpoint and end."""
    for future in futures:
        future.cancel()
    hand.terminate()
    for future in futures:
        with contextlib.suppress(CancelledError, InfotError):  # what came first is what is told
            future.result()


def _verdict(job: Job, code: int) -> str:
    """Say how a run ended; raise what keeps the others from running too."""
    if code == 0:
        seconds = job.folder.read_summary().get("wall_seconds", 0.0)
        return f"finished in {seconds:.0f} s"
    if code == NumericalError.exit_code:
        return "diverged"
    if code == 130:
        raise KeyboardInterrupt
    said = _last_line(job.log).removeprefix("infot: ")
    raise _ERRORS.get(code, RunFolderError)(f"{job.name} ended with code {code}: {said}")


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing in its log"
