"""A stream on its way from the thread that makes it to the event loop that sends it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_HELD = 4 << 20
"""Bytes that wait for a reader; beyond, making waits too."""


class ReaderGone(Exception):
    """Nobody reads any more, or somebody who takes nothing."""


class LiveSink:
    """A :class:`~provenance.video.live.ByteSink` with a reader. What is written is kept in the file
    ``path``, too. ``stall_s``: how long a reader may take nothing.

    Made in the event loop that reads; :meth:`write` and :meth:`end` are for the other thread.
    """

    def __init__(self, path: Path, *, stall_s: float, most: int = MOST_HELD) -> None:
        self._path, self._stall_s, self._most = path, stall_s, most
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._changed = threading.Condition()
        self._blocks: deque[bytes] = deque()
        self._held = 0
        self._gone = False
        self._ended = False
        self._failed = False

    @property
    def path(self) -> Path:
        """Where what was written is kept."""
        return self._path

    @property
    def held(self) -> int:
        """Bytes that wait for the reader."""
        return self._held

    def write(self, data: bytes, /) -> None:
        """Raises :class:`ReaderGone`; waits while too much is held."""
        with self._changed:
            room = self._changed.wait_for(
                lambda: self._gone or self._held < self._most, timeout=self._stall_s
            )
            if self._gone or not room:
                raise ReaderGone
            self._blocks.append(bytes(data))
            self._held += len(data)
        self._wake()
        with self._path.open("ab") as file:
            file.write(data)

    def end(self, *, failed: bool) -> None:
        """No more will come; ``failed``: the stream is not whole, and must not look it."""
        with self._changed:
            self._failed, self._ended = failed, True
        self._wake()

    def leave(self) -> None:
        """The reader goes; what is made for it alone may stop."""
        with self._changed:
            self._gone = True
            self._blocks.clear()
            self._held = 0
            self._changed.notify_all()

    async def next(self) -> bytes | None:
        """What came since; None at the end. Raises :class:`ReaderGone` where the stream broke."""
        while True:
            self._arrived.clear()
            with self._changed:
                if self._failed or self._gone:
                    raise ReaderGone
                if self._blocks:
                    block = b"".join(self._blocks)
                    self._blocks.clear()
                    self._held = 0
                    self._changed.notify_all()
                    return block
                if self._ended:
                    return None
            await self._arrived.wait()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: its reader is gone as well
            self._loop.call_soon_threadsafe(self._arrived.set)
