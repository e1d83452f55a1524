"""Every command that writes, on a disk that refuses: a sentence, exit code 2, and nothing half-written."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from .conftest import OPTIONS, Invoke

REFUSALS = [
    (errno.ENOSPC, "the disk is full; free some space"),
    (errno.EROFS, "the disk is read-only; choose a folder that can be written"),
]


def contents(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != ".lock"]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.parametrize(("code", "reason"), REFUSALS)
@pytest.mark.parametrize("command", ["sample", "encode", "evaluate", "report"])
def test_a_command_that_cannot_write_leaves_everything_as_it_was(
    tmp_path: Path,
    infot: Invoke,
    finished_run: Path,
    points: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    code: int,
    reason: str,
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    arguments = {
        "sample": ["--n", 4, "--out", tmp_path / "x.npz"],
        "encode": ["--data", points, "--out", tmp_path / "x.csv"],
        "evaluate": [],
        "report": [],
    }[command]
    before = contents(tmp_path)

    def refuse(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        assert infot(command, run, *arguments) == 2
    printed = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("evaluating: ")]
    assert len(printed) == 1 and reason in printed[0]
    assert contents(tmp_path) == before


def test_a_run_on_a_read_only_disk_does_not_begin(
    tmp_path: Path,
    infot: Invoke,
    points: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        assert infot("train", "custom", "--data", points, *OPTIONS, "--run", tmp_path / "run") == 2
    printed = capsys.readouterr().err
    assert "cannot write" in printed and "the disk is read-only" in printed
    assert list(tmp_path.iterdir()) == []
