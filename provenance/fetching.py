"""Fetching one small thing from an address that a stranger may have written: only as allowed.

Off wherever nobody names hosts. The host's addresses are looked up once and the connection goes to
one that was checked (a second look-up could answer differently), never to a private, loopback or
otherwise special network; no redirect is followed, no proxy and no cookie used, and bytes and
seconds are counted.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from provenance.addresses import is_public
from provenance.errors import FetchRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

_BLOCK = 1 << 16
HTTPS_PORT: Final = 443
_GOOD = frozenset({http.HTTPStatus.OK, http.HTTPStatus.CREATED, http.HTTPStatus.NO_CONTENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """``hosts``: names that may be asked, exactly as written, or with what stands before
    ``*.`` names. ``seconds`` is for all of it. ``private`` lets it reach private networks and
    plain http, for an intranet that has its own rules.
    """

    hosts: tuple[str, ...]
    most_bytes: int = 5 << 20
    seconds: float = 5.0
    private: bool = False


def fetch(
    url: str,
    limits: FetchLimits,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """What stands at ``url``, or what it answers to ``body``, sent by POST.

    Raises :class:`FetchRefused` for everything that is not allowed; its ``status`` is the answer's
    where there was one.
    """
    deadline = time.monotonic() + limits.seconds
    parts = _parts(url, limits)
    address = _address(parts.host, parts.port, limits)
    try:
        connection = _connect(address, parts, deadline)
        # Each read has its own time limit, and bytes can come one by one: this ends them all.
        watchdog = threading.Timer(_left(deadline), _hang_up, (connection,))
        watchdog.start()
        try:
            request = _request(parts, body, headers or {})
            return _read(connection, parts, request, limits, deadline)
        finally:
            watchdog.cancel()
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise FetchRefused(
            f"{parts.host} did not answer as it should: {error or type(error).__name__}",
            hint="try again later",
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    secure: bool
    host: str
    port: int
    target: str


def _parts(url: str, limits: FetchLimits) -> _Parts:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise FetchRefused("that is no address", hint="give https://host/path") from error
    allowed = ("https", "http") if limits.private else ("https",)
    if parts.scheme not in allowed or not host or parts.username is not None:
        raise FetchRefused(
            f"an address of the kind {parts.scheme or 'without a scheme'!r} is not fetched",
            hint="only https:// without a user's name",
        )
    if not any(_matches(host, pattern.lower()) for pattern in limits.hosts):
        raise FetchRefused(
            f"{host} is not on the list of hosts that may be asked",
            hint="allow it by name, if you know it",
        )
    secure = parts.scheme == "https"
    if port not in (None, HTTPS_PORT) and not limits.private:
        raise FetchRefused(f"port {port} of {host} is not asked", hint="only 443")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if any(ord(char) < 0x21 or ord(char) > 0x7E for char in target):
        raise FetchRefused(
            "the address has characters that no address has", hint="encode them, as %20"
        )
    return _Parts(secure=secure, host=host, port=port or (443 if secure else 80), target=target)


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and host != pattern[2:]
    return host == pattern


def _address(host: str, port: int, limits: FetchLimits) -> tuple[int, tuple[object, ...]]:
    """One address to connect to, after all that the name has were looked at."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchRefused(f"{host} has no address", hint="check the name") from error
    for _, _, _, _, where in found:
        if not limits.private and not is_public(str(where[0])):
            # One private address among public ones is how a name is turned against its reader.
            raise FetchRefused(f"{host} leads into a private network", hint="it is not asked")
    family, _, _, _, where = found[0]
    return family, where


def _connect(
    address: tuple[int, tuple[object, ...]], parts: _Parts, deadline: float
) -> socket.socket:
    family, where = address
    plain = socket.socket(family, socket.SOCK_STREAM)
    try:
        plain.settimeout(_left(deadline))
        plain.connect(where)
        if not parts.secure:
            return plain
        # Checked against the name that was asked for, not against the address.
        return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.host)
    except BaseException:
        plain.close()
        raise


def _request(parts: _Parts, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    default = 443 if parts.secure else 80
    name = parts.host if parts.port == default else f"{parts.host}:{parts.port}"
    lines = [
        f"{'GET' if body is None else 'POST'} {parts.target} HTTP/1.1",
        f"Host: {name}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
        *(f"{field}: {value}" for field, value in headers.items()),
    ]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if any("\r" in line or "\n" in line for line in lines):
        raise FetchRefused("a header that is more than one line", hint="leave out line breaks")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def _read(
    connection: socket.socket,
    parts: _Parts,
    request: bytes,
    limits: FetchLimits,
    deadline: float,
) -> bytes:
    connection.settimeout(_left(deadline))
    connection.sendall(request)
    method = "GET" if request.startswith(b"GET") else "POST"
    with closing(http.client.HTTPResponse(connection, method=method)) as response:
        response.begin()
        if response.status not in _GOOD:
            refused = FetchRefused(
                f"{parts.host} answered {response.status}", hint="redirects are not followed"
            )
            refused.status = response.status
            raise refused
        body = bytearray()
        while True:
            connection.settimeout(_left(deadline))
            block = response.read1(_BLOCK)
            if not block:
                break
            body += block
            if len(body) > limits.most_bytes:
                raise FetchRefused(
                    f"{parts.host} sends more than {limits.most_bytes} bytes",
                    hint="it is not read further",
                )
        _left(deadline)  # the watchdog's end of the connection looks like the end of the body
        if response.length:
            raise http.client.IncompleteRead(bytes(body), response.length)
        return bytes(body)


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left
