"""A file that is sent while it is written: fragmented MP4, to disk and to whoever watches.

Fragmented MP4 (ISO/IEC 14496-12) begins with an index that names the tracks and no pictures; the
pictures follow in fragments that each stand for themselves. Nothing leaves before that beginning
was seen, so that who is told of it can act first.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Protocol

from provenance.errors import OptionError, OutputError
from provenance.video.settings import EncodeSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from provenance.clip import VideoSpec

FRAGMENT_FRAMES = 8
"""In a fragment at most: as many as the bundled generators make at a time."""
_LONGEST_FRAGMENT_S = Fraction(1, 2)
LIVE_SUFFIXES = (".mp4", ".mov")
"""Files that can be streamed while they are made, as MP4."""
_LONGEST_BEGINNING = 1 << 20


def live_settings(settings: EncodeSettings | None, video: VideoSpec) -> EncodeSettings:
    """``settings``, and where they say nothing, what makes the encoder give out frames soon.

    About a second from key frame to key frame, and whole fragments: key frames begin new ones.
    """
    chosen = settings or EncodeSettings(preset="veryfast")
    ordered = chosen.codec in ("h264", "hevc", "mpeg4")
    return replace(
        chosen,
        gop=chosen.gop or FRAGMENT_FRAMES * ceil(video.rate / FRAGMENT_FRAMES),
        b_frames=0 if ordered and chosen.b_frames is None else chosen.b_frames,
        low_delay=True,
    )


def live_options(video: VideoSpec) -> dict[str, str]:
    """The muxer's: a fragment is closed when the first picture of the next one comes."""
    longest_s = min(FRAGMENT_FRAMES / video.rate, _LONGEST_FRAGMENT_S)
    return {
        "movflags": "empty_moov+frag_keyframe+default_base_moof",
        "frag_duration": str(floor(longest_s * 1_000_000) - 1),  # compared with rounded times
        "fflags": "+flush_packets",
    }


class ByteSink(Protocol):
    """Where a stream goes: a pipe, a socket's file, a response."""

    def write(self, data: bytes, /) -> object: ...


def check_live(path: Path) -> None:
    """Raises :class:`~provenance.errors.OptionError` for a file that no stream can go with."""
    if path.suffix.lower() not in LIVE_SUFFIXES:
        raise OptionError(
            f"{path} cannot be streamed while it is made",
            hint=f"use one of {', '.join(LIVE_SUFFIXES)}",
        )


class LiveFile:
    """What the muxer writes to: a file at ``path`` and ``sink``, which is sent the same bytes.

    ``announce`` gets the beginning, ``ftyp`` and ``moov``, before ``sink`` gets its first byte.
    """

    def __init__(self, path: Path, sink: ByteSink, announce: Callable[[bytes], None]) -> None:
        self._file = path.open("r+b")
        self._sink = sink
        self._announce = announce
        self._held: bytearray | None = bytearray()

    def write(self, data: bytes) -> int:
        block = bytes(data)
        self._file.write(block)
        if self._held is None:
            self._send(block)
            return len(block)
        self._held += block
        length = _beginning(self._held)
        if length is not None:
            beginning, self._held = bytes(self._held), None
            self._announce(beginning[:length])
            self._send(beginning)
        return len(block)

    def close(self) -> None:
        self._file.close()

    def _send(self, block: bytes) -> None:
        try:
            self._sink.write(block)
            flush = getattr(self._sink, "flush", None)
            if flush is not None:
                flush()
        except OSError as error:  # its own, and not that of the file
            raise OutputError(
                f"the stream cannot be sent: {error.strerror or error}",
                hint="whoever read it is gone; nothing of the clip was kept",
            ) from error


def _beginning(data: bytearray) -> int | None:
    """The length of everything up to the end of ``moov``; None while it is not all there."""
    position = 0
    while position + 8 <= min(len(data), _LONGEST_BEGINNING):
        size = int.from_bytes(data[position : position + 4], "big")
        end = position + max(8, size)
        if end > len(data):
            return None
        if data[position + 4 : position + 8] == b"moov":
            return end
        position = end
    return None
