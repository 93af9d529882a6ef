"""A stream on its way from the thread that makes it to the event loops that send it."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio.to_thread

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

MOST_AT_ONCE = 1 << 18
"""Bytes that a reader is given at a time, and so all that is held in memory for it."""


class ReaderGone(Exception):
    """Nobody reads any more, or the stream broke off."""


class LiveSink:
    """A :class:`~provenance.video.live.ByteSink` that anybody may read from its beginning.

    What is written stands in the file ``path``, from which each reader takes it at its own pace: a
    slow one holds up neither the others nor the making. :meth:`write` and :meth:`end` are for the
    thread that makes it; the file is open until :meth:`close` and the last reader's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._length = 0
        self._readers: set[Reader] = set()
        self._over: str | None = None  # "whole", "broken"; None while it is made
        self._closed = False

    @property
    def path(self) -> Path:
        """Where what was written is kept."""
        return self._path

    def write(self, data: bytes, /) -> None:
        """Raises :class:`ReaderGone`."""
        if self._over is not None:
            raise ReaderGone
        if self._file is None:
            self._file = self._path.open("w+b")
        self._file.write(data)
        self._file.flush()
        with self._lock:
            self._length += len(data)
        self._wake()

    def end(self, *, failed: bool) -> None:
        """No more will come; ``failed``: the stream is not whole, and must not look it. The first
        call counts.
        """
        with self._lock:
            self._over = self._over or ("broken" if failed else "whole")
        self._wake()

    def break_off(self) -> None:
        """Nobody is to get more, and what is made for readers alone may stop."""
        self.end(failed=True)

    @property
    def closed(self) -> bool:
        """Whether nothing of it is open any more."""
        return self._closed and not self._readers

    def reader(self) -> Reader:
        """Another one, at the beginning. Raises :class:`ReaderGone` after :meth:`close`."""
        with self._lock:
            if self._closed:
                raise ReaderGone
            reader = Reader(self)
            self._readers.add(reader)
            return reader

    def close(self) -> None:
        """No reader comes any more; the file closes with the last one."""
        with self._lock:
            self._closed = True
        self._close_file()

    def leave(self, reader: Reader) -> None:
        with self._lock:
            self._readers.discard(reader)
        self._close_file()

    def state(self) -> tuple[int, str | None]:
        """Bytes so far, and whether it is over: "whole" or "broken"."""
        with self._lock:
            return self._length, self._over

    def read(self, at: int, size: int) -> bytes:
        assert self._file is not None
        return os.pread(self._file.fileno(), size, at)

    def _close_file(self) -> None:
        with self._lock:
            if self.closed and self._file is not None:
                self._file.close()

    def _wake(self) -> None:
        with self._lock:
            readers = list(self._readers)
        for reader in readers:
            reader.wake()


class Reader:
    """One who is sent a stream, from its beginning."""

    def __init__(self, sink: LiveSink) -> None:
        self._sink = sink
        self._at = 0
        self._waits: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def wake(self) -> None:
        """Says, from any thread, that there is something new."""
        waits = self._waits
        if waits is not None:
            with suppress(RuntimeError):  # the loop is closed: its reader is gone as well
                waits[0].call_soon_threadsafe(waits[1].set)

    async def next(self) -> bytes | None:
        """What comes next; None at the end. Raises :class:`ReaderGone` where the stream broke."""
        if self._waits is None:
            self._waits = asyncio.get_running_loop(), asyncio.Event()
        arrived = self._waits[1]
        while True:
            arrived.clear()
            length, over = self._sink.state()
            if over == "broken":
                raise ReaderGone
            if self._at < length:
                size = min(MOST_AT_ONCE, length - self._at)
                block = await anyio.to_thread.run_sync(self._sink.read, self._at, size)
                self._at += len(block)
                return block
            if over is not None:
                return None
            await arrived.wait()

    def close(self) -> None:
        self._sink.leave(self)
