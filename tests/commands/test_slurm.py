"""Runs that go through submitit: here its executor on this machine stands in for the cluster."""

import json
import os
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import submitit

from infot.commands.jobs import Job, run_jobs
from infot.commands.slurm import Submitter, slurm_launcher
from infot.config_file import preset_config
from infot.errors import ConfigError
from infot.methods import with_method


@pytest.fixture
def executor(tmp_path: Path) -> Any:
    local = submitit.LocalExecutor(folder=tmp_path / "submitit")
    local.update_parameters(timeout_min=2)
    return local


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put commands of Slurm on the path that do nothing."""
    for name in ("sbatch", "srun"):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text("#!/bin/sh\nexit 1\n")
        command.chmod(command.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")


def test_a_job_tells_its_exit_code_and_adds_to_the_log(tmp_path: Path, executor: Any) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    script = "import os; print('threads', os.environ['OMP_NUM_THREADS']); raise SystemExit(3)"
    run = Submitter(executor)([sys.executable, "-c", script], log, {"OMP_NUM_THREADS": "5"})
    assert run.wait() == 3
    assert log.read_text() == "before\nthreads 5\n"


def test_a_job_that_is_cancelled_counts_as_interrupted(tmp_path: Path, executor: Any) -> None:
    run = Submitter(executor)([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", {})
    start = time.monotonic()
    run.terminate()
    assert run.wait() == 130
    assert time.monotonic() - start < 30


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
    run_jobs([job], at_once=1, threads=1, launch=Submitter(executor))
    assert job.done()
    assert json.loads((job.folder.path / "summary.json").read_text())["steps"] == 2


@pytest.mark.usefixtures("cluster")
def test_parameters_reach_sbatch(tmp_path: Path) -> None:
    launcher = slurm_launcher("partition=cpu, time=60,mem=4GB", tmp_path / "slurm", threads=3)
    found = launcher._executor.parameters
    assert (found["partition"], found["time"], found["mem"], found["cpus_per_task"]) == ("cpu", 60, "4GB", 3)


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("partition", "expected name=value"),
        ("=3", "expected name=value"),
        ("colour=red", "--slurm: .*colour"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(tmp_path: Path, options: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        slurm_launcher(options, tmp_path / "slurm", threads=1)


def test_without_slurm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no sbatch"):
        slurm_launcher("", tmp_path / "slurm", threads=1)


def test_without_submitit_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"pip install 'infot\[slurm\]'"):
        slurm_launcher("", tmp_path / "slurm", threads=1)
