"""Runs of the real command line, small enough to take a second or two."""

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infot.cli import main
from infot.config import RunConfig
from infot.presets import PRESETS

OPTIONS = (
    "--latent.categorical", "3",
    "--training.batch-size", "32",
    "--model.width", "8",
    "--model.depth", "1",
    "--objective.noise-per-code", "8",
    "--objective.epsilon", "0.2", "0.1",
    "--training.checkpoint-every", "3",
    "--training.log-every", "2",
    "--device", "cpu",
)  # fmt: skip
"""Options that make `infot train custom --data POINTS` cheap."""

Invoke = Callable[..., int]


@pytest.fixture
def infot() -> Invoke:
    """Return the command line as a function of its arguments."""

    def invoke(*arguments: object) -> int:
        return main([str(argument) for argument in arguments])

    return invoke


@pytest.fixture(scope="session")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 200 points in three groups, in units far from standard ones."""
    path = tmp_path_factory.mktemp("data") / "points.npy"
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    np.save(path, 100 + 10 * (centres[rng.integers(3, size=200)] + rng.normal(size=(200, 2)) / 10))
    return path


def small_config(points: Path, **training: object) -> RunConfig:
    """Return the configuration that `infot train custom --data POINTS` makes of ``OPTIONS``."""
    base = PRESETS["custom"]
    settings: Any = {"batch_size": 32, "checkpoint_every": 3, "log_every": 2, "device": "cpu", "steps": 12}
    return dataclasses.replace(
        base,
        data=dataclasses.replace(base.data, path=points),
        latent=dataclasses.replace(base.latent, categorical=(3,)),
        model=dataclasses.replace(base.model, width=8, depth=1),
        objective=dataclasses.replace(base.objective, noise_per_code=8, epsilon=(0.2, 0.1)),
        training=dataclasses.replace(base.training, **(settings | training)),
    )


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory, points: Path) -> Path:
    """Return the folder of a small finished run; tests must not change it."""
    folder = tmp_path_factory.mktemp("runs") / "points"
    assert (
        main(["train", "custom", "--data", str(points), *OPTIONS, "--steps", "12", "--run", str(folder)]) == 0
    )
    return folder


@pytest.fixture(scope="session")
def finished_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small finished run of digits; tests must not change it."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    options = ["--training.batch-size", "32", "--model.width", "16", "--steps", "4", "--device", "cpu"]
    assert main(["train", "digits", *options, "--run", str(folder)]) == 0
    return folder


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    command = [sys.executable, "-m", "infot", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    # Shells have background jobs ignore SIGINT, and their children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
