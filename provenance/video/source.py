"""A file opened once, read through its descriptor only.

FFmpeg gets this object and never a path, so a file that is swapped between two looks at it is never
mixed with another, and FFmpeg has no name to resolve others against.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provenance.errors import InputEmpty, MediaTooLarge
from provenance.id3 import tag_bytes
from provenance.regular_file import open_regular
from provenance.video.completeness import is_open_ended, missing_bytes
from provenance.video.sniff import HEAD_BYTES, Kind, sniff

if TYPE_CHECKING:
    import io
    from collections.abc import Callable
    from pathlib import Path

    from provenance.video.limits import Limits


class SourceFile:
    """An open media file: ``name`` for messages, ``size`` in bytes, ``kind`` by its first bytes.

    ``sniffed`` says which kinds are taken: video, unless told otherwise.
    """

    __slots__ = ("_file", "kind", "name", "size")

    def __init__(
        self, path: Path, limits: Limits, *, sniffed: Callable[[bytes, str], Kind] = sniff
    ) -> None:
        self.name = str(path)
        self._file = open_regular(path)
        try:
            self.size = _checked_size(self.name, os.fstat(self._file.fileno()).st_size, limits)
            self.kind: Kind = sniffed(_head(self._file.fileno()), self.name)
        except BaseException:
            self._file.close()
            raise

    def cursor(self) -> Cursor:
        """A new reading position at the start; any number may be in use at once."""
        return Cursor(self._file, self.size)

    def missing_bytes(self) -> int:
        """How many bytes the file lacks at its end by its own account."""
        number = self._file.fileno()
        return missing_bytes(self.kind, lambda count, at: os.pread(number, count, at), self.size)

    def is_open_ended(self) -> bool:
        """Whether its format says where a file ends, and this one does not."""
        number = self._file.fileno()
        return is_open_ended(self.kind, lambda count, at: os.pread(number, count, at), self.size)

    def is_same_file(self, path: Path) -> bool:
        """Whether ``path`` leads to this very file."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), path.stat())
        except OSError:
            return False

    def close(self) -> None:
        self._file.close()


class Cursor:
    """What FFmpeg reads from: ``read``, ``seek`` and ``tell`` with a position of its own."""

    __slots__ = ("_file", "_position", "_size")

    def __init__(self, file: io.FileIO, size: int) -> None:
        self._file = file
        self._size = size
        self._position = 0

    def read(self, count: int) -> bytes:
        # fileno() of a closed file raises, so that a descriptor number used again by another file
        # is never read.
        data = os.pread(self._file.fileno(), count, self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"cannot seek to {start + offset}")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position


def _checked_size(name: str, size: int, limits: Limits) -> int:
    if size == 0:
        raise InputEmpty(f"{name} is empty", hint="check that it was copied completely")
    if limits.max_bytes is not None and size > limits.max_bytes:
        message = f"{name} has {size} bytes, more than the limit of {limits.max_bytes}"
        raise MediaTooLarge(message, hint="raise the limit on bytes, or cut the file")
    return size


def _head(number: int) -> bytes:
    """The first bytes of a file; of FLAC behind a tag, as signers write it, those behind it."""
    head = os.pread(number, HEAD_BYTES, 0)
    behind = os.pread(number, HEAD_BYTES, tag) if (tag := tag_bytes(head)) else b""
    return behind if behind.startswith(b"fLaC") else head
