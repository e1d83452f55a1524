import dataclasses
import json
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from infot.commands.session import train, with_steps
from infot.config_file import dump_config
from infot.methods import with_method
from infot.session import build_session
from infot.training import CheckpointFolder, RunFolder

from .conftest import OPTIONS, Invoke, small_config, start

STEPS = 60
TIMING = {"wall_seconds", "examples_per_second"}  # what may differ between two equal runs


def checkpoint_of(folder: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoints" / f"step-{step:08d}.safetensors")


def assert_equal_runs(left: Path, right: Path, step: int) -> None:
    """Assert that two runs ended alike: every tensor of the state bit for bit, and the log but for timing."""
    a, b = checkpoint_of(left, step), checkpoint_of(right, step)
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []
    logs = [
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (left, right)
    ]
    assert len(logs[0]) == len(logs[1])
    for one, two in zip(*logs, strict=True):
        assert {k: v for k, v in one.items() if k not in TIMING} == {
            k: v for k, v in two.items() if k not in TIMING
        }


def uninterrupted(path: Path, points: Path, **training: object) -> Path:
    folder = RunFolder(path)
    folder.create()
    train(build_session(small_config(points, **training)), folder)
    folder.release()
    return path


def wait_for(path: Path, process_alive) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process_alive() is None, "the process ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_and_kills_at_random_moments_change_nothing_in_the_result(
    tmp_path: Path, infot: Invoke, points: Path
) -> None:
    moments = random.Random(0)
    run = tmp_path / "run"

    process = start("train", "custom", "--data", points, *OPTIONS, "--steps", STEPS, "--run", run)
    wait_for(run / "checkpoints" / "latest", process.poll)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "interrupted"
    assert f"interrupted at step {summary['steps']} of {STEPS}; go on with: infot resume {run}" in errors
    assert (run / "checkpoints" / "latest").read_text().strip() == f"step-{summary['steps']:08d}"
    assert not (run / "model").exists()

    (run / "checkpoints" / "latest").unlink()  # written anew by the resumed process: tells that it trains
    process = start("resume", run)
    wait_for(run / "checkpoints" / "latest", process.poll)
    time.sleep(moments.uniform(0, 0.3))
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    assert infot("resume", run) == 0
    assert json.loads((run / "summary.json").read_text())["status"] == "finished"
    assert_equal_runs(run, uninterrupted(tmp_path / "whole", points, steps=STEPS), STEPS)


def test_a_run_killed_before_its_first_checkpoint_starts_anew(
    tmp_path: Path, infot: Invoke, points: Path
) -> None:
    run = tmp_path / "run"
    uninterrupted(run, points, steps=2, checkpoint_every=100)
    whole = uninterrupted(tmp_path / "whole", points, steps=6)
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    (run / "config.yaml").write_text(dump_config(small_config(points, steps=6)))
    assert infot("resume", run) == 0
    assert_equal_runs(run, whole, 6)


def test_training_on_to_more_steps_keeps_the_schedules(
    tmp_path: Path, infot: Invoke, finished_run: Path, points: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    assert infot("resume", run, "--steps", 20) == 0
    whole = uninterrupted(tmp_path / "whole", points, steps=20, schedule_steps=12)
    a, b = checkpoint_of(run, 20), checkpoint_of(whole, 20)
    assert [name for name in b if not torch.equal(a[name], b[name])] == []
    assert "schedule_steps: 12" in (run / "config.yaml").read_text()


def test_training_on_images_rendered_as_they_are_asked_for_goes_on_bit_for_bit(
    tmp_path: Path, points: Path
) -> None:
    config = small_config(points, steps=6)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, name="sprites", path=None))
    for name, steps in (("whole", 6), ("part", 4)):
        folder = RunFolder(tmp_path / name)
        folder.create()
        train(build_session(with_steps(config, steps)), folder)
        folder.release()
    resumed, folder = build_session(config), RunFolder(tmp_path / "part")
    CheckpointFolder(folder.checkpoints, keep=2).load(resumed.state)
    assert resumed.state.step == 4
    train(resumed, folder)
    a, b = checkpoint_of(tmp_path / "part", 6), checkpoint_of(tmp_path / "whole", 6)
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


@pytest.mark.parametrize(
    ("method", "cost"),
    [
        ("infogan", "pixel"),
        ("ot-gan", "pixel"),
        ("structured-semidual", "learned"),
        ("structured-amortised", "pixel"),
    ],
)
def test_players_take_up_their_turns_where_they_stopped(
    tmp_path: Path, infot: Invoke, points: Path, method: str, cost: str
) -> None:
    config = dataclasses.replace(with_method(small_config(points), method), seed=4)
    config = dataclasses.replace(config, objective=dataclasses.replace(config.objective, cost=cost))
    training = dataclasses.replace(config.training, batch_size=32, steps=7, schedule_steps=7)
    for name, steps in (("whole", 7), ("part", 4)):
        folder = RunFolder(tmp_path / name)
        folder.create()
        settings = dataclasses.replace(config, training=dataclasses.replace(training, steps=steps))
        train(build_session(settings), folder)
        (folder.path / "config.yaml").write_text(dump_config(settings))
        folder.release()
    assert infot("resume", tmp_path / "part", "--steps", 7) == 0
    assert_equal_runs(tmp_path / "part", tmp_path / "whole", 7)


