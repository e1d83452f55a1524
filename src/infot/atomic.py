"""Files that appear whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infot.errors import RunFolderError

__all__ = ["disk_errors", "write_bytes", "write_text"]

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EFBIG: ("the file would exceed the size limit of this process", "raise the limit"),
    errno.EROFS: ("the disk is read-only", "choose a folder that can be written"),
    errno.EACCES: ("permission is missing", "choose a folder that can be written"),
    errno.EPERM: ("permission is missing", "choose a folder that can be written"),
    errno.ENOTDIR: ("a part of the path is a file", "choose another path"),
}


@contextmanager
def disk_errors(path: Path, advice: str = "") -> Iterator[None]:
    """Turn an ``OSError`` met while writing ``path`` into a sentence that says what to do.

    Args:
        path: What is being written, for the message.
        advice: What else to do, appended to the remedy.

    Raises:
        RunFolderError: In place of the ``OSError``.
    """
    try:
        yield
    except OSError as error:
        reason, remedy = _REASONS.get(error.errno or 0, (error.strerror or str(error), "check the path"))
        raise RunFolderError(f"cannot write {path}: {reason}; {remedy}{advice}") from error


def write_bytes(path: Path, content: bytes, *, advice: str = "") -> None:
    """Write ``content`` under a temporary name, bring it to the disk, and rename it to ``path``.

    A reader, or a process that comes after a kill or a power cut, finds the old file or the new one, never a part.

    Raises:
        RunFolderError: If the disk is full, read-only or otherwise refuses; the old file is then untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path, advice):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        except BaseException:
            _discard(temporary)
            raise


def write_text(path: Path, content: str, *, advice: str = "") -> None:
    """Write ``content`` as UTF-8; see :func:`write_bytes`."""
    write_bytes(path, content.encode(), advice=advice)


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except (
        OSError
    ):  # the disk that refused the file may refuse this too; the first error is the one to report
        return


def _sync_folder(folder: Path) -> None:
    """Bring the rename itself to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
