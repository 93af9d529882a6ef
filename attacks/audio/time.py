"""What moves sound in time or in pitch. Its length changes; the pictures do not follow (see
:func:`attacks.audio.sound.on_sound`): clips whose pictures change with it are attacked by
:mod:`attacks.temporal.rate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attacks.audio.sound import decibels, on_sound, rechunk
from attacks.base import within
from provenance.video import filtered_sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attacks.audio.sound import Block
    from attacks.base import Desk
    from attacks.clip import Clip
    from provenance.clip import AudioSpec

WINDOW_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundSpeed:
    """Plays the sound ``factor`` times as fast, pitch included, as a tape: by resampling.

    The rate of the faster tape is rounded to whole Hz.
    """

    factor: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        factor = within("a speed", self.factor, 0.1, 10)

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            return filtered_sound(blocks, audio, *_tape(audio, factor))

        return on_sound(clip, change, what="speed")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeStretch:
    """Plays the sound ``factor`` times as fast at the same pitch.

    WSOLA (Verhelst and Roelands 1993, doi:10.1109/ICASSP.1993.319366) as FFmpeg's ``atempo`` does
    it: overlapping windows are moved to where they continue the wave. The length is right to within
    one window.
    """

    factor: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        factor = within("a tempo", self.factor, 0.5, 2)

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            return filtered_sound(blocks, audio, ("atempo", f"{factor:.9f}"))

        return on_sound(clip, change, what="a time stretch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pitch:
    """Higher by ``semitones``, in the same time: a tape that is faster, stretched back by WSOLA."""

    semitones: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        factor = 2 ** (within("a change of pitch", self.semitones, -12, 12) / 12)

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            tempo = ("atempo", f"{1 / factor:.9f}")
            return filtered_sound(blocks, audio, *_tape(audio, factor), tempo)

        return on_sound(clip, change, what="a change of pitch")


def _tape(audio: AudioSpec, factor: float) -> tuple[tuple[str, str], ...]:
    """FFmpeg's filters for a tape that runs ``factor`` times as fast."""
    rate = round(audio.sample_rate * factor)
    return ("asetrate", str(rate)), ("aresample", str(audio.sample_rate))


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundShift:
    """Moves the sound against the pictures: ``seconds`` earlier, whose start is lost, or where they
    are negative later, after silence.
    """

    seconds: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        within("a shift in seconds", self.seconds, -60, 3600)

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            count = round(self.seconds * audio.sample_rate)
            for _ in range(0, -count, audio.sample_rate):
                size = min(audio.sample_rate, -count)
                yield np.zeros((size, audio.channels), np.float32)
                count += size
            for block in blocks:
                left, count = block[count:], max(0, count - len(block))
                if len(left):
                    yield left

        return on_sound(clip, change, what="a shift")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundCut:
    """Takes ``length_s`` out at each of ``places`` (shares of the clip's duration, increasing); the
    ends are joined hard.
    """

    places: tuple[float, ...]
    length_s: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        within("a cut in seconds", self.length_s, 0, 3600)

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            length = round(self.length_s * audio.sample_rate)
            starts = [round(p * clip.duration_s * audio.sample_rate) for p in self.places]
            at = 0
            for block in blocks:
                index = np.arange(at, at + len(block))
                kept = np.ones(len(block), np.bool_)
                for start in starts:
                    kept &= (index < start) | (index >= start + length)
                at += len(block)
                if kept.any():
                    yield block[kept]

        return on_sound(clip, change, what="a cut")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSilence:
    """Shortens every pause to ``keep_s``: where windows of 10 ms stay below ``level_db`` of full
    scale (mean square), as podcast editors do.
    """

    level_db: float
    keep_s: float = 0.1

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        within("a level", self.level_db, -120, 0)

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            floor, quiet_s = decibels(self.level_db) ** 2, 0.0
            for window in rechunk(blocks, max(1, round(WINDOW_S * audio.sample_rate))):
                is_quiet = float(np.square(window).mean()) < floor
                quiet_s = quiet_s + len(window) / audio.sample_rate if is_quiet else 0.0
                if quiet_s <= self.keep_s:
                    yield window

        return on_sound(clip, change, what="dropping silence")
