"""What a file is, by its bytes, and where its manifest lives: inside or beside it.

Video of ours, and everything else that the library reads credentials from.

File names lie, and a wrong MIME type makes the library refuse or misread a file.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from provenance.errors import InputEmpty
from provenance.id3 import tag_bytes
from provenance.regular_file import open_regular

if TYPE_CHECKING:
    from pathlib import Path

C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""Extended type of the ``uuid`` box that holds a manifest (C2PA specification, BMFF embedding)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """``embeds``: whether a manifest fits inside; otherwise it is a ``.c2pa`` file beside it."""

    name: str
    mime: str
    embeds: bool


MP4 = Container(name="mp4", mime="video/mp4", embeds=True)
M4A = Container(name="m4a", mime="audio/mp4", embeds=True)
MOV = Container(name="mov", mime="video/quicktime", embeds=True)
AVI = Container(name="avi", mime="video/avi", embeds=True)
WAV = Container(name="wav", mime="audio/wav", embeds=True)
WEBM = Container(name="webm", mime="video/webm", embeds=False)
MATROSKA = Container(name="mkv", mime="video/x-matroska", embeds=False)
OGG = Container(name="ogg", mime="video/ogg", embeds=False)
TS = Container(name="ts", mime="video/mp2t", embeds=False)
JPEG = Container(name="jpeg", mime="image/jpeg", embeds=True)
PNG = Container(name="png", mime="image/png", embeds=True)
GIF = Container(name="gif", mime="image/gif", embeds=True)
WEBP = Container(name="webp", mime="image/webp", embeds=True)
AVIF = Container(name="avif", mime="image/avif", embeds=True)
HEIC = Container(name="heic", mime="image/heic", embeds=True)
HEIF = Container(name="heif", mime="image/heif", embeds=True)
JXL = Container(name="jxl", mime="image/jxl", embeds=True)
TIFF = Container(name="tiff", mime="image/tiff", embeds=True)  # DNG, ARW and NEF too
SVG = Container(name="svg", mime="image/svg+xml", embeds=True)
FLAC = Container(name="flac", mime="audio/flac", embeds=True)
MP3 = Container(name="mp3", mime="audio/mpeg", embeds=True)
PDF = Container(name="pdf", mime="application/pdf", embeds=True)
ZIP = Container(name="zip", mime="application/x-zip", embeds=True)  # EPUB, Office documents
STORE = Container(name="c2pa", mime="application/c2pa", embeds=True)
UNKNOWN = Container(name="unknown", mime="application/octet-stream", embeds=False)

SIDECARS = (WEBM, MATROSKA, OGG, TS)
"""What we write and cannot put a manifest into."""

_MAX_BOXES = 1 << 16  # a fragmented film has some thousand; a hostile file has what fits
_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_BRANDS = {
    b"qt  ": MOV,
    b"M4A ": M4A,
    b"M4B ": M4A,
    b"avif": AVIF,
    b"avis": AVIF,
    b"heic": HEIC,
    b"heix": HEIC,
    b"mif1": HEIF,
    b"msf1": HEIF,
}
_RIFF = {b"AVI ": AVI, b"WAVE": WAV, b"WEBP": WEBP}
_STARTS = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF8", GIF),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"\xff\x0a", JXL),
    (b"\0\0\0\x0cJXL ", JXL),
    (b"fLaC", FLAC),
    (b"ID3", MP3),
    (b"%PDF-", PDF),
    (b"PK\x03\x04", ZIP),
    (b"OggS", OGG),
)
_BMFF = (MP4, M4A, MOV)


def container_of(path: Path) -> Container:
    """The container of the file at ``path``; :data:`UNKNOWN` when it can have no credentials.

    Raises :class:`InputMissing`, :class:`InputForbidden`, :class:`InputEmpty`.
    """
    with open_input(path) as file:
        head = file.read(4096)
        file.seek(tag_bytes(head))
        behind = file.read(4)
    if not head:
        raise InputEmpty(f"{path} is empty", hint="check how it was made or copied")
    found = next((kind for start, kind in _STARTS if head.startswith(start)), UNKNOWN)
    if found == MP3 and behind == b"fLaC":  # a tag that FLAC does not have of its own, but common
        found = FLAC
    return found if found != UNKNOWN else _by_structure(head)


def _by_structure(head: bytes) -> Container:
    """What a file is whose first bytes are no constant."""
    found = UNKNOWN
    if head[4:8] == b"ftyp":
        found = _BRANDS.get(head[8:12], MP4)
    elif head[4:8] == b"jumb":
        found = STORE
    elif head[4:8] in _OLD_QUICKTIME:
        found = MOV
    elif head[:4] == b"\x1a\x45\xdf\xa3":
        found = WEBM if b"webm" in head[:64] else MATROSKA
    elif head[:4] == b"RIFF":
        found = _RIFF.get(head[8:12], UNKNOWN)
    elif _is_transport_stream(head):
        found = TS
    elif head[0] == 0xFF and len(head) > 1 and head[1] & 0xE6 == 0xE2:  # MPEG audio, layer 3
        found = MP3
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in head:
        found = SVG
    return found


def _is_transport_stream(head: bytes) -> bool:
    layouts = ((0, 188), (4, 192))  # plain, and with the time codes of Blu-ray discs
    return any(
        len(head) > start + 2 * packet and set(head[start::packet]) == {0x47}
        for start, packet in layouts
    )


def sidecar_path(path: Path) -> Path:
    """Where we put the manifest of ``path`` when it is not inside: ``clip.webm.c2pa``.

    The full name, because ``clip.webm`` and ``clip.mkv`` side by side must not share a manifest.
    """
    return path.with_name(f"{path.name}.c2pa")


def find_sidecar(path: Path) -> Path | None:
    """The sidecar of ``path``: ours, else ``clip.c2pa`` as other tools name it, else None."""
    for candidate in (sidecar_path(path), path.with_suffix(".c2pa")):
        if candidate != path and candidate.is_file():
            return candidate
    return None


def embedded_bytes(path: Path, container: Container) -> int | None:
    """Size of the manifest boxes in an MP4 or MOV, 0 when it has none; None for other containers.

    Looks at the headers of the outermost boxes only, so that it is quick and cannot be made to
    allocate; a file cut off in the middle is judged by what is there.
    """
    if container not in _BMFF:
        return None
    with open_input(path) as file:
        return _c2pa_boxes_bytes(file)


def open_input(path: Path) -> BinaryIO:
    """The file opened for reading; raises what :func:`open_regular` raises."""
    return io.BufferedReader(open_regular(path))


def _c2pa_boxes_bytes(file: BinaryIO) -> int:
    position, total, end = 0, 0, file.seek(0, os.SEEK_END)
    for _ in range(_MAX_BOXES):
        if position >= end:  # a length can say anything, numbers that no file reaches too
            return total
        file.seek(position)
        header = file.read(32)
        if len(header) < 8:
            return total
        size, kind, extended = int.from_bytes(header[:4], "big"), header[4:8], header[8:24]
        if size == 1:  # a 64-bit size follows the type
            size, extended = int.from_bytes(header[8:16], "big"), header[16:32]
        elif size == 0:  # to the end of the file
            size = end - position
        if size < 8:
            return total
        if kind == b"uuid" and extended == C2PA_BOX:
            total += size
        position += size
    return total
