"""Runs that go through submitit: here its executor on this machine stands in for the cluster."""

import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import submitit

from infot.commands import slurm
from infot.commands.jobs import Job, run_jobs
from infot.commands.slurm import Submitter, how_it_ended, slurm_launcher
from infot.config_file import preset_config
from infot.errors import ConfigError
from infot.methods import with_method

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


class Executor(submitit.LocalExecutor):
    """Keeps its jobs, so that their processes can be waited for."""

    def submit(self, *arguments: Any, **options: Any) -> Any:
        self.jobs = [*getattr(self, "jobs", []), super().submit(*arguments, **options)]
        return self.jobs[-1]


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[Any]:
    local = Executor(folder=tmp_path / "submitit")
    local.update_parameters(timeout_min=2)
    yield local
    for job in local.jobs:
        job._process.wait(60)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return what puts a command on the path, made of a script."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, script: str) -> None:
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IEXEC)

    return put


@pytest.fixture
def cluster(tmp_path: Path, command: Callable[[str, str], None]) -> Path:
    """Put commands of Slurm on the path that accept everything; returns where sbatch keeps what it was told."""
    told = tmp_path / "told"
    command("sbatch", f"cat > {told}")
    for name in ("srun", "squeue", "scancel"):
        command(name, "exit 1")
    return told


def ended(state: str) -> Callable[[str], str | None]:
    """Stand in for squeue: every job has ended in a state."""
    return lambda number: state


def still_running(number: str) -> None:
    """Stand in for squeue: no job has ended."""


def test_a_job_tells_its_exit_code_and_adds_to_the_log(tmp_path: Path, executor: Any) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    script = "import os; print('threads', os.environ['OMP_NUM_THREADS']); raise SystemExit(3)"
    run = Submitter(executor, still_running)([sys.executable, "-c", script], log, {"OMP_NUM_THREADS": "5"})
    assert run.wait() == 3
    assert log.read_text() == "before\nthreads 5\n"


def test_a_job_that_is_cancelled_counts_as_interrupted(tmp_path: Path, executor: Any) -> None:
    run = Submitter(executor, ended("CANCELLED"))(SLEEP, tmp_path / "log", {})
    start = time.monotonic()
    run.terminate()
    assert run.wait() == 130
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("script", ["raise SystemExit(130)", "import os; os.kill(os.getpid(), 15)"])
def test_a_job_that_others_cancel_is_not_a_ctrl_c(tmp_path: Path, executor: Any, script: str) -> None:
    log = tmp_path / "log"
    run = Submitter(executor, ended("TIMEOUT"))([sys.executable, "-c", script], log, {})
    assert run.wait() == 1
    assert re.fullmatch(
        r"the cluster ended job \d+: TIMEOUT, see \S+; the same command goes on from .*\n", log.read_text()
    )


def test_a_job_without_a_result_ends_once_the_cluster_says_so(
    tmp_path: Path, executor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.1)
    log = tmp_path / "log"
    run = Submitter(executor, ended("OUT_OF_MEMORY"))(SLEEP, log, {})
    try:
        assert run.wait() == 1
    finally:
        run.terminate()
    assert "OUT_OF_MEMORY" in log.read_text()


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo RUNNING", None),
        ("echo COMPLETING", None),
        ("echo CANCELLED", "CANCELLED"),
        ("exit 0", "no longer in the queue"),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", "no longer in the queue"),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", None),
    ],
)
def test_squeue_tells_how_a_job_ended(
    command: Callable[[str, str], None], script: str, found: str | None
) -> None:
    command("squeue", script)
    assert how_it_ended("7") == found


def test_runs_of_a_comparison_go_through_the_launcher(tmp_path: Path, executor: Any) -> None:
    data = tmp_path / "points.npy"
    np.save(data, np.random.default_rng(0).normal(size=(60, 2)))
    config = with_method(preset_config("custom"), "nonsaturating")
    config = replace(
        config,
        data=replace(config.data, path=data),
        training=replace(config.training, steps=2, device="cpu"),
    )
    job = Job("custom-nonsaturating-0", config, tmp_path / "runs")
    run_jobs([job], at_once=1, threads=1, launch=Submitter(executor, still_running))
    assert job.done()
    assert json.loads((job.folder.path / "summary.json").read_text())["steps"] == 2


def test_parameters_reach_sbatch(tmp_path: Path, cluster: Path) -> None:
    slurm_launcher("partition=cpu, time=60,mem=4GB", tmp_path / "slurm", threads=3)
    script = cluster.read_text().splitlines()
    for option in ("partition=cpu", "time=60", "mem=4GB", "cpus-per-task=3", "signal=CONT@1", "no-requeue"):
        assert f"#SBATCH --{option}" in script
    assert any(line.startswith("srun ") and "--cpus-per-task=3" in line for line in script)
    assert not (tmp_path / "slurm").exists()


def test_cores_may_be_more_than_threads(tmp_path: Path, cluster: Path) -> None:
    slurm_launcher("cpus_per_task=4, job_name=mine", tmp_path / "slurm", threads=2)
    assert "#SBATCH --cpus-per-task=4" in cluster.read_text()


@pytest.mark.usefixtures("cluster")
def test_a_job_that_sbatch_would_not_take_is_refused_in_a_line(
    tmp_path: Path, command: Callable[[str, str], None]
) -> None:
    command("sbatch", "echo 'sbatch: error: invalid partition specified: cpu' >&2; exit 1")
    with pytest.raises(
        ConfigError, match=r"--slurm: sbatch refuses the job: invalid partition specified: cpu$"
    ):
        slurm_launcher("partition=cpu", tmp_path / "slurm", threads=1)


@pytest.mark.usefixtures("cluster")
def test_a_submission_that_fails_later_is_told_in_a_line(
    tmp_path: Path, command: Callable[[str, str], None]
) -> None:
    launcher = slurm_launcher("", tmp_path / "slurm", threads=1)
    command("sbatch", "echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1")
    with pytest.raises(ConfigError, match=r"--slurm: sbatch refuses the job: QOSMaxSubmitJobPerUserLimit$"):
        launcher(["true"], tmp_path / "log", {})


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("partition", "expected name=value"),
        ("=3", "expected name=value"),
        ("colour=red", "--slurm: no parameter colour; there are account, .* wckey$"),
        ("srun_args=x", "--slurm: no parameter srun_args;"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(tmp_path: Path, options: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        slurm_launcher(options, tmp_path / "slurm", threads=1)


def test_without_slurm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no sbatch and srun and squeue and scancel here"):
        slurm_launcher("", tmp_path / "slurm", threads=1)


def test_without_submitit_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"pip install 'infot\[slurm\]'"):
        slurm_launcher("", tmp_path / "slurm", threads=1)
