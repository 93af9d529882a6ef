"""Which network addresses are public: the one judgement for all that a stranger may send us to.

Sources: IANA's special-purpose address registries (RFC 6890), by :mod:`ipaddress`; RFC 3056 (6to4),
RFC 4291 (IPv4 in IPv6) and RFC 6052 (NAT64) for IPv6 addresses that lead to an IPv4 one.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def reached(text: str) -> IPv4Address | IPv6Address:
    """The address that a connection to ``text`` ends at: the IPv4 one that an IPv6 one stands for.

    ``text`` is numeric; a zone (``%eth0``) is left out. Raises ``ValueError`` for anything else.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def is_public(text: str) -> bool:
    """Whether ``text``, a numeric address, leads to one host on the public internet.

    Raises ``ValueError`` for what is no numeric address.
    """
    address = reached(text)
    return address.is_global and not (address.is_multicast or address.is_reserved)
