import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from .conftest import Invoke, start


@pytest.fixture(scope="session")
def many_points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "many.npy"
    np.save(path, np.random.default_rng(0).normal(size=(400, 2)))
    return path


def compare(
    infot: Invoke, out: Path, data: Path, *more: object, methods: str = "nonsaturating,infogan"
) -> int:
    options = [
        "--methods",
        methods,
        "--seeds",
        1,
        "--steps",
        2,
        "--data",
        data,
        "--device",
        "cpu",
        "--out",
        out,
    ]
    return infot("compare", "custom", *options, *more)


def test_a_comparison_runs_its_methods_once_and_writes_a_leaderboard(
    tmp_path: Path, infot: Invoke, many_points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert compare(infot, out, many_points, "--jobs", 2) == 0
    board = json.loads((out / "leaderboard.json").read_text())
    assert (board["suite"], board["data"]) == ("custom", ["custom"])
    assert [(row["name"], row["seeds"], row["failed"]) for row in board["rows"]] == [
        ("nonsaturating", [0], []),
        ("infogan", [0], []),
    ]
    assert all(row["metrics"]["w2"]["values"] for row in board["rows"])
    assert "nonsaturating (1 seeds)" in (out / "leaderboard.md").read_text()
    assert "<html" in (out / "leaderboard.html").read_text()
    summary = json.loads((out / "runs" / "custom-infogan-0" / "summary.json").read_text())
    assert (summary["method"], summary["steps"]) == ("infogan", 2)
    capsys.readouterr()

    before = (out / "runs" / "custom-infogan-0" / "summary.json").stat().st_mtime_ns
    assert compare(infot, out, many_points) == 0  # called again there is nothing to do
    assert "2 of 2 runs are done already" in capsys.readouterr().err
    assert (out / "runs" / "custom-infogan-0" / "summary.json").stat().st_mtime_ns == before

    assert compare(infot, out, many_points, "--steps", 3) == 2  # what lies there is another comparison
    assert "holds a run of other settings: choose another --out" in capsys.readouterr().err


def test_runs_that_cannot_be_run_say_why(
    tmp_path: Path, infot: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(infot, tmp_path / "out", tmp_path / "absent.npy", methods="infogan") == 3
    assert "custom-infogan-0 ended with code 3: " in capsys.readouterr().err
    board = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    assert board["rows"][0]["missing"] == [0]


def test_an_interrupted_comparison_is_taken_up_again(
    tmp_path: Path, infot: Invoke, many_points: Path
) -> None:
    out = tmp_path / "out"
    options = [
        "--methods",
        "nonsaturating",
        "--seeds",
        1,
        "--data",
        many_points,
        "--device",
        "cpu",
        "--out",
        out,
    ]
    process = start("compare", "custom", *options, "--steps", 1500)
    log = out / "runs" / "custom-nonsaturating-0" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() or not log.stat().st_size:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    summary = json.loads((log.parent / "summary.json").read_text())
    assert summary["status"] == "interrupted" and 0 < summary["steps"] < 1500
    assert json.loads((out / "leaderboard.json").read_text())["rows"][0]["missing"] == [0]
    assert infot("compare", "custom", *options, "--steps", 1500) == 0
    row = json.loads((out / "leaderboard.json").read_text())["rows"][0]
    assert (row["seeds"], row["missing"]) == ([0], [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gausians"], "there is no suite 'gausians'; did you mean gaussians?"),
        (["gaussians", "--methods", "infogam"], "did you mean infogan?"),
        (["gaussians", "--seeds", 0], "--seeds: expected at least 1, got 0"),
        (["gaussians", "--jobs", 0], "--jobs: expected at least 1, got 0"),
        (["gaussians", "--steps", 0], "training.steps: expected at least 1, got 0"),
        (["custom"], "data.path: missing"),
    ],
)
def test_what_cannot_be_compared(
    tmp_path: Path,
    infot: Invoke,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[object],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert infot("compare", *arguments) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_results_page_of_a_comparison(
    tmp_path: Path, infot: Invoke, many_points: Path, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert compare(infot, out, many_points, methods="structured,infogan") == 0
    page = tmp_path / "docs" / "results.md"
    assert infot("report", out, "--out", page) == 0
    assert f"results in {page}, their pictures in {page.with_suffix('')}" in capsys.readouterr().out
    text = page.read_text()
    options = "--methods structured,infogan --seeds 1 --steps 2 --data many.npy --device cpu"
    assert f"```\ninfot compare custom {options}\n```" in text
    assert "| infogan | 1 |" in text and "(results/custom-samples.svg)" in text
    assert (page.parent / "results" / "custom-samples.svg").is_file()
    assert infot("report", out) == 0 and (out / "results.md").is_file()
    assert infot("report", out, "--out", tmp_path / "x.html") == 2
    assert "expected a file that ends in .md" in capsys.readouterr().err
    assert infot("report", out, finished_run) == 2
    assert "is none that `infot compare` wrote" in capsys.readouterr().err
