"""Who comes without a key, told apart for as long as it takes to count requests, and not longer.

A visitor's address becomes a keyed digest under a key that lives in this process' memory alone: it
is neither stored nor logged, and means nothing to anybody else.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets

_IPV6_PREFIX = 64
"""What one customer usually has: counted by address, they would have 2⁶⁴ allowances."""


class Visitors:
    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def name(self, address: str | None) -> str:
        """A short name for the client at ``address``, an IP in text; None: all unknown ones."""
        return hashlib.blake2b(
            _network(address).encode(), key=self._key, digest_size=12
        ).hexdigest()


def _network(address: str | None) -> str:
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, _IPV6_PREFIX), strict=False))
    return str(ip)
