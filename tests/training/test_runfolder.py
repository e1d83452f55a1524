import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infot.errors import RunFolderError
from infot.training import RunFolder
from infot.training.runfolder import next_run_path


@pytest.fixture
def run_folder() -> Iterator[Callable[[Path], RunFolder]]:
    """Return a maker of run folders that are released after the test."""
    made: list[RunFolder] = []

    def make(path: Path) -> RunFolder:
        made.append(RunFolder(path))
        return made[-1]

    yield make
    for folder in made:
        folder.release()


MakeFolder = Callable[[Path], RunFolder]


def test_a_folder_that_holds_a_run_is_refused(tmp_path: Path, run_folder: MakeFolder) -> None:
    folder = run_folder(tmp_path / "run")
    folder.create()
    folder.config.write_text("seed: 0\n")
    with pytest.raises(RunFolderError, match=r"already holds a run: .*--run.*infot resume .*run"):
        RunFolder(tmp_path / "run").create()


def test_a_foreign_folder_or_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunFolderError, match="is not empty and holds no run"):
        RunFolder(tmp_path).create()
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder(tmp_path / "letter.txt").create()


def test_a_folder_left_by_a_kill_before_the_run_began_is_free(tmp_path: Path, run_folder: MakeFolder) -> None:
    folder = run_folder(tmp_path / "run")
    folder.create()
    folder.release()
    run_folder(tmp_path / "run").create()


def test_opening_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="there is no run folder"):
        RunFolder(tmp_path / "nowhere").open()
    with pytest.raises(RunFolderError, match=r"holds no run: expected config\.yaml"):
        RunFolder(tmp_path).open()


def test_a_second_process_is_kept_out_until_the_first_ends(tmp_path: Path, run_folder: MakeFolder) -> None:
    folder = run_folder(tmp_path)
    folder.lock()
    attempt = (
        "import fcntl, sys\n"
        "try: fcntl.flock(open(sys.argv[1], 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except OSError: sys.exit(7)\n"
    )
    command = [sys.executable, "-c", attempt, str(tmp_path / ".lock")]
    assert subprocess.run(command, check=False).returncode == 7
    with pytest.raises(RunFolderError, match="in use by another infot process"):
        RunFolder(tmp_path).lock()
    folder.release()
    assert subprocess.run(command, check=False).returncode == 0


def test_names_are_numbered_while_taken(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        path = next_run_path(tmp_path, "ring8", 4)
        path.mkdir()
        names.append(path.name)
    assert names == ["ring8-4", "ring8-4-2", "ring8-4-3"]


def test_a_summary_is_read_back_and_a_broken_one_is_none(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_summary() == {}
    folder.write_summary({"status": "finished"})
    assert folder.read_summary() == {"status": "finished"}
    folder.summary.write_text("{")
    assert folder.read_summary() == {}