def test_a_run_with_several_starts_goes_on_from_the_middle_of_any(
    tmp_path: Path, infot: Invoke, points: Path
) -> None:
    settings = {"steps": 20, "starts": 3, "keep_checkpoints": 100}
    whole, last = uninterrupted(tmp_path / "whole", points, **settings), 20 + 2 * 6
    (whole / "config.yaml").write_text(dump_config(small_config(points, **settings)))
    starts = json.loads((whole / "summary.json").read_text())["starts"]
    told = [end["information"] for end in starts["ended"]]
    assert (starts["of"], len(told), starts["best"]) == (3, 3, told.index(max(told)))
    for step in (9, 12, 21):  # within the second start, at its end, after the choice
        run = tmp_path / f"from-{step}"
        shutil.copytree(whole, run)
        assert infot("resume", run, "--checkpoint", f"step-{step:08d}") == 0
        assert_equal_runs(run, whole, last)
        assert json.loads((run / "summary.json").read_text())["starts"] == starts


def test_resuming_a_finished_run_says_so_and_fewer_steps_are_refused(
    infot: Invoke, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished_run / "summary.json").read_bytes()
    assert infot("resume", finished_run) == 0
    assert "is finished at step 12; train on with: infot resume" in capsys.readouterr().out
    assert infot("resume", finished_run, "--steps", 5) == 2
    assert "--steps: expected at least the 12 steps done already, got 5" in capsys.readouterr().err
    assert infot("resume", finished_run, "--max-minutes", 0) == 2
    assert "max_minutes: expected a positive number, got 0" in capsys.readouterr().err
    assert (finished_run / "summary.json").read_bytes() == before


def test_a_damaged_checkpoint_is_named_and_the_one_before_taken_on_request(
    tmp_path: Path, infot: Invoke, points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = uninterrupted(tmp_path / "run", points, steps=8, schedule_steps=9)
    (run / "config.yaml").write_text(dump_config(small_config(points, steps=9)))
    file = run / "checkpoints" / "step-00000008.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert infot("resume", run) == 3
    errors = capsys.readouterr().err
    assert "step-00000008.safetensors is truncated" in errors
    assert "--checkpoint step-00000006" in errors
    assert infot("resume", run, "--checkpoint", "step-00000006") == 0
    a, b = checkpoint_of(run, 9), checkpoint_of(uninterrupted(tmp_path / "whole", points, steps=9), 9)
    assert [name for name in b if not torch.equal(a[name], b[name])] == []


@pytest.mark.parametrize("changed", ["a number", "a label", "the order"])
def test_other_data_are_refused_and_the_run_is_untouched(
    tmp_path: Path, infot: Invoke, capsys: pytest.CaptureFixture[str], changed: str
) -> None:
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(200, 2)), "y": rng.integers(3, size=200)}
    path, run = tmp_path / "points.npz", tmp_path / "run"
    np.savez(path, **data)
    assert infot("train", "custom", "--data", path, *OPTIONS, "--steps", 6, "--run", run) == 0
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    other = {name: values.copy() for name, values in data.items()}
    if changed == "a number":
        other["x"][17, 1] += 1e-9
    elif changed == "a label":
        other["y"][17] = (other["y"][17] + 1) % 3
    else:
        other = {name: values[::-1] for name, values in data.items()}
    np.savez(path, **other)
    assert infot("resume", run, "--steps", 8) == 3
    assert "expected the data that this run was trained on so far" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before
    np.savez(path, **data)
    assert infot("resume", run, "--steps", 8) == 0


def test_a_checkpoint_that_names_no_data_goes_on(tmp_path: Path, infot: Invoke, points: Path) -> None:
    run = tmp_path / "run"
    assert infot("train", "custom", "--data", points, *OPTIONS, "--steps", 6, "--run", run) == 0
    notes = run / "checkpoints" / "step-00000006.json"
    facts = json.loads(notes.read_text())
    assert len(facts.pop("data")) == 64
    notes.write_text(json.dumps(facts))
    assert infot("resume", run, "--steps", 7) == 0


@pytest.mark.parametrize(("path", "message"), [("absent", "there is no run folder"), (".", "holds no run")])
def test_what_is_no_run_is_refused(
    tmp_path: Path, infot: Invoke, capsys: pytest.CaptureFixture[str], path: str, message: str
) -> None:
    assert infot("resume", tmp_path / path) == 2
    assert message in capsys.readouterr().err


def test_a_run_in_use_is_refused(tmp_path: Path, infot: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunFolder(tmp_path / "run")
    run.create()
    run.config.write_text("preset: custom\n")
    assert infot("resume", run.path) == 2
    assert "in use by another infot process" in capsys.readouterr().err
    run.release()
