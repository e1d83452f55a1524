import errno
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from infot.config_file import load_config
from infot.training import CheckpointFolder

from .conftest import OPTIONS, Invoke, small_config, start


def test_a_run_folder_holds_what_the_contract_says(finished_run: Path, points: Path) -> None:
    assert {file.name for file in finished_run.iterdir()} == {
        ".lock", "config.yaml", "metrics.jsonl", "summary.json", "evaluation.json", "evaluation.npz", "checkpoints",
        "model",
    }  # fmt: skip
    assert load_config(finished_run / "config.yaml") == small_config(points)
    summary = json.loads((finished_run / "summary.json").read_text())
    assert summary.pop("wall_seconds") > 0
    assert summary.pop("metrics").keys() >= {"plan_information", "w2"}
    assert summary == {
        "version": "0.1.0", "preset": "custom", "method": "structured", "seed": 0, "steps": 12, "device": "cpu",
        "status": "finished", "checkpoint": "step-00000012",
    }  # fmt: skip
    lines = [json.loads(line) for line in (finished_run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 4, 6, 8, 10, 12]
    assert lines[0].keys() >= {
        "loss",
        "plan_information",
        "noise_information",
        "marginal_error",
        "solver_steps",
    }
    assert {file.name for file in (finished_run / "model").iterdir()} == {
        "weights.safetensors", "config.json", "README.md",
    }  # fmt: skip


def test_an_image_run_has_sample_grids(finished_images: Path) -> None:
    assert [file.name for file in (finished_images / "samples").iterdir()] == ["step-00000007.png"]
    card = (finished_images / "model" / "README.md").read_text()
    assert "| data | digits, shape 1 x 8 x 8 |" in card
    assert "| accuracy | " in card


def test_the_config_of_a_run_repeats_it(tmp_path: Path, infot: Invoke, finished_run: Path) -> None:
    assert infot("train", "--config", finished_run / "config.yaml", "--run", tmp_path / "again") == 0
    first, second = (
        load_file(run / "checkpoints" / "step-00000012.safetensors")
        for run in (finished_run, tmp_path / "again")
    )
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_a_run_folder_in_the_way_is_refused_and_left_alone(
    infot: Invoke, finished_run: Path, points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in finished_run.iterdir()}
    assert infot("train", "custom", "--data", points, *OPTIONS, "--run", finished_run) == 2
    assert "already holds a run: choose another --run, or go on with: infot resume" in capsys.readouterr().err
    assert {file.name: file.stat().st_mtime_ns for file in finished_run.iterdir()} == before


def test_a_dry_run_does_one_step_and_writes_nothing(
    tmp_path: Path,
    infot: Invoke,
    points: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert infot("train", "custom", "--data", points, *OPTIONS, "--dry-run") == 0
    printed = capsys.readouterr().out
    assert (
        "160 vectors of 2 to train on, 40 held out; configuration and data are fine, one step was done"
        in printed
    )
    assert list(tmp_path.iterdir()) == []


def test_without_run_the_folder_is_named_and_numbered(
    tmp_path: Path, infot: Invoke, points: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert infot("train", "custom", "--data", points, *OPTIONS, "--steps", 1, "--seed", 3) == 0
    assert sorted(folder.name for folder in (tmp_path / "runs").iterdir()) == ["custom-3", "custom-3-2"]


def test_the_time_limit_ends_a_run_that_can_go_on(
    tmp_path: Path, infot: Invoke, points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    options = ["--steps", 10**6, "--max-minutes", 0.2 / 60]
    assert infot("train", "custom", "--data", points, *OPTIONS, *options, "--run", run) == 0
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["status"], summary["stopped_by"]) == ("finished", "max_minutes")
    assert 0 < summary["steps"] < 10**6
    assert (
        f"time is up at step {summary['steps']} of 1000000; go on with: infot resume {run}"
        in capsys.readouterr().err
    )
    assert (run / "model").is_dir()
    assert infot("resume", run, "--max-minutes", 0.1 / 60) == 0
    assert json.loads((run / "summary.json").read_text())["steps"] > summary["steps"]


@pytest.fixture
def deadline() -> Iterator[None]:
    """Fail a test that hangs."""

    def ring(number: int, frame: object) -> None:
        raise TimeoutError("the command hangs")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("rate", ["1e6", "1e18", "1e30"])
def test_divergence_ends_with_code_4_and_names_step_tensor_and_checkpoint(
    tmp_path: Path,
    infot: Invoke,
    points: Path,
    capsys: pytest.CaptureFixture[str],
    deadline: None,
    rate: str,
) -> None:
    run = tmp_path / "run"
    extreme = ["--training.learning-rate", rate, "--training.checkpoint-every", 1]
    assert infot("train", "custom", "--data", points, *OPTIONS, *extreme, "--run", run) == 4
    message = capsys.readouterr().err.splitlines()[-1]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "diverged"
    good = f"step-{summary['steps']:08d}"
    assert f"training diverged at step {summary['steps'] + 1}: " in message
    assert "loss is not finite (player generator)" in message or "expected finite costs" in message
    assert f"the last good checkpoint is {run / 'checkpoints' / good}.safetensors" in message
    assert summary["error"] in message
    stored = load_file(run / "checkpoints" / f"{good}.safetensors")
    assert all(bool(torch.isfinite(value).all()) for value in stored.values() if value.is_floating_point())
    assert not (run / "model").exists()


def test_a_disk_that_fills_up_leaves_a_run_to_resume(
    tmp_path: Path,
    infot: Invoke,
    points: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    real = os.fsync

    def full(descriptor: int) -> None:
        if (run / "checkpoints" / "step-00000006.json").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert infot("train", "custom", "--data", points, *OPTIONS, "--steps", 12, "--run", run) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "the disk is full; free some space" in message
    assert "infot resume" in message
    assert not list(run.rglob("*.tmp"))
    assert infot("resume", run) == 0
    assert json.loads((run / "summary.json").read_text())["steps"] == 12


def test_a_run_folder_that_cannot_be_made(
    tmp_path: Path, infot: Invoke, points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert infot("train", "custom", "--data", points, *OPTIONS, "--run", tmp_path / "file" / "run") == 2
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((50, 2), np.nan), "nan"),
        (np.array([["a", "b"]] * 50), ""),
        (np.zeros((0, 2)), ""),
        (np.eye(2), "different data to train on; of 1, where 1 are held out, all are the same"),
    ],
)
def test_bad_data_gets_code_3_and_no_run_folder(
    tmp_path: Path, infot: Invoke, capsys: pytest.CaptureFixture[str], values: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "bad.npy", values)
    run = tmp_path / "run"
    assert infot("train", "custom", "--data", tmp_path / "bad.npy", "--run", run) == 3
    printed = capsys.readouterr().err
    assert "bad.npy" in printed
    assert message in printed.lower()
    assert not run.exists()


def test_a_batch_may_be_larger_than_the_data(tmp_path: Path, infot: Invoke, points: Path) -> None:
    run = tmp_path / "run"
    assert (
        infot("train", "custom", "--data", points, "--training.batch-size", 161, "--steps", 2, "--run", run)
        == 0
    )


def test_a_device_that_is_absent_gets_code_2(
    tmp_path: Path,
    infot: Invoke,
    points: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert infot("train", "custom", "--data", points, *OPTIONS[:-2], "--device", "cuda:7", "--dry-run") == 2
    assert (
        "cuda:7 was asked for, but torch sees 1 CUDA devices; use --device cpu or auto"
        in capsys.readouterr().err
    )


def test_the_users_own_images_train_with_no_change_of_code(tmp_path: Path, infot: Invoke) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(40):
        picture = np.zeros((8, 8), np.uint8)
        picture[:, 4 * (k % 2) : 4 * (k % 2) + 4] = 200 + rng.integers(50)
        Image.fromarray(picture).save(folder / f"{k}.png")
    run = tmp_path / "run"
    options = ["--latent.categorical", 2, "--training.batch-size", 16, "--model.width", 8, "--steps", 3]
    assert infot("train", "digits", "--data", folder, *options, "--device", "cpu", "--run", run) == 0
    for arguments in (
        ["encode", run, "--data", folder, "--out", tmp_path / "codes.csv"],
        ["sample", run, "--n", 4, "--code", 1, "--out", tmp_path / "samples.png"],
    ):
        process = start(*arguments)
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
    with Image.open(tmp_path / "samples.png") as picture:
        assert picture.size == (4 * 34 - 2, 32) or picture.size == (8 * 34 - 2, 32)
    rows = (tmp_path / "codes.csv").read_text().splitlines()
    assert rows[0] == "name,code,p0,p1"
    assert len(rows) == 41


def test_images_under_the_preset_for_vectors_get_a_hint(
    tmp_path: Path, infot: Invoke, points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images.npy"
    np.save(images, np.random.default_rng(0).integers(256, size=(50, 8, 8), dtype=np.uint8))
    hint = f"these are images; a preset for images fits them better: infot train mnist5k --data {images}"
    assert infot("train", "custom", "--data", images, *OPTIONS, "--dry-run") == 0
    assert hint in capsys.readouterr().err
    options = ["--data", images, *OPTIONS, "--steps", 1]
    assert infot("train", "custom", *options, "--run", tmp_path / "run") == 0
    assert hint in capsys.readouterr().err
    assert infot("train", "custom", "--data.name", "digits", *OPTIONS, "--dry-run") == 0
    assert "infot train mnist5k --data.name digits\n" in capsys.readouterr().err
    assert infot("train", "custom", "--data", points, *OPTIONS, "--dry-run") == 0
    assert "these are images" not in capsys.readouterr().err


def test_checkpoints_beyond_the_newest_are_dropped(finished_run: Path) -> None:
    assert CheckpointFolder(finished_run / "checkpoints").names() == ["step-00000009", "step-00000012"]
