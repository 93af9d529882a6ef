"""The file that is being written: made at once, taken away again, its errors named."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provenance.errors import DISK_FULL, DiskFull, EveryframeError, OutputError, OutputForbidden
from provenance.video.demux import reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORBIDDEN = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
    | {errno.ENXIO, errno.ENAMETOOLONG, errno.EINVAL}
)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns errors of FFmpeg and of the disk while ``path`` is written into ours:
    :class:`~provenance.errors.DiskFull`, :class:`~provenance.errors.OutputForbidden` or
    :class:`~provenance.errors.OutputError`.
    """
    try:
        yield
    except EveryframeError:
        raise
    except Exception as error:
        number = getattr(error, "errno", None)
        message = f"{path} cannot be written: {reason(error)}"
        if number in DISK_FULL:
            raise DiskFull(message, hint="make room on the disk, or write elsewhere") from error
        if number in FORBIDDEN and isinstance(error, OSError):
            raise OutputForbidden(message, hint="check the folder and its permissions") from error
        raise OutputError(message, hint="nothing was left behind; try again") from error


def create_file(path: Path) -> tuple[int, int]:
    """Makes the file, so that a wrong place is known at once; returns which file it is."""
    with writing(path):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        message = f"{path} is not a regular file"
        raise OutputForbidden(message, hint="choose a file to write to")
    return status.st_dev, status.st_ino


def remove_file(path: Path, identity: tuple[int, int]) -> None:
    """Removes what :func:`create_file` made: somebody may have put another file in its place."""
    with suppress(OSError):
        status = path.lstat()
        if (status.st_dev, status.st_ino) == identity:
            path.unlink()
