"""A file's manifest as bytes, for a ``.c2pa`` beside it: taken out without changing the file.

Where a manifest lies is in annex A of the C2PA specification: a ``uuid`` box in MP4 and MOV, a
``C2PA`` chunk in AVI and WAV.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provenance.errors import UnsupportedMedia
from provenance.manifest.containers import (
    AVI,
    C2PA_BOX,
    M4A,
    MOV,
    MP4,
    WAV,
    container_of,
    find_sidecar,
    open_input,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_MOST_BYTES = 64 << 20
_MOST_BOXES = 1 << 16


def extract_manifest(path: Path) -> bytes | None:
    """The manifest store in ``path``, else in the sidecar beside it; None when there is none.

    Raises :class:`UnsupportedMedia` for a kind of file that it cannot be taken out of, and what
    :func:`~provenance.manifest.containers.container_of` raises.
    """
    container = container_of(path)
    sidecar = find_sidecar(path)
    if not container.embeds:
        return None if sidecar is None else sidecar.read_bytes()
    with open_input(path) as file:
        if container in (MP4, M4A, MOV):
            found = _from_boxes(file)
        elif container in (AVI, WAV):
            found = _from_chunks(file)
        else:
            raise UnsupportedMedia(
                f"credentials are not taken out of {container.name} files",
                hint="give an MP4, MOV, AVI or WAV file, or one with a .c2pa file beside it",
            )
    return found if found is not None or sidecar is None else sidecar.read_bytes()


def _from_boxes(file: BinaryIO) -> bytes | None:
    position, end = 0, file.seek(0, os.SEEK_END)
    for _ in range(_MOST_BOXES):
        if position + 8 > end:
            return None
        file.seek(position)
        header = file.read(16)
        size, kind, head = int.from_bytes(header[:4], "big"), header[4:8], 8
        if size == 1:
            size, head = int.from_bytes(header[8:16], "big"), 16
        elif size == 0:
            size = end - position
        if size < head:
            return None
        if kind == b"uuid" and size <= _MOST_BYTES:
            file.seek(position + head)
            body = file.read(size - head)
            # User type, version and flags, then the purpose as a text, and an offset of 8 bytes.
            if body[:16] == C2PA_BOX and body[20:].startswith(b"manifest\0"):
                return body[20 + 9 + 8 :]
        position += size
    return None


def _from_chunks(file: BinaryIO) -> bytes | None:
    position, end = 12, file.seek(0, os.SEEK_END)
    for _ in range(_MOST_BOXES):
        if position + 8 > end:
            return None
        file.seek(position)
        header = file.read(8)
        size = int.from_bytes(header[4:], "little")
        if header[:4] == b"C2PA" and size <= _MOST_BYTES:
            return file.read(size)
        position += 8 + size + (size & 1)
    return None
