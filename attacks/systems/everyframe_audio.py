"""The project's own mark in the sound as a system under test: the same 128 bits, under its own key.

What reads is :class:`~provenance.audio_watermark.SoundDetector`, which knows neither the message
nor what happened to the sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from attacks.audio.sound import on_sound
from attacks.content_key import code_digest
from attacks.systems.accomplice import SystemAccomplice
from attacks.systems.base import Reading
from attacks.systems.everyframe import carrier, message
from provenance.payload import PAYLOAD_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attacks.accomplice import Accomplice
    from attacks.audio.sound import Block
    from attacks.clip import Clip
    from attacks.systems.base import Medium
    from provenance.clip import AudioSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryframeAudio:
    """``strength`` is that of :class:`~provenance.audio_watermark.SoundMarker`."""

    name: str = "everyframe-audio"
    frames_most: int | None = None
    strength: float = 1.0
    medium: ClassVar[Medium] = "audio"
    message_bits: ClassVar[int] = PAYLOAD_BITS
    keyed: ClassVar[bool] = True

    @property
    def version(self) -> str:
        """Follows from the code that marks and reads."""
        from provenance.audio_watermark import SoundDetector, SoundMarker

        own = code_digest(EveryframeAudio)
        return f"{self.strength:g}/{code_digest(SoundMarker, SoundDetector)}/{own}"

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        """Raises :class:`~provenance.errors.OptionError` for a clip without sound, and what
        :class:`~provenance.audio_watermark.SoundMarker` raises.
        """
        from provenance.audio_watermark import SoundMarker

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            marker = SoundMarker(
                payload=message(seed),
                key=carrier(seed),
                rate=audio.sample_rate,
                channels=audio.channels,
                strength=self.strength,
            )
            for block in blocks:
                yield marker.push(block)
            yield marker.finish()

        return on_sound(clip, change, what="a mark")

    def read(self, clip: Clip, *, seed: int) -> Reading:
        from provenance.audio_watermark import SoundDetector

        if clip.audio is None:
            return Reading(recovered=False, present=False)
        detector = SoundDetector(keys=[carrier(seed)], rate=clip.audio.sample_rate)
        for block in clip.sound():
            detector.add(block)
        found = detector.finish().mark
        return Reading(
            recovered=found.payload == message(seed),
            present=found.detected,
            presence_p=found.presence_p,
            bound=found.false_positive_bound,
        )

    def accomplice(self, original: Clip, *, seed: int, stranger: Clip | None) -> Accomplice:
        return SystemAccomplice(system=self, original=original, seed=seed, other=stranger)
