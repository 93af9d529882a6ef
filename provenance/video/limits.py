"""How much of a file we are willing to open and decode."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on untrusted media; whatever exceeds one raises
    :class:`~provenance.errors.MediaTooLarge`.

    ``max_pixels``: width × height of one picture (8K fits, a 8192 × 8192 bomb does not).
    ``max_duration_s``: declared, and shown while decoding. ``max_frames``: likewise. ``max_rate``:
    frames per second. ``max_streams``: tracks of any kind in the file.
    ``max_packets_without_frame``: compressed pieces in a row that give no picture; this one is
    damage and raises :class:`~provenance.errors.UnreadableMedia`. ``max_bytes``: size of the file.
    """

    max_pixels: int = 8192 * 4320
    max_duration_s: float = 4 * 3600.0
    max_frames: int = 1_000_000
    max_rate: float = 1000.0
    max_streams: int = 64
    max_packets_without_frame: int = 2000
    max_bytes: int | None = None
