"""A body that streams into a file: hashed and counted on the way, and never held in memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.to_thread

from provenance.errors import DiskFull, UnsupportedMedia
from provenance.video.sniff import HEAD_BYTES, sniff_sound
from service.problems import Problem
from service.storage import as_output_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from service.settings import Bounds

BLOCK = 512 * 1024
"""What is held of a body before it is written: so many bytes times the uploads at once."""
_SMALL = 1024
"""What smaller pieces count for, which cost more than their bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """``path``: None where the body was only hashed."""

    path: Path | None
    bytes: int
    sha256: str


async def receive(
    stream: AsyncIterator[bytes], path: Path | None, bounds: Bounds, *, declared: int | None
) -> Received:
    """Writes ``stream`` to the new file ``path``, which is on the disk when this returns.

    ``declared``: the stated length. Without ``path`` the body is hashed and dropped. On any error
    the file is gone. Raises :class:`Problem`: media.too_large, media.empty, media.unsupported (by
    the first bytes, before the rest is read), request.timeout, disk.full.
    """
    if declared is not None and declared > bounds.upload_bytes:
        raise too_large(bounds)
    file = _File(path)
    try:
        async with asyncio.timeout(bounds.upload_s):
            return await _copy(stream, file, bounds)
    except TimeoutError:
        raise Problem("request.timeout", headers={"Connection": "close"}) from None
    finally:
        file.end()


def too_large(bounds: Bounds) -> Problem:
    return Problem(
        "media.too_large",
        f"The limit is {bounds.upload_bytes} bytes.",
        headers={"Connection": "close"},
    )


@contextmanager
def taken_by_the_disk(folder: Path) -> Iterator[None]:
    """Turns what a disk does not take into the answer that says so."""
    try:
        yield
    except OSError as error:
        full = isinstance(as_output_error(error, folder), DiskFull)
        code = "disk.full" if full else "service.unavailable"
        raise Problem(code, retry_after_s=30) from error


class Pace:
    """Whether a body comes fast enough. Made when its first byte is awaited."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()

    def check(self, size: int) -> None:
        """Raises ``TimeoutError`` when ``size`` bytes are too few by now."""
        took = self._clock() - self._began
        if took > self._bounds.idle_s and size < took * self._bounds.least_bytes_s:
            raise TimeoutError


async def _copy(stream: AsyncIterator[bytes], file: _File, bounds: Bounds) -> Received:
    digest, size, sniffed = hashlib.sha256(), 0, False
    waiting: list[bytes] = []
    held = 0
    blocks, pace = stream.__aiter__(), Pace(bounds)
    while True:
        try:
            async with asyncio.timeout(bounds.idle_s):
                block = await anext(blocks)
        except StopAsyncIteration:
            break
        size += len(block)
        pace.check(size)
        if size > bounds.upload_bytes:
            raise too_large(bounds)
        waiting.append(block)
        held += max(len(block), _SMALL)
        if not sniffed and size >= HEAD_BYTES:
            check_kind(b"".join(waiting)[:HEAD_BYTES])
            sniffed = True
        if held >= BLOCK and sniffed:
            await _take(digest, file, waiting)
            waiting, held = [], 0
    if not size:
        raise Problem("media.empty")
    if not sniffed:
        check_kind(b"".join(waiting))
    await _take(digest, file, waiting)
    await anyio.to_thread.run_sync(file.settle)
    return Received(path=file.path, bytes=size, sha256=digest.hexdigest())


def check_kind(head: bytes) -> None:
    """Raises :class:`Problem` where the first bytes are those of no container that we open."""
    try:
        sniff_sound(head, "the body")
    except UnsupportedMedia as error:
        raise Problem(
            "media.unsupported", error.message, hint=error.hint, headers={"Connection": "close"}
        ) from error


async def _take(digest: hashlib._Hash, file: _File, blocks: list[bytes]) -> None:
    def work() -> None:
        for block in blocks:
            digest.update(block)
            file.write(block)

    await anyio.to_thread.run_sync(work)


class _File:
    """The file that a body goes to, if any; away again unless it was settled."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._settled = False
        self._descriptor: int | None = None

    def write(self, block: bytes) -> None:
        if self.path is None:
            return
        with taken_by_the_disk(self.path.parent):
            if self._descriptor is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o600)
            view = memoryview(block)
            while view:
                view = view[os.write(self._descriptor, view) :]

    def settle(self) -> None:
        if self._descriptor is not None:
            assert self.path is not None
            with taken_by_the_disk(self.path.parent):
                os.fsync(self._descriptor)
        self._settled = True

    def end(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self.path is not None and not self._settled:
            with suppress(FileNotFoundError):
                self.path.unlink()
