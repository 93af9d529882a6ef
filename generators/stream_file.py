"""Where a command sends a stream: to stdout, a pipe, or a file that stays only if it is whole."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import DISK_FULL, DiskFull, OptionError, OutputError, OutputForbidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provenance.video.live import ByteSink

STDOUT = "-"


@contextmanager
def open_stream(place: str) -> Iterator[ByteSink]:
    """What takes a stream and sends it to ``place``, a name or ``-`` for stdout.

    A file is emptied with the first byte that is written to it; when the block ends with an error,
    it is removed if there was none or if something was written. What is sent raises
    :class:`~provenance.errors.OutputError` and :class:`~provenance.errors.DiskFull`.

    Raises :class:`~provenance.errors.OutputForbidden`, and
    :class:`~provenance.errors.OptionError` for a stdout that people look at.
    """
    if place == STDOUT:
        yield _Stdout()
        return
    path = Path(place)
    new = not path.exists()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise OutputForbidden(
            f"{place!r} cannot be written: {getattr(error, 'strerror', None) or error}",
            hint="name a file, a pipe, or -",
        ) from error
    sink = _Descriptor(place, descriptor)
    try:
        yield sink
    except BaseException:
        if sink.regular and (new or sink.begun):
            sink.remove(path)
        raise
    finally:
        os.close(descriptor)


def leads_to_stdout(place: str) -> bool:
    """Whether a stream to ``place`` goes where results are printed, such as ``/dev/stdout``."""
    if place == STDOUT:
        return True
    try:
        return sys.stdout is not None and os.path.samestat(
            os.stat(place),  # noqa: PTH116 as of the other
            os.fstat(sys.stdout.fileno()),
        )
    except (OSError, ValueError):
        return False


class _Stdout:
    def __init__(self) -> None:
        if sys.stdout is None:
            raise OutputForbidden("stdout is closed", hint="stream to a file, or leave it open")
        if sys.stdout.isatty():
            raise OptionError(
                "stdout is a terminal, and a stream is no text",
                hint="pipe it to a player: --stream - | ffplay -",
            )

    def write(self, data: bytes) -> None:
        with _told("stdout"):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


class _Descriptor:
    """Sends all of what it is given at once, however little a disk or a pipe takes at a time."""

    def __init__(self, place: str, descriptor: int) -> None:
        self._place, self._descriptor = place, descriptor
        self._status = os.fstat(descriptor)
        self.regular = stat.S_ISREG(self._status.st_mode)
        self.begun = False

    def write(self, data: bytes) -> None:
        with _told(self._place):
            if self.regular and not self.begun:
                os.ftruncate(self._descriptor, 0)
            self.begun = True
            left = memoryview(data)
            while left:
                left = left[os.write(self._descriptor, left) :]

    def remove(self, path: Path) -> None:
        """Somebody may have put another file in its place."""
        with suppress(OSError):
            if os.path.samestat(path.lstat(), self._status):
                path.unlink()


@contextmanager
def _told(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"the stream to {place} broke off: {error.strerror}"
        if error.errno in DISK_FULL:
            raise DiskFull(
                message, hint="make room, or stream elsewhere; nothing of the clip was kept"
            ) from error
        raise OutputError(
            message, hint="whoever read it is gone; nothing of the clip was kept"
        ) from error
