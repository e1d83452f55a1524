"""Runs as jobs of a Slurm cluster, by way of submitit."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from infot.commands.jobs import launch_here
from infot.errors import ConfigError

__all__ = ["Submitter", "execute", "slurm_launcher"]

INTERRUPTED = 130
FAILED = 1


def execute(command: Sequence[str], log: Path, environment: dict[str, str]) -> int:
    """Run a command where the job has landed, its output added to ``log``; return its exit code."""
    return launch_here(command, log, environment).wait()


class Submitted:
    """A run that was handed to the cluster, with the two methods of a process that its owner needs."""

    def __init__(self, job: Any, log: Path) -> None:
        self._job, self._log, self._cancelled = job, log, False

    def wait(self) -> int:
        """Wait until the cluster is through with it, and return its exit code.

        A job that ended without a result (cancelled, out of time or memory) leaves what the cluster said in the log.
        """
        from submitit.core.utils import FailedJobError, UncompletedJobError

        try:
            return int(self._job.result())
        except (FailedJobError, UncompletedJobError) as error:
            if self._cancelled:
                return INTERRUPTED
            with self._log.open("a", encoding="utf-8") as stream:
                stream.write(f"{error}\n".replace("\n", " ").strip() + "\n")
            return FAILED

    def terminate(self) -> None:
        """Ask the cluster to end it; it gets SIGTERM, upon which training writes a checkpoint."""
        self._cancelled = True
        self._job.cancel(check=False)


class Submitter:
    """Start runs as jobs of a submitit executor.

    Args:
        executor: Where the jobs go.
    """

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def __call__(self, command: Sequence[str], log: Path, environment: dict[str, str]) -> Submitted:
        """Submit a command."""
        return Submitted(self._executor.submit(execute, list(command), log.absolute(), environment), log)


def slurm_launcher(options: str, folder: Path, *, threads: int) -> Submitter:
    """Return what starts runs as Slurm jobs.

    Args:
        options: Parameters of sbatch, ``name=value`` with commas between, e.g. ``partition=cpu,time=60``; time in
            minutes. Empty: the cluster's defaults.
        folder: Where submitit keeps the jobs' files; the nodes of the cluster must see it.
        threads: Cores of a job.

    Raises:
        ConfigError: If submitit or Slurm is not there, or sbatch has no such parameter.
    """
    submitit = _submitit()
    if shutil.which("sbatch") is None or shutil.which("srun") is None:
        raise ConfigError(
            "--slurm: there is no sbatch and srun here; run this where jobs of the cluster are submitted"
        )
    executor = submitit.SlurmExecutor(folder=folder)
    try:
        executor.update_parameters(job_name="infot", cpus_per_task=threads, **_parameters(options))
    except ValueError as error:
        raise ConfigError(f"--slurm: {error}") from error
    return Submitter(executor)


def _submitit() -> ModuleType:
    try:
        import submitit
    except ImportError as error:
        raise ConfigError("--slurm needs submitit: pip install 'infot[slurm]'") from error
    return submitit


def _parameters(options: str) -> dict[str, str | int]:
    """Read ``name=value,...``; whole numbers become integers.

    >>> _parameters("partition=cpu, time=60")
    {'partition': 'cpu', 'time': 60}
    """
    parameters: dict[str, str | int] = {}
    for option in filter(None, (part.strip() for part in options.split(","))):
        name, equals, value = (part.strip() for part in option.partition("="))
        if not (name and equals and value):
            raise ConfigError(f"--slurm: expected name=value, with commas between, got {option!r}")
        parameters[name] = int(value) if value.isdigit() else value
    return parameters
