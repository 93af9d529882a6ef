"""Clips in memory: cut, painted over and written again, as somebody with an editor does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import takewhile
from typing import TYPE_CHECKING

import cv2
import numpy as np

from provenance.clip import AudioSpec, VideoSpec
from provenance.errors import InputError
from provenance.video import (
    EncodeSettings,
    MediaWriter,
    open_media,
    open_sound,
    picture_from_rgb,
    rgb_from_picture,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 48_000  # of sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """``frames``: (H, W, 3) uint8 sRGB at ``rate`` a second. ``sound``: (N, 2) at 48 kHz or None.

    Sound and frames begin together, and end within a frame of each other.
    """

    frames: list[NDArray[np.uint8]]
    rate: Fraction
    sound: NDArray[np.float32] | None = None

    @property
    def seconds(self) -> float:
        return float(len(self.frames) / self.rate)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        height, width = self.frames[0].shape[:2]
        return width, height

    def at(self, seconds: float) -> int:
        """The number of the frame at ``seconds``."""
        return min(len(self.frames), max(0, round(seconds * self.rate)))

    def part(self, start_s: float, end_s: float) -> Take:
        """From ``start_s`` to ``end_s``, to whole frames."""
        first, last = self.at(start_s), self.at(end_s)
        sound = self.sound
        if sound is not None:
            begin, end = (round(RATE * index / self.rate) for index in (first, last))
            sound = sound[begin:end]
        return replace(self, frames=self.frames[first:last], sound=sound)

    def with_frames(self, change: Callable[[float, NDArray[np.uint8]], NDArray[np.uint8]]) -> Take:
        """``change`` made to every frame, which is given its time, too."""
        frames = [change(float(i / self.rate), frame) for i, frame in enumerate(self.frames)]
        return replace(self, frames=frames)


def joined(*takes: Take) -> Take:
    """One after the other, at the rate of the first; with sound where all have some."""
    sounds = [take.sound for take in takes]
    heard = [sound for sound in sounds if sound is not None]
    return Take(
        frames=[frame for take in takes for frame in take.frames],
        rate=takes[0].rate,
        sound=np.concatenate(heard) if len(heard) == len(sounds) else None,
    )


def shot(
    path: Path, *, seconds: float, size: tuple[int, int] | None = None, short: int = 360
) -> Take:
    """The start of a clip, ``short`` pixels on its short side, or made to fill ``size``."""
    with open_media(path) as media:
        rate, start = media.info.video.rate, media.info.start
        shown = takewhile(lambda p: float(p.time - start) < seconds - 1e-6, media.pictures())
        frames = [_fitted(rgb_from_picture(picture), size, short) for picture in shown]
        blocks = list(media.sound())
        hertz = media.info.audio.sample_rate if media.info.audio else RATE
    sound = _stereo(np.concatenate(blocks), hertz) if blocks else None
    take = Take(frames=frames, rate=rate)
    return replace(take, sound=_cut(sound, take.seconds))


def at_rate(take: Take, rate: Fraction) -> Take:
    """``take`` shown at ``rate``: frames are dropped or shown again."""
    count = round(take.seconds * rate)
    frames = [take.frames[take.at(float(i / rate)) - len(take.frames)] for i in range(count)]
    return replace(take, frames=frames, rate=rate)


def sound_of(path: Path, seconds: float) -> NDArray[np.float32]:
    """(N, 2) of a file of sound or a video, played again until ``seconds`` are full."""
    try:
        with open_sound(path) as reader:
            sound = _stereo(np.concatenate(list(reader.blocks())), reader.info.audio.sample_rate)
    except InputError:
        with open_media(path) as media:
            assert media.info.audio is not None
            sound = _stereo(np.concatenate(list(media.sound())), media.info.audio.sample_rate)
    again = -(-round(seconds * RATE) // len(sound))
    whole = _cut(np.concatenate([sound] * again), seconds)
    assert whole is not None
    return whole


def write(take: Take, path: Path, *, crf: int = 23, preset: str = "medium") -> Path:
    """Encodes ``take`` by x264 and AAC."""
    width, height = take.size
    video = VideoSpec(width=width, height=height, rate=take.rate)
    audio = None if take.sound is None else AudioSpec(sample_rate=RATE, channels=2)
    settings = EncodeSettings(crf=crf, preset=preset, threads=2)
    with MediaWriter(path, video=video, audio=audio, settings=settings) as writer:
        for index, frame in enumerate(take.frames):
            writer.write(picture_from_rgb(frame, time=index / take.rate, spec=video))
        if take.sound is not None:
            writer.write_audio(take.sound)
    return path


def read(path: Path) -> Take:
    """All of a file, as it is."""
    with open_media(path) as media:
        rate = media.info.video.rate
        frames = [rgb_from_picture(picture) for picture in media.pictures()]
        blocks = list(media.sound())
        hertz = media.info.audio.sample_rate if media.info.audio else RATE
    take = Take(frames=frames, rate=rate)
    sound = _stereo(np.concatenate(blocks), hertz) if blocks else None
    return replace(take, sound=_cut(sound, take.seconds))


def resized(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    way = cv2.INTER_AREA if width < frame.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, (width, height), interpolation=way), np.uint8)


def _fitted(
    frame: NDArray[np.uint8], size: tuple[int, int] | None, short: int
) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    if size is None:
        zoom = min(1.0, short / min(width, height))
        return resized(frame, 2 * round(width * zoom / 2), 2 * round(height * zoom / 2))
    zoom = max(size[0] / width, size[1] / height)
    frame = resized(frame, max(size[0], round(width * zoom)), max(size[1], round(height * zoom)))
    left, top = (frame.shape[1] - size[0]) // 2, (frame.shape[0] - size[1]) // 2
    return np.ascontiguousarray(frame[top : top + size[1], left : left + size[0]])


def _stereo(sound: NDArray[np.float32], hertz: int) -> NDArray[np.float32]:
    if hertz != RATE:
        from scipy.signal import resample_poly

        ratio = Fraction(RATE, hertz)
        sound = resample_poly(sound, ratio.numerator, ratio.denominator)
    pair = sound[:, :2] if sound.shape[1] >= 2 else np.repeat(sound[:, :1], 2, axis=1)
    return np.asarray(pair, np.float32)


def _cut(sound: NDArray[np.float32] | None, seconds: float) -> NDArray[np.float32] | None:
    if sound is None:
        return None
    count = round(seconds * RATE)
    padded = np.pad(sound[:count], ((0, max(0, count - len(sound))), (0, 0)))
    return np.asarray(padded, np.float32)
