"""The road to a time-stamp authority: bounded in time and size, and it keeps the real reason.

The library asks an authority without a time limit, and where it fails says little. So it is given a
relay on the loopback, which passes the question (RFC 3161 over HTTP) on to the one authority that
it was made for, and notes what went wrong.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

TIMEOUT_S = 10.0
_MAX_BYTES = 1 << 16  # a stamp with its certificates has some thousand bytes
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


class TimeRelay:
    """Answers the library's question in place of ``authority``; use it as a context manager.

    ``url`` is what the library is given, ``error`` why the last question had no answer, or None.
    No redirect is followed. ``timeout_s`` holds for connecting and for each read.
    """

    def __init__(self, authority: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.authority = authority
        self.error: str | None = None
        self._timeout_s = timeout_s
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), _MAX_BYTES)
                reply = relay.ask(self.rfile.read(length))
                self.send_response(502 if reply is None else 200)
                self.send_header("Content-Type", _REPLY)
                self.send_header("Content-Length", str(len(reply or b"")))
                self.end_headers()
                self.wfile.write(reply or b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 given name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # The poll is how long ending takes, for every file that is signed.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def ask(self, query: bytes) -> bytes | None:
        """The authority's reply to ``query``, both DER; None when there is none, see ``error``."""
        parts = urlsplit(self.authority)
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(
                parts.netloc, timeout=self._timeout_s, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=self._timeout_s)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.error = None
        try:
            connection.request("POST", target, body=query, headers={"Content-Type": _QUERY})
            response = connection.getresponse()
            reply = response.read(_MAX_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            self.error = str(error) or type(error).__name__
            return None
        finally:
            connection.close()
        if response.status != 200:
            self.error = f"it answered {response.status} {response.reason}"
        elif len(reply) > _MAX_BYTES:
            self.error = f"its answer has more than {_MAX_BYTES} bytes"
        return None if self.error else reply
