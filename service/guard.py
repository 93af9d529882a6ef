"""Addresses that clients name, and that we may call: public ones alone, looked at after DNS.

A name is resolved once, every address that it has is looked at, and the connection goes to the
address that was looked at: a name that answers differently the second time (DNS rebinding) gains
nothing. Source of the rules: OWASP, "Server-Side Request Forgery Prevention".
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from provenance.addresses import is_public, reached

if TYPE_CHECKING:
    from collections.abc import Callable

PORTS = frozenset({80, 443, 8080, 8443})


class ForbiddenTarget(Exception):
    """The address may not be called; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect: ``address``, an IP that was looked at; ``host``: what to ask for."""

    scheme: str
    host: str
    port: int
    address: str
    path: str

    @property
    def url(self) -> str:
        """The URL with the numeric address in it."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{address}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        usual = {"http": 80, "https": 443}[self.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual else f"{host}:{self.port}"


def check_form(url: str, *, private: bool) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of ``url``, judged without asking DNS.

    ``private``: plain HTTP, any port and private addresses are fine.
    Raises :class:`ForbiddenTarget`.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ForbiddenTarget("it is no URL") from error
    if parts.scheme not in ({"https", "http"} if private else {"https"}):
        raise ForbiddenTarget("it must begin with https://")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise ForbiddenTarget("it must have a host, and neither a password nor a fragment")
    port = port or (443 if parts.scheme == "https" else 80)
    if not private and port not in PORTS:
        raise ForbiddenTarget(f"port {port} may not be called")
    if _is_number(host):
        _check_address(host, private=private)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port, path


def find_target(
    url: str,
    *,
    private: bool,
    resolve: Callable[[str, int], list[str]] | None = None,
) -> Target:
    """Where ``url`` leads, after DNS. ``resolve``: (host, port) → numeric addresses.

    Raises :class:`ForbiddenTarget`; one forbidden address among several is enough.
    """
    scheme, host, port, path = check_form(url, private=private)
    addresses = (resolve or _resolve)(host, port)
    if not addresses:
        raise ForbiddenTarget("its name has no address")
    for address in addresses:
        _check_address(address, private=private)
    return Target(scheme=scheme, host=host, port=port, address=addresses[0], path=path)


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ForbiddenTarget("its name cannot be resolved") from error
    return [str(entry[4][0]) for entry in found]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_address(text: str, *, private: bool) -> None:
    address = reached(text)
    if private and not address.is_multicast and not address.is_unspecified:
        return
    if not is_public(text):
        raise ForbiddenTarget("it leads to an address that is not public")
