"""Watches and hears a file while it is verified, and says at the end what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.quality.offset import offset_finding
from detectors.quality.pictures import PICTURE_KINDS, PictureWatch
from detectors.quality.sound import SOUND_KINDS, SoundWatch
from detectors.result import QualityFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from detectors.result import QualityKind
    from provenance.video import Picture


class QualityWatch:
    """Takes in the pictures and the blocks of sound of one file as they come."""

    def __init__(self) -> None:
        self._pictures = PictureWatch()
        self._sound: SoundWatch | None = None

    def add(self, picture: Picture, time_s: float) -> None:
        """Takes in the next picture, shown at ``time_s`` seconds."""
        self._pictures.add(picture, time_s)

    def heard(
        self, blocks: Iterable[NDArray[np.float32]], rate: int
    ) -> Iterator[NDArray[np.float32]]:
        """``blocks`` (N, channels) in −1…1 at ``rate`` samples a second, and hears them."""
        self._sound = SoundWatch(rate)
        for block in blocks:
            self._sound.add(block)
            yield block

    def facts(self, marked_offset_ms: int | None = None) -> QualityFacts:
        """What was looked for, and what was found.

        ``marked_offset_ms``: how much later than its pictures the sound comes by the marks in both.
        """
        looked_for: list[QualityKind] = []
        findings = []
        if self._pictures.count:
            looked_for += PICTURE_KINDS
            findings += self._pictures.findings()
        if self._sound is not None and self._sound.seconds:
            looked_for += SOUND_KINDS
            findings += self._sound.findings()
        if self._pictures.count > 1 and self._sound is not None and self._sound.seconds:
            looked_for.append("audio_offset")
            activity = self._pictures.activity()
            found = offset_finding(marked_offset_ms, activity, self._sound.loudness())
            findings += [] if found is None else [found]
        ordered = sorted(findings, key=lambda one: (one.start_s or 0.0, one.kind))
        return QualityFacts(looked_for=tuple(looked_for), findings=tuple(ordered))
