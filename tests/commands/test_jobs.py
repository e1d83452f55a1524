import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from infot.commands.jobs import Job, Running, run_jobs
from infot.config_file import preset_config


class Run:
    """A run that goes on until it is asked to end."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def wait(self) -> int:
        assert self.ended.wait(20), "nobody asked it to end"
        return 130

    def terminate(self) -> None:
        assert not self.ended.is_set(), "asked twice"
        self.ended.set()


class Interrupted(Run):
    def wait(self) -> int:
        return 130


def test_a_run_that_is_being_started_when_all_are_stopped_is_stopped_too(tmp_path: Path) -> None:
    config = preset_config("ring8")
    jobs = [Job(f"ring8-{seed}", replace(config, seed=seed), tmp_path / "runs") for seed in range(3)]
    slow, early = Run(), Run()
    stopped = early.ended

    def launch(command: Sequence[str], log: Path, environment: dict[str, str]) -> Running:
        if log.stem == "ring8-0":
            assert stopped.wait(20)  # as sbatch may take its time
            return slow
        return early if log.stem == "ring8-1" else Interrupted()

    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, at_once=3, threads=1, launch=launch)
    assert slow.ended.is_set()
