"""Clips that the project draws itself, so that an evaluation needs nothing brought along.

Three kinds of difficulty: *hills* has smooth sky beside texture, and sound; *leaves* sharp edges
and texture under a moving camera; *titles* the flat areas and hard edges of screen content.
They are drawn alike everywhere from fixed seeds. They are easier than footage: numbers to quote
come from real clips.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from attacks.bench.making import complete
from attacks.scene import SOUND_RATE, draw_frames, draw_sound
from provenance.clip import AudioSpec, VideoSpec
from provenance.video import EncodeSettings, MediaWriter, picture_from_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Frames = Iterator[NDArray[np.uint8]]

WIDTH, HEIGHT, RATE = 640, 360, Fraction(24)
_SETTINGS = EncodeSettings(crf=12, preset="veryfast", threads=2)
_PAN_PX = 0.75  # a frame
_LINE_PX = 40


def draw_clips(folder: Path, seconds: float) -> list[Path]:
    """The drawn clips of at least ``seconds``, in ``folder``; those that are there are kept."""
    length = max(1, math.ceil(seconds))
    paths = []
    for name, draw in (("hills", _hills), ("leaves", _leaves), ("titles", _titles)):
        path = folder / f"drawn-{name}-{length}s.mp4"
        if not path.exists():
            sound = draw_sound(length) if name == "hills" else None
            _write(path, draw(round(length * RATE)), sound)
        paths.append(path)
    return paths


def _write(path: Path, frames: Frames, sound: NDArray[np.float32] | None) -> None:
    video = VideoSpec(width=WIDTH, height=HEIGHT, rate=RATE)
    audio = None if sound is None else AudioSpec(sample_rate=SOUND_RATE, channels=sound.shape[1])
    with (
        complete(path) as unfinished,
        MediaWriter(unfinished, video=video, audio=audio, settings=_SETTINGS) as writer,
    ):
        for index, frame in enumerate(frames):
            writer.write(picture_from_rgb(frame, time=index / RATE, spec=video))
            if sound is not None:
                first, last = (round(n / RATE * SOUND_RATE) for n in (index, index + 1))
                writer.write_audio(sound[first:last])


def _hills(count: int) -> Frames:
    rng = np.random.default_rng(1)
    return draw_frames(count, width=WIDTH, height=HEIGHT, rate=RATE, rng=rng)


def _leaves(count: int) -> Frames:
    """Discs that lie on each other, grain of their own, under a camera that pans.

    The dead leaves model (Lee, Mumford and Huang 2001, doi:10.1023/A:1011109015675): sizes fall off
    so that amplitudes fall as 1/f, as in photographs.
    """
    rng = np.random.default_rng(2)
    width = WIDTH + int(count * _PAN_PX) + 2
    scene = np.full((HEIGHT, width, 3), 110, np.float32)
    rough = np.ones((HEIGHT, width), np.float32)
    for radius in HEIGHT / 4 * np.sort(rng.power(0.35, 600))[::-1] + 3:
        centre = (int(rng.integers(width)), int(rng.integers(HEIGHT)))
        colour = np.clip(rng.normal(115, 40) + rng.normal(0, 18, 3), 20, 230)
        cv2.circle(scene, centre, int(radius), colour.tolist(), -1, cv2.LINE_AA)
        cv2.circle(rough, centre, int(radius), float(rng.choice((0.5, 1, 4))), -1)
    grain = cv2.GaussianBlur(rng.normal(size=rough.shape).astype(np.float32), (0, 0), 1.0)
    scene = cv2.GaussianBlur(scene, (0, 0), 0.7) + (grain * rough / grain.std())[..., None]
    light = np.linspace(20, -20, HEIGHT, dtype=np.float32)[:, None, None]
    for index in range(count):
        shift = np.array([[1, 0, -index * _PAN_PX], [0, 1, 0]], np.float32)
        seen = cv2.warpAffine(scene, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
        noise = rng.normal(0, 0.8, (HEIGHT, WIDTH, 1)).astype(np.float32)
        yield np.clip(np.rint(seen + light + noise), 0, 255).astype(np.uint8)


def _titles(count: int) -> Frames:
    """Lines of text that scroll beside a bar chart, on plain colours."""
    rng = np.random.default_rng(3)
    words = ("every", "frame", "is", "marked", "and", "signed", "for", "whoever", "asks", "later")
    lines = [" ".join(rng.choice(words, 4)) for _ in range(count // 12 + 12)]
    height = _LINE_PX * len(lines)
    page = np.full((height, WIDTH // 2, 3), (244, 242, 236), np.uint8)
    for number, line in enumerate(lines):
        place = (16, _LINE_PX * number + 28)
        cv2.putText(page, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (30, 34, 44), 1, cv2.LINE_AA)
    edges = np.linspace(WIDTH // 2 + 24, WIDTH - 24, 7).astype(int)
    for index in range(count):
        frame = np.full((HEIGHT, WIDTH, 3), (28, 38, 66), np.uint8)
        top = min(2 * index, height - HEIGHT)
        frame[:, : WIDTH // 2] = page[top : top + HEIGHT]
        for bar, (left, right) in enumerate(pairwise(edges)):
            level = 0.5 + 0.4 * np.sin(index / 20 + bar)
            corner = (int(left) + 4, int(HEIGHT * (1 - 0.8 * level)))
            colour = (90 + 25 * bar, 160 - 12 * bar, 210 - 20 * bar)
            cv2.rectangle(frame, corner, (int(right) - 4, HEIGHT - 24), colour, -1)
        yield frame
