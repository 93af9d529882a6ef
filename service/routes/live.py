"""Bodies that are sent piece by piece: a clip while it is made, a file with ranges."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, BinaryIO

import anyio
import anyio.to_thread
from fastapi.responses import Response

from service.generation.sink import ReaderGone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from service.generation.sink import Reader

MEDIA_TYPE = "video/mp4"
_BLOCK = 1 << 18


class Pieces(Response, ABC):
    """A body of pieces. Who takes nothing of one for ``stall_s`` is left, and a body that fails
    or has no end (:class:`ReaderGone`) breaks the connection, so that it cannot look whole.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self, *, headers: Mapping[str, str], stall_s: float = 60.0, status_code: int = 200
    ) -> None:
        super().__init__(None, status_code, dict(headers))
        self._stall_s = stall_s
        if "content-length" not in headers:
            self.raw_headers = [one for one in self.raw_headers if one[0] != b"content-length"]

    @abstractmethod
    def pieces(self) -> AsyncIterator[bytes]:
        """The body, piece by piece."""

    def close(self) -> None:
        """Frees what the body holds, however it ended."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, receive, tasks.cancel_scope)
                if scope["method"] != "HEAD":
                    async for block in self.pieces():
                        await self._send(send, block, more=True)
                await self._send(send, b"", more=False)
                tasks.cancel_scope.cancel()
        except* ReaderGone:
            pass  # a cancelled clip is no error of ours, and a failed one was told where it failed
        finally:
            self.close()

    async def _send(self, send: Send, body: bytes, *, more: bool) -> None:
        try:
            with anyio.fail_after(self._stall_s):
                await send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError as error:
            raise ReaderGone from error

    @staticmethod
    async def _watch(receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()


class LiveResponse(Pieces):
    """A clip while it is made: its ``first`` bytes, then what ``reader`` gets. Then, or when the
    client goes, ``leave`` is called.
    """

    def __init__(
        self,
        reader: Reader,
        first: bytes,
        leave: Callable[[], None],
        *,
        headers: Mapping[str, str],
        stall_s: float,
    ) -> None:
        super().__init__(headers=headers, stall_s=stall_s)
        self._reader, self._first, self._leave = reader, first, leave

    async def pieces(self) -> AsyncIterator[bytes]:
        block: bytes | None = self._first
        while block is not None:
            yield block
            block = await self._reader.next()

    def close(self) -> None:
        self._leave()


class FileResponse(Pieces):
    """``length`` bytes of an open file from ``start`` on; the file is closed afterwards."""

    def __init__(
        self,
        file: BinaryIO,
        *,
        headers: Mapping[str, str],
        start: int = 0,
        length: int | None = None,
        status_code: int = 200,
    ) -> None:
        self._file, self._start = file, start
        size = os.fstat(file.fileno()).st_size
        self._length = size - start if length is None else length
        headers = {**headers, "content-length": str(self._length)}
        super().__init__(headers=headers, status_code=status_code)

    async def pieces(self) -> AsyncIterator[bytes]:
        left = self._length
        await anyio.to_thread.run_sync(self._file.seek, self._start)
        while left:
            block = await anyio.to_thread.run_sync(self._file.read, min(left, _BLOCK))
            if not block:
                raise OSError("a clip is shorter than it was")
            left -= len(block)
            yield block

    def close(self) -> None:
        self._file.close()
