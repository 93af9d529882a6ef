"""A server that ends in order: first not ready, then no longer listening, then gone.

On SIGTERM ``/readyz`` fails and new scans are turned away with ``Retry-After``, while everything
else is still answered: what stands before the server needs a moment to notice. Then it stops
listening and finishes what it has begun. A second signal, or Ctrl-C, skips the wait.
"""

from __future__ import annotations

import errno
import signal
import socket
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import uvicorn

from provenance.errors import OptionError
from service.middleware import HEAD_BYTES
from service.os_signals import Signals
from service.patience import PatientProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from fastapi import FastAPI

    from service.settings import Settings

GRACE_S = 30
"""For requests that are under way when it stops listening."""
_LATE_S = 5
"""Before the end of it what still waits for a clip is told that there will be none."""
_BACKLOG = 2048


class DrainingServer(uvicorn.Server):
    """``draining`` is set by the first signal; ``drain_s`` later the server begins to end.

    ``hurry`` is called, in a thread of its own, when the time for that is nearly over.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        draining: threading.Event,
        drain_s: float,
        hurry: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain_s = drain_s
        self._hurry = hurry
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        grace_s = self.config.timeout_graceful_shutdown
        assert grace_s is not None
        timer = threading.Timer(max(0, grace_s - _LATE_S), self._hurry)
        timer.daemon = True
        timer.start()
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()


@contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets that listen at each address of ``host``.

    Raises :class:`~provenance.errors.OptionError` where that cannot be: before anything else is
    begun, and with what to do about it.
    """
    where = f"{host or '*'} port {port}"
    failed: OSError | None = None
    with ExitStack() as opened:
        sockets = []
        try:
            found = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except OSError as error:
            raise OptionError(
                f"--host {host} is no address of this machine", hint="127.0.0.1, or 0.0.0.0 for all"
            ) from error
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                one = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
            except OSError as error:
                failed = error
                continue
            sockets.append(opened.enter_context(one))
        taken = failed is not None and failed.errno == errno.EADDRINUSE
        if failed is not None and (taken or not sockets):
            hint = (
                "another program listens there, perhaps this service itself; --port chooses another"
                if taken
                else "--host and --port choose where; ports below 1024 need a privilege"
            )
            raise OptionError(f"cannot listen at {where}: {failed.strerror}", hint=hint) from failed
        yield sockets


def make_server(app: FastAPI, settings: Settings, draining: threading.Event) -> DrainingServer:
    """A server of ``app``; ``run(sockets)`` returns when the last request is answered."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=settings.bounds.head_s,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )
    return DrainingServer(
        config,
        draining=draining,
        drain_s=settings.drain_s,
        hurry=lambda: app.state.maker.close(),  # noqa: PLW0108 a lifespan may make another one
    )
