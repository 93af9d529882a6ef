"""The inaudible mark: a keyed tile of time and frequency, and the search for it.

:class:`SoundMarker` writes, :class:`SoundDetector` reads, :class:`SoundDetection` is what was read.
The payload, its tag and its error correction are those of the mark in the pictures.

Names are resolved on first use (PEP 562): what writes needs none of what searches.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provenance.audio_watermark.detector import SoundDetection, SoundDetector
    from provenance.audio_watermark.marker import LOWEST_RATE, SoundMarker
    from provenance.audio_watermark.softmap import Stretch

_HOME = {
    "LOWEST_RATE": "marker",
    "SoundDetection": "detector",
    "SoundDetector": "detector",
    "SoundMarker": "marker",
    "Stretch": "softmap",
}

__all__ = ["LOWEST_RATE", "SoundDetection", "SoundDetector", "SoundMarker", "Stretch"]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
