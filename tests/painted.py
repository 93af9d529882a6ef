"""Clips painted in memory, so that what an attack does to known pixels can be seen exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from attacks.clip import Clip, frames_of, silence
from provenance.clip import AudioSpec, VideoSpec
from provenance.video import picture_from_rgb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BLOCK = 1000


def painted(
    frames: Sequence[NDArray[np.uint8]],
    *,
    rate: Fraction = Fraction(10),
    sound: NDArray[np.float32] | None = None,
    sample_rate: int = 8000,
    bits: int = 8,
    full_range: bool = False,
) -> Clip:
    """A clip of ``frames``, (H, W, 3) uint8 each, or (H, W) for grey, at ``rate``."""
    height, width = frames[0].shape[:2]
    video = VideoSpec(width=width, height=height, rate=rate, bits=bits, full_range=full_range)
    audio = None if sound is None else AudioSpec(sample_rate=sample_rate, channels=sound.shape[1])

    def pictures():
        for number, frame in enumerate(frames):
            rgb = frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2)
            yield picture_from_rgb(rgb, time=number / rate, spec=video)

    def blocks():
        return (sound[start : start + BLOCK] for start in range(0, len(sound), BLOCK))

    return Clip(
        video=video,
        audio=audio,
        duration_s=float(len(frames) / rate),
        pictures=pictures,
        sound=silence if sound is None else blocks,
    )


def numbered(
    count: int, *, width: int = 64, height: int = 48, rate: int = 10, sample_rate: int = 8000
) -> Clip:
    """Frame n is grey of level 20 + 4·n; the sound of its time is as loud as n/100."""
    frames = [np.full((height, width), 20 + 4 * number, np.uint8) for number in range(count)]
    loud = np.repeat(np.arange(count, dtype=np.float32) / 100, sample_rate // rate)
    sound = np.stack([loud, -loud], axis=1)
    return painted(frames, rate=Fraction(rate), sound=sound, sample_rate=sample_rate)


def rgb(clip: Clip) -> list[NDArray[np.uint8]]:
    return [frame for _, frame in frames_of(clip)]


def numbers(clip: Clip) -> list[int]:
    """Which frames of :func:`numbered` are shown, in turn; −1 for black."""
    levels = [float(frame.mean()) for frame in rgb(clip)]
    return [round((level - 20) / 4) if level > 10 else -1 for level in levels]


def times(clip: Clip) -> list[Fraction]:
    return [picture.time for picture in clip.pictures()]


def heard(clip: Clip) -> NDArray[np.float32]:
    """All of its sound."""
    blocks = list(clip.sound())
    return np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)


def grey(clip: Clip) -> list[NDArray[np.float32]]:
    """The mean of the channels of every frame."""
    return [frame.astype(np.float32).mean(axis=2) for frame in rgb(clip)]


def ramp(width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """(H, W) that differs in all pixels nearby and has no sharp edges."""
    y, x = np.mgrid[0:height, 0:width]
    return (40 + x * 100 / width + y * 80 / height).astype(np.uint8)


def marker(
    x: int, y: int, *, width: int = 64, height: int = 48, side: int = 3
) -> NDArray[np.uint8]:
    """A white square about (x, y) on black."""
    frame = np.zeros((height, width), np.uint8)
    half = side // 2
    frame[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1] = 255
    return frame


def centre_of_light(frame: NDArray[np.float32]) -> tuple[float, float]:
    """(x, y) of what is bright."""
    light = np.where(frame > 40, frame, 0)
    y, x = np.mgrid[0 : frame.shape[0], 0 : frame.shape[1]]
    return float((x * light).sum() / light.sum()), float((y * light).sum() / light.sum())
