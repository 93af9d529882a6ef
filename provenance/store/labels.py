"""The labels of the manifests in a C2PA manifest store, without the C2PA library.

A manifest store is a JUMBF superbox (ISO/IEC 19566-5) labelled ``c2pa`` that holds one superbox a
manifest; the last one is the active one (C2PA 2.4, "Manifest Store").
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_UUID_BYTES = 16
_HAS_LABEL = 0x02


def active_label(store: bytes) -> str | None:
    """The label of the active manifest (``urn:c2pa:…``); None for bytes that are no such store."""
    manifests = _manifests(store)
    return manifests[-1][0] if manifests else None


def active_only(store: bytes) -> bytes | None:
    """A manifest store that holds the active manifest alone; None as above."""
    manifests = _manifests(store)
    if not manifests:
        return None
    description = next(_boxes(_content(store)))[1]
    body = struct.pack(">I4s", 8 + len(description), b"jumd") + description + manifests[-1][1]
    return struct.pack(">I4s", 8 + len(body), b"jumb") + body


def _manifests(store: bytes) -> list[tuple[str, bytes]]:
    """(label, whole box) of every manifest in ``store``; none where it cannot be read."""
    try:
        kind, content = next(_boxes(store))
        if kind != b"jumb" or _label(content) != "c2pa":
            return []
        found = []
        for inner, body in _boxes(content):
            if inner == b"jumb":
                box = struct.pack(">I4s", 8 + len(body), b"jumb") + body
                found.append((_label(body), box))
    except (ValueError, StopIteration, struct.error):
        return []
    return [(label, box) for label, box in found if label]


def _content(store: bytes) -> bytes:
    return next(_boxes(store))[1]


def _label(superbox: bytes) -> str:
    kind, description = next(_boxes(superbox))
    if kind != b"jumd" or len(description) <= _UUID_BYTES:
        raise ValueError("a superbox without a description")
    if not description[_UUID_BYTES] & _HAS_LABEL:
        return ""
    text, end, _ = description[_UUID_BYTES + 1 :].partition(b"\0")
    if not end:
        raise ValueError("a label without an end")
    return text.decode("utf-8")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, content) of each box in ``data``; raises :class:`ValueError` for a bad length."""
    place = 0
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        header = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, place + 8)
            header = 16
        elif length == 0:
            length = len(data) - place
        if length < header or place + length > len(data):
            raise ValueError("a box that is longer than its place")
        yield kind, data[place + header : place + length]
        place += length
