import errno
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infot.atomic import write_bytes, write_text
from infot.errors import RunFolderError


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """Let this process write no file beyond 1000 bytes: the system itself then refuses half-way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def test_content_is_written_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    write_text(target, "é")
    write_text(target, "new")
    assert target.read_text() == "new"
    assert [file.name for file in target.parent.iterdir()] == ["file"]


def test_a_write_that_the_system_cuts_short_leaves_the_old_file(
    tmp_path: Path, small_files_only: None
) -> None:
    target = tmp_path / "file"
    write_text(target, "old")
    with pytest.raises(RunFolderError, match=r"cannot write .*file: the file would exceed the size limit"):
        write_bytes(target, b"x" * 5000)
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "the disk is full; free some space; hint"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "the disk is read-only; choose a folder that can be written"),
        (errno.EACCES, "permission is missing"),
        (errno.EIO, "Input/output error; check the path"),
    ],
)
def test_what_the_disk_refuses_becomes_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, message: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(RunFolderError, match=message):
        write_text(tmp_path / "file", "x", advice="; hint")
    assert list(tmp_path.iterdir()) == []


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot write"):
        write_text(tmp_path / "file" / "inside", "x")
