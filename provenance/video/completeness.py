"""Whether a file ends before its own structure says: FFmpeg reads such files without a word."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from provenance.video.sniff import AVI, MKV, MOV, MP3, MP4, MPEGTS, OGG, TS_SYNC, WAV, WEBM, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    ReadAt = Callable[[int, int], bytes]

# Behind the last of these, files carry junk that looks like a box of any size.
KNOWN_BOXES = frozenset(
    {
        b"ftyp",
        b"moov",
        b"mdat",
        b"free",
        b"skip",
        b"wide",
        b"uuid",
        b"moof",
        b"styp",
        b"sidx",
        b"mfra",
    }
)
MAX_BOXES = 100_000
SEGMENT = b"\x18\x53\x80\x67"
# Recorders that cannot seek back leave sizes like these.
UNKNOWN_RIFF_SIZE = 0xFFFF_FF00
UNKNOWN_WAV_SIZE = 0x7FFF_0000
MOST_MISCOUNTED = 2048
PAGE_HEADER = 27
END_OF_STREAM = 4
MOST_OF_A_PAGE = PAGE_HEADER + 255 + 255 * 255
OPEN_ENDED = (
    "the last page does not say that the sound ends there: the recording was broken off, or the "
    "rest of the file is missing"
)
"""What is said of a file that :func:`is_open_ended`."""


def missing_bytes(kind: Kind, read_at: ReadAt, size: int) -> int:
    """How many bytes the file lacks at its end, 0 where it is whole or its format does not tell.

    ``read_at(count, offset)`` gives bytes of the file, ``size`` is its length.
    """
    find = _FINDERS.get(kind)
    return max(0, find(read_at, size) - size) if find else 0


def _iso_end(read_at: ReadAt, size: int) -> int:
    at = 0
    for _ in range(MAX_BOXES):
        header = read_at(16, at)
        if at >= size or len(header) < 8 or header[4:8] not in KNOWN_BOXES:
            break
        length = struct.unpack(">I", header[:4])[0]
        if length == 1 and len(header) == 16:
            length = struct.unpack(">Q", header[8:])[0]
        if length < 8:  # 0: to the end of the file
            break
        at += length
    return at


def _ebml_end(read_at: ReadAt, size: int) -> int:
    head = read_at(4096, 0)
    at = head.find(SEGMENT) + len(SEGMENT)
    if at < len(SEGMENT) or at >= len(head):
        return size
    # A number of 1 to 8 bytes, whose first set bit says how many; all ones is "unknown".
    width = 9 - head[at].bit_length()
    number = int.from_bytes(head[at : at + width], "big") & ((1 << (7 * width)) - 1)
    unknown = number == (1 << (7 * width)) - 1
    return size if width > 8 or unknown else at + width + number


def _riff_end(read_at: ReadAt, size: int) -> int:
    length = struct.unpack("<I", read_at(4, 4))[0]
    return size if length >= UNKNOWN_RIFF_SIZE else 8 + length


def _wav_end(read_at: ReadAt, size: int) -> int:
    """The end of the samples: pieces of notes may follow them."""
    long, at = None, 12
    for _ in range(MAX_BOXES):
        header = read_at(16, at)
        if at >= size or len(header) < 8:
            break
        length = struct.unpack("<I", header[4:8])[0]
        if header[:4] == b"ds64":  # EBU Tech 3306: the lengths of RF64, which has 2³² − 1 for them
            long = struct.unpack("<Q", read_at(8, at + 16).ljust(8, b"\0"))[0]
        elif header[:4] == b"data":
            length = long if long and length == 0xFFFF_FFFF else length
            known = 0 < length < UNKNOWN_WAV_SIZE or length == long
            return at + 8 + length if known else size
        at += 8 + length + length % 2
    return size


def _mp3_end(read_at: ReadAt, size: int) -> int:
    """The end of the frames, where the first one holds LAME's or FFmpeg's count of their bytes."""
    at = 0
    head = read_at(10, 0)
    if head[:3] == b"ID3" and len(head) == 10:
        length = 0
        for byte in head[6:]:
            length = length << 7 | byte & 0x7F
        at = 10 + length + (10 if head[5] & 0x10 else 0)
    frame = read_at(64, at)
    if len(frame) < 64 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return size
    first, mono = frame[1] & 0x18 == 0x18, frame[3] >> 6 == 3
    info = 4 + ((17 if mono else 32) if first else (9 if mono else 17))
    flags = int.from_bytes(frame[info + 4 : info + 8], "big")
    if frame[info : info + 4] not in (b"Xing", b"Info") or not flags & 2:
        return size
    count_at = info + 8 + (4 if flags & 1 else 0)
    end = at + int.from_bytes(frame[count_at : count_at + 4], "big")
    # Some count a tag or a frame too many.
    return end if end - size > MOST_MISCOUNTED else size


def is_open_ended(kind: Kind, read_at: ReadAt, size: int) -> bool:
    """Whether the last piece of the file is whole and does not say that it is the last, as its
    format has it said: a recording that was broken off, or a file cut between two pieces.
    """
    if kind is not OGG:
        return False
    _, header = _last_page(read_at, size)
    return len(header) == PAGE_HEADER and not header[5] & END_OF_STREAM


def _ts_end(read_at: ReadAt, size: int) -> int:
    """The end of the packet that the file breaks off in, if it begins where one should."""
    for first, length in ((0, 188), (4, 192)):
        whole = size // length * length
        packets = [read_at(1, first + number * length) for number in (0, 1)]
        if all(byte == bytes([TS_SYNC]) for byte in (*packets, read_at(1, whole + first))):
            return whole + length
    return size


def _ogg_end(read_at: ReadAt, size: int) -> int:
    """The end of the last page; for that it is the last see :func:`is_open_ended`."""
    at, header = _last_page(read_at, size)
    if not header:
        return size
    if len(header) < PAGE_HEADER:
        return at + PAGE_HEADER + 1
    lengths = read_at(header[26], at + PAGE_HEADER)
    return at + PAGE_HEADER + header[26] + sum(lengths)


def _last_page(read_at: ReadAt, size: int) -> tuple[int, bytes]:
    """Where it begins, and its header (RFC 3533, section 6); empty where there is no page."""
    first = max(0, size - MOST_OF_A_PAGE)
    tail = read_at(size - first, first)
    at = tail.rfind(b"OggS")
    return (size, b"") if at < 0 else (first + at, tail[at : at + PAGE_HEADER])


_FINDERS = {
    MP4: _iso_end,
    MOV: _iso_end,
    WEBM: _ebml_end,
    MKV: _ebml_end,
    AVI: _riff_end,
    WAV: _wav_end,
    MP3: _mp3_end,
    OGG: _ogg_end,
    MPEGTS: _ts_end,
}
