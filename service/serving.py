"""A server that ends in order: first not ready, then no longer listening, then gone.

On SIGTERM ``/readyz`` fails and new scans are turned away with ``Retry-After``, while everything
else is still answered: what stands before the server needs a moment to notice. Then it stops
listening and finishes what it has begun. A second signal, or Ctrl-C, skips the wait.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import uvicorn

from service.os_signals import Signals

if TYPE_CHECKING:
    from types import FrameType

    from fastapi import FastAPI

    from service.settings import Settings

GRACE_S = 30
"""For requests that are under way when it stops listening."""


class DrainingServer(uvicorn.Server):
    """``draining`` is set by the first signal; ``drain_s`` later the server begins to end."""

    def __init__(
        self, config: uvicorn.Config, *, draining: threading.Event, drain_s: float
    ) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain_s = drain_s
        self._signals = Signals()
        self._signals.tell(self._told)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 uvicorn's
        # Uvicorn's own raises the signal again at the end, which would kill this process before
        # it has ended its workers.
        self._signals.put(sig)

    def _told(self, sig: int) -> None:
        again = self._draining.is_set()
        self._draining.set()
        if again or sig != signal.SIGTERM or self._drain_s <= 0:
            self.force_exit = self.should_exit and sig == signal.SIGINT
            self._end()
            return
        timer = threading.Timer(self._drain_s, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        self.should_exit = True


def run_server(app: FastAPI, settings: Settings, draining: threading.Event) -> None:
    """Serves ``app`` until a signal; returns when the last request is answered."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=32 * 1024,
    )
    DrainingServer(config, draining=draining, drain_s=settings.drain_s).run()
