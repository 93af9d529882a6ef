"""HTTP with an end to waiting: uvicorn waits for ever for the head of a first request, and not at
all for its own answer to a client that has sent its last byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HALF_CLOSED_S = 5.0
"""How long an answer may take to a client that has closed its side. Such a client and one that is
gone look the same until something is sent.
"""


class PatientProtocol(H11Protocol):
    """Closes a connection whose next head is not whole within ``timeout_keep_alive`` seconds, from
    the connection's beginning or the head's first byte on: a byte now and then gains no time
    ("slow loris"). Answers whole requests of a client that closes its side after them.
    """

    _until: asyncio.TimerHandle | None = None
    _half_closed: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        if self._half_closed is not None:
            self._half_closed.cancel()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether the connection stays open, to write to."""
        whole = self.conn.their_state in {h11.DONE, h11.MUST_CLOSE}
        if whole and not self.cycle.response_complete and self._half_closed is None:
            self._half_closed = self.loop.call_later(HALF_CLOSED_S, self.transport.close)
        return whole

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Of requests in a row the next is under way by now, if there is one.
        if self._half_closed is not None and self.cycle.response_complete:
            self.transport.close()

    def _look(self) -> None:
        """Starts the clock while a head is awaited, and stops it once it is there."""
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._until is None:
            self._until = self.loop.call_later(self.timeout_keep_alive, self._end)

    def _stop(self) -> None:
        if self._until is not None:
            self._until.cancel()
            self._until = None

    def _end(self) -> None:
        self._until = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
