"""A clip that the project draws itself: a ball bouncing over hills at dusk, with its sound.

Gradients, soft texture and motion, so that a mark in it has both an easy and a hard time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from numpy.typing import NDArray

BOUNCE_S = 1.2
SOUND_RATE = 48_000
_SKY_TOP, _SKY_LOW = np.array([38, 52, 96.0]), np.array([236, 172, 120.0])
_GROUND = np.array([46, 70, 52.0])


def draw_frames(
    count: int, *, width: int, height: int, rate: Fraction, rng: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """``count`` frames (height, width, 3) uint8 sRGB."""
    far = _landscape(width * 2, height, rng, rough=0.10, line=0.58)
    near = _landscape(width * 2, height, rng, rough=0.16, line=0.74)
    texture = _texture(width * 2, height, rng)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    sky = (_SKY_TOP * (1 - rows) + _SKY_LOW * rows).astype(np.float32)
    radius = height * 0.055
    for index in range(count):
        seconds = float(index / rate)
        frame = np.broadcast_to(sky, (height, width, 3)).copy()
        for ridge, speed, shade in ((far, 0.02, 0.75), (near, 0.06, 0.4)):
            left = int(seconds * speed * width) % width
            covered = ridge[:, left : left + width, None]
            grain = texture[:, left : left + width, None]
            ground = (_GROUND * shade * 2 + grain * (1 - shade) * 2).astype(np.float32)
            frame = frame * (1 - covered) + ground * covered
        x = width * (0.1 + 0.8 * ((seconds / 8) % 1))
        phase = (seconds % BOUNCE_S) / BOUNCE_S
        y = height * (0.86 - 0.5 * 4 * phase * (1 - phase)) - radius
        image = np.clip(frame + rng.normal(0, 1.2, (height, width, 1)), 0, 255).astype(np.uint8)
        centre = (round(x * 16), round(y * 16))
        cv2.circle(image, centre, round(radius * 16), (214, 62, 48), -1, cv2.LINE_AA, 4)
        shine = (round((x - radius * 0.3) * 16), round((y - radius * 0.35) * 16))
        cv2.circle(image, shine, round(radius * 4), (246, 176, 160), -1, cv2.LINE_AA, 4)
        yield image


def draw_sound(seconds: float) -> NDArray[np.float32]:
    """(N, 2) float32 at 48 kHz: thud and gravel each time the ball lands, over wind.

    What the mark could be in lies between 280 Hz and 6.5 kHz: a thud alone would carry none.
    """
    rng = np.random.default_rng(2026)
    count = round(seconds * SOUND_RATE)
    time = np.arange(count) / SOUND_RATE
    since = time % BOUNCE_S
    thud = 0.4 * np.exp(-since * 18) * np.sin(2 * np.pi * 110 * since * np.exp(-since))
    noise = rng.standard_normal((2, count))
    gravel = 0.05 * noise[0] * np.exp(-since * 12)
    spectrum = np.fft.rfft(noise[1])
    hertz = np.fft.rfftfreq(count, 1 / SOUND_RATE)
    wind = np.fft.irfft(spectrum / np.sqrt(1 + np.square(hertz / 400)), n=count)
    gusts = 1 + 0.5 * np.sin(2 * np.pi * 0.23 * time) * np.sin(2 * np.pi * 0.61 * time)
    wind *= 0.04 * gusts / max(float(wind.std()), 1e-9) if count else 1
    return np.repeat((thud + gravel + wind)[:, None], 2, axis=1).astype(np.float32)


def _texture(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(height, width) of noise whose amplitude falls with frequency, as in nature; ±20 or so."""
    out = np.zeros((height, width), np.float32)
    for octave in range(6):
        cells = (max(2, width >> (7 - octave)), max(2, height >> (7 - octave)))
        noise = rng.normal(0, 14 / (octave + 1), cells[::-1]).astype(np.float32)
        out += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return out


def _landscape(
    width: int, height: int, rng: np.random.Generator, *, rough: float, line: float
) -> NDArray[np.float32]:
    """(height, width) of how much of a pixel a chain of hills covers, 0…1."""
    points = rng.normal(0, rough, 14).astype(np.float32)[None]
    ridge = cv2.resize(points, (width, 1), interpolation=cv2.INTER_CUBIC)[0]
    top = height * (line + ridge - ridge.mean())
    rows = np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(np.clip(rows - top[None], 0, 1), np.float32)
