"""The inaudible mark: a keyed tile of time and frequency, and the search for it.

:class:`SoundMarker` writes, :class:`SoundDetector` reads, :class:`SoundDetection` is what was read.
The payload, its tag and its error correction are those of the mark in the pictures.

Names are resolved on first use (PEP 562): what writes needs none of what searches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.lazy_names import lazy_names

if TYPE_CHECKING:
    from provenance.audio_watermark.detector import SoundDetection, SoundDetector
    from provenance.audio_watermark.marker import LOWEST_RATE, SoundMarker
    from provenance.audio_watermark.softmap import Stretch

_HOME = {
    "LOWEST_RATE": "provenance.audio_watermark.marker",
    "SoundDetection": "provenance.audio_watermark.detector",
    "SoundDetector": "provenance.audio_watermark.detector",
    "SoundMarker": "provenance.audio_watermark.marker",
    "Stretch": "provenance.audio_watermark.softmap",
}

__all__ = ["LOWEST_RATE", "SoundDetection", "SoundDetector", "SoundMarker", "Stretch"]

__getattr__, __dir__ = lazy_names(__name__, _HOME, __all__)
