"""The project's own mark in the sound as a system under test: the same 128 bits, under its own key.

What reads is :class:`~provenance.audio_watermark.SoundDetector`, which knows neither the message
nor what happened to the sound.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from attacks.sound import on_sound
from attacks.systems.base import Reading
from provenance.errors import OptionError
from provenance.keys import CarrierKey
from provenance.payload import EPOCH, MODELS, PAYLOAD_BITS, Payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from attacks.accomplice import Accomplice
    from attacks.clip import Clip
    from attacks.sound import Block
    from attacks.systems.base import Medium
    from provenance.clip import AudioSpec

_CONTENT_ID_BITS = 53
_DAYS = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryframeAudio:
    """``strength`` is that of :class:`~provenance.audio_watermark.SoundMarker`."""

    name: str = "everyframe-audio"
    frames_most: int | None = None
    strength: float = 1.0
    version: ClassVar[str] = "1"
    medium: ClassVar[Medium] = "audio"
    message_bits: ClassVar[int] = PAYLOAD_BITS

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
        return _Ally(system=self, original=original, seed=seed, other=stranger)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ally:
    """Marks for whoever attacks, under keys that follow from that of ``seed``."""

    system: EveryframeAudio
    original: Clip
    seed: int
    other: Clip | None

    def copies(self, count: int) -> list[Clip]:
        return [
            self.system.mark(self.original, seed=self.seed + 1 + index) for index in range(count)
        ]

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        return self.system.mark(clip, seed=seed)

    def listen(self, luma: torch.Tensor) -> torch.Tensor:
        raise OptionError("a mark in the sound is not heard in pictures", hint="attack the sound")

    def stranger(self) -> Clip:
        if self.other is None:
            raise OptionError("there is no other clip", hint="give one")
        return self.other


def carrier(seed: int) -> CarrierKey:
    """The carrier key of ``seed``."""
    return CarrierKey(name=f"bench-{seed}", secret=_drawn("sound carrier", seed))


def message(seed: int) -> Payload:
    """The payload of ``seed``: every field of it is drawn."""
    drawn = int.from_bytes(_drawn("sound message", seed), "big")
    drawn, content_id = divmod(drawn, 1 << _CONTENT_ID_BITS)
    drawn, day = divmod(drawn, _DAYS)
    return Payload(
        model=MODELS[drawn % len(MODELS)].number,
        day=EPOCH + timedelta(days=day),
        content_id=content_id,
    )


def _drawn(what: str, seed: int) -> bytes:
    return hashlib.sha256(f"everyframe {what} {seed}".encode()).digest()
