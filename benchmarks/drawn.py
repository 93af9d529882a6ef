"""Pictures as a camera gives them, drawn by numpy: for benchmarks and tests."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from provenance.clip import VideoSpec
from provenance.video import EncodeSettings, MediaWriter, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def plane_of(frame: av.VideoFrame, index: int) -> NDArray[np.generic]:
    """A writable view of one plane of a frame."""
    plane = frame.planes[index]
    dtype = np.dtype(np.uint8 if frame.format.components[0].bits == 8 else np.uint16)
    rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)
    return rows[:, : plane.width]


def yuv_frame(luma: NDArray[np.generic], pix_fmt: str = "yuv420p") -> av.VideoFrame:
    """A planar YUV frame with this luma and chroma that differs in every row and column."""
    height, width = luma.shape
    frame = av.VideoFrame(width, height, pix_fmt)
    plane_of(frame, 0)[:] = luma
    for index in range(1, len(frame.planes)):
        chroma = plane_of(frame, index)
        y, x = np.mgrid[0 : chroma.shape[0], 0 : chroma.shape[1]]
        chroma[:] = 64 + (x + 2 * y + 9 * index) % 128
    return frame


def _leaves(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """(height, width) of discs that lie on each other, grey and texture of their own.

    The dead leaves model (Lee, Mumford and Huang 2001, doi:10.1023/A:1011109015675): sizes fall
    off so that, as in photographs, amplitudes fall as 1/f, edges are sharp and insides quiet.
    """
    picture = np.full((height, width), 110, np.float32)
    roughness = np.full((height, width), 1, np.float32)
    short = min(height, width)
    radii = short / 4 * np.sort(rng.power(0.35, 500))[::-1] + 3
    for radius in radii:
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        level = float(np.clip(rng.normal(115, 40), 30, 215))
        cv2.circle(picture, centre, int(radius), level, -1, cv2.LINE_8)
        cv2.circle(roughness, centre, int(radius), float(rng.choice((0.5, 1, 3))), -1)
    grain = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), 1.2)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7)
    return np.asarray(picture + grain * (roughness / grain.std()), np.float32)


def natural_luma(
    count: int, height: int, width: int, *, seed: int = 0, bits: int = 8, pan: float = 0.125
) -> list[NDArray[np.generic]]:
    """Luma planes (height, width) as a camera gives: a scene with sharp edges, texture and quiet
    areas under even light that moves by ``pan`` pixels a frame, something that crosses it, and a
    little noise. Limited range.
    """
    rng = np.random.default_rng(seed)
    scene = _leaves(rng, height, width + int(count * pan) + 1)
    thing = _leaves(rng, height // 3, width // 5)
    light = np.linspace(20, -20, height, dtype=np.float32)[:, None]
    noise = rng.normal(0, 0.7, (2 * height, 2 * width)).astype(np.float32)
    unit = 1 << (bits - 8)
    planes = []
    for index in range(count):
        frame = scene[:, int(index * pan) :][:, :width] + light
        left = 5 * index % (width - thing.shape[1])
        frame[height // 3 :][: thing.shape[0], left : left + thing.shape[1]] = thing
        grain = rng.integers((height, width))
        frame += noise[grain[0] :, grain[1] :][:height, :width]
        level = np.clip(frame * unit, 16 * unit, 235 * unit)
        planes.append(np.rint(level).astype(np.uint8 if bits == 8 else np.uint16))
    return planes


def write_luma(
    path: Path,
    planes: Sequence[NDArray[np.generic]],
    *,
    rate: Fraction = Fraction(24),
    bits: int = 8,
    crf: int = 23,
    preset: str = "veryfast",
) -> Path:
    """Encodes grey pictures with these luma planes by x264 through the project's own writer."""
    height, width = planes[0].shape
    video = VideoSpec(width=width, height=height, rate=rate, bits=bits)
    settings = EncodeSettings(crf=crf, preset=preset, threads=1)
    with MediaWriter(path, video=video, settings=settings) as writer:
        for index, plane in enumerate(planes):
            frame = yuv_frame(plane, "yuv420p" if bits == 8 else "yuv420p10le")
            for chroma in (1, 2):
                plane_of(frame, chroma)[:] = 1 << (bits - 1)
            writer.write(Picture(frame, index / rate))
    return path
