"""The outermost boxes of MP4 and MOV, as far as carrying a C2PA manifest over takes.

A manifest stands in a ``uuid`` box of its own (C2PA 2.1, "Embedding manifests into BMFF-based
assets"; ISO/IEC 14496-12 for boxes). A forger needs no library for that: it is copied byte by byte.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from provenance.manifest.containers import C2PA_BOX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST = 1 << 16
_MOST_BYTES = 1 << 28  # of a manifest
_COPY_BYTES = 1 << 20


class Box(NamedTuple):
    """A box: where it begins, how many bytes it has, header included, its type, and for ``uuid``
    boxes the type that follows.
    """

    start: int
    size: int
    kind: bytes
    extended: bytes


def boxes(file: BinaryIO) -> Iterator[Box]:
    """The outermost boxes of ``file``; what is no box ends them."""
    end = file.seek(0, os.SEEK_END)
    start = 0
    for _ in range(_MOST):
        file.seek(start)
        header = file.read(32)
        if len(header) < 8:
            return
        size, kind, extended = int.from_bytes(header[:4], "big"), header[4:8], header[8:24]
        if size == 1:
            size, extended = int.from_bytes(header[8:16], "big"), header[16:32]
        elif size == 0:
            size = end - start
        if size < 8 or start + size > end:
            return
        yield Box(start, size, kind, extended if kind == b"uuid" else b"")
        start += size


def manifest_boxes(path: Path) -> list[bytes]:
    """The boxes with C2PA manifests in the file at ``path``, whole; none in files without boxes."""
    with path.open("rb") as file:
        found = [box for box in boxes(file) if box.extended == C2PA_BOX]
        return [_read(file, box) for box in found if box.size <= _MOST_BYTES]


def write_with_boxes(source: Path, target: Path, added: list[bytes]) -> None:
    """Writes ``source`` to ``target`` with its own manifests left out and ``added`` at the end.

    At the end, because samples are addressed from the start of the file: whatever stands in the
    place of a manifest of its own is therefore as long as that.
    """
    with source.open("rb") as file, target.open("wb") as out:
        for box in boxes(file):
            file.seek(box.start)
            if box.extended == C2PA_BOX:
                # A "free" box, which readers skip.
                out.write(box.size.to_bytes(4, "big") + b"free" + bytes(box.size - 8))
                continue
            header = file.read(8)
            if header[:4] == bytes(4) and box.size < 1 << 32:
                # "To the end of the file" is no longer true.
                header = box.size.to_bytes(4, "big") + header[4:]
            out.write(header)
            _copy(file, out, box.size - 8)
        for box_bytes in added:
            out.write(box_bytes)


def _read(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.start)
    data = file.read(box.size)
    if data[:4] == bytes(4):
        data = box.size.to_bytes(4, "big") + data[4:]
    return data


def _copy(file: BinaryIO, out: BinaryIO, count: int) -> None:
    while count > 0:
        block = file.read(min(count, _COPY_BYTES))
        if not block:
            return
        out.write(block)
        count -= len(block)
