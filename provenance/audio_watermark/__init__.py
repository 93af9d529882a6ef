"""The inaudible mark: a keyed tile of time and frequency, and the search for it.

:class:`SoundMarker` writes, :class:`SoundDetector` reads, :class:`SoundDetection` is what was read.
The payload, its tag and its error correction are those of the mark in the pictures.
"""

from __future__ import annotations

from provenance.audio_watermark.detector import SoundDetection, SoundDetector
from provenance.audio_watermark.marker import LOWEST_RATE, SoundMarker
from provenance.audio_watermark.softmap import Stretch

__all__ = ["LOWEST_RATE", "SoundDetection", "SoundDetector", "SoundMarker", "Stretch"]
