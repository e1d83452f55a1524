"""Runs as jobs of a Slurm cluster, by way of submitit."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from infot.commands.jobs import launch_here
from infot.errors import ConfigError

__all__ = ["Submitter", "execute", "how_it_ended", "slurm_launcher"]

INTERRUPTED = 130
FAILED = 1
POLL_SECONDS = 15.0
HURRIED_SECONDS = 2.0
COMMANDS = ("sbatch", "srun", "squeue", "scancel")
COMPLETED = "COMPLETED"
ENDED = {
    *(COMPLETED, "FAILED", "CANCELLED", "TIMEOUT", "DEADLINE"),
    *("OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED"),
}

Ending = Callable[[str], str | None]
"""number of a job -> how it ended; None while it goes on."""


def execute(command: Sequence[str], log: Path, environment: dict[str, str]) -> int:
    """Run a command where the job has landed, its output added to ``log``; return its exit code."""
    return launch_here(command, log, environment).wait()


def how_it_ended(number: str) -> str | None:
    """Ask squeue, which needs no accounting, how a job ended; None while it goes on or the cluster does not answer."""
    command = ["squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={number}"]
    answer = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, start_new_session=True
    )
    state = answer.stdout.strip()
    if "Invalid job id" in answer.stderr or (answer.returncode == 0 and not state):
        return "no longer in the queue"
    return state if state in ENDED else None


class Submitted:
    """A run that was handed to the cluster, with the two methods of a process that its owner needs."""

    def __init__(self, job: Any, log: Path, ending: Ending) -> None:
        self._job, self._log, self._ending, self._cancelled = job, log, ending, False

    def wait(self) -> int:
        """Wait until the cluster is through with it, and return its exit code.

        A job that ended otherwise (cancelled by others, out of time or memory) leaves what the cluster says in the log.
        """
        code = self._result()
        if self._cancelled:
            return INTERRUPTED if code is None else code
        if code is None or code == INTERRUPTED or code < 0:
            state = self._state()
            if code is None or state != COMPLETED:
                self._note(state)
                return FAILED
        return code

    def terminate(self) -> None:
        """Ask the cluster to end it; it gets SIGTERM, upon which training writes a checkpoint."""
        self._cancelled = True
        self._job.cancel(check=False)

    def _result(self) -> int | None:
        """Wait for the exit code; None if the job ended without one.

        A file system may show the result later than the cluster says that the job is over: hence the second look.
        """
        from submitit.core.utils import UncompletedJobError

        file, asked, over = self._job.paths.result_pickle, time.monotonic(), False
        # network file systems keep the list of a folder fresher than what exists() tells
        while file.name not in os.listdir(file.parent):
            if time.monotonic() - asked > (HURRIED_SECONDS if self._cancelled else POLL_SECONDS):
                if over:
                    return None
                over, asked = self._ending(self._job.job_id) is not None, time.monotonic()
            time.sleep(1)
        try:
            return int(self._job.result())
        except UncompletedJobError:
            return None

    def _state(self) -> str:
        """Return how it ended; a job whose command is over is so itself within moments."""
        for _ in range(30):
            if state := self._ending(self._job.job_id):
                return state
            time.sleep(HURRIED_SECONDS)
        return "in a state that squeue does not tell"

    def _note(self, state: str) -> None:
        with self._log.open("a", encoding="utf-8") as stream:
            stream.write(
                f"the cluster ended job {self._job.job_id}: {state}, see {self._job.paths.stderr}; "
                "the same command goes on from the last checkpoint\n"
            )


class Submitter:
    """Start runs as jobs of a submitit executor.

    Args:
        executor: Where the jobs go.
        ending: How a job of that executor ended.
    """

    def __init__(self, executor: Any, ending: Ending = how_it_ended) -> None:
        self._executor, self._ending = executor, ending

    def __call__(self, command: Sequence[str], log: Path, environment: dict[str, str]) -> Submitted:
        """Submit a command.

        Raises:
            ConfigError: If the cluster does not take it.
        """
        from submitit.core.utils import FailedJobError

        try:
            job = self._executor.submit(execute, list(command), log.absolute(), environment)
        except FailedJobError as error:
            raise ConfigError(_refusal(str(error))) from error
        return Submitted(job, log, self._ending)


def slurm_launcher(options: str, folder: Path, *, threads: int) -> Submitter:
    """Return what starts runs as Slurm jobs.

    Args:
        options: Parameters of sbatch, ``name=value`` with commas between, e.g. ``partition=cpu,time=60``; time in
            minutes. Empty: the cluster's defaults.
        folder: Where submitit keeps the jobs' files; the nodes of the cluster must see it.
        threads: Cores of a job.

    Raises:
        ConfigError: If submitit or Slurm is not there, or sbatch has no such parameter or would not take such a job.
    """
    submitit = _submitit()
    if missing := [name for name in COMMANDS if shutil.which(name) is None]:
        raise ConfigError(
            f"--slurm: there is no {' and '.join(missing)} here; run this where jobs of the cluster are submitted"
        )
    parameters = {"job_name": "infot", "cpus_per_task": threads} | _parameters(options)
    executor = submitit.SlurmExecutor(folder=folder)
    known = executor._valid_parameters() - {"additional_parameters", "srun_args"}
    if unknown := [name for name in parameters if name not in known]:
        raise ConfigError(f"--slurm: no parameter {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    executor.update_parameters(
        **parameters,
        srun_args=[f"--cpus-per-task={parameters['cpus_per_task']}"],  # not taken from sbatch since 22.05
        additional_parameters={
            "signal": "CONT@1",  # submitit's own warning would end training before it can write a checkpoint
            "no-requeue": True,  # the command of a run that has begun is another one
        },
    )
    _try(executor)
    return Submitter(executor)


def _try(executor: Any) -> None:
    """Let sbatch say whether it would take such a job, before anything is written."""
    answer = subprocess.run(
        ["sbatch", "--test-only"],
        input=executor._make_submission_file_text("true", ""),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise ConfigError(_refusal(answer.stderr))


def _refusal(said: str) -> str:
    """Make one line of what sbatch says.

    >>> _refusal("sbatch: error: invalid partition specified: x\\nallocation failure: Invalid partition name\\n")
    '--slurm: sbatch refuses the job: invalid partition specified: x; Invalid partition name'
    """
    lines = [line.removeprefix("sbatch: ").removeprefix("error: ") for line in said.strip().splitlines()]
    reasons = [line.removeprefix("allocation failure: ") for line in lines]
    return f"--slurm: sbatch refuses the job: {'; '.join(reasons) or 'without a reason'}"


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
