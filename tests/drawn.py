"""Small moving clips with sound, drawn by numpy.

:func:`draw_clip` writes one through the project's own writer; :func:`write_raw` drives FFmpeg
directly, to make files that the writer does not make (rotated, late, odd, old).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from benchmarks.drawn import natural_luma, plane_of, write_luma, yuv_frame
from provenance.clip import AudioSpec, VideoSpec
from provenance.video import EncodeSettings, MediaWriter, Picture, open_media, picture_from_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["natural_luma", "plane_of", "write_luma", "yuv_frame"]
SOUND_RATE = 48_000
LOSSLESS = {"qp": "0", "preset": "ultrafast"}


@contextmanager
def as_nobody() -> Iterator[None]:
    """Runs as a user without rights where the tests run as root, who may do everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def moving_frames(
    count: int, height: int, width: int, *, seed: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """``count`` frames (height, width, 3) uint8 sRGB: soft waves, texture and a moving disc."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    phases = rng.uniform(0, 6, 3)
    texture = rng.normal(0, 6, (height, width)).astype(np.float32)
    for index in range(count):
        move = index * width / 100
        channels = [
            120
            + 60
            * np.sin((x + move) / (width / 9) + phase)
            * np.cos((y - move) / (height / 6) + phase)
            for phase in phases
        ]
        frame = np.stack(channels, axis=-1) + np.roll(texture, index, axis=1)[..., None]
        centre = (width * (0.2 + 0.6 * ((index % 50) / 50)), height * 0.5)
        disc = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < (min(height, width) / 6) ** 2
        frame[disc] = (220, 60, 40)
        yield np.clip(frame, 0, 255).astype(np.uint8)


def tone(
    seconds: float, *, rate: int = SOUND_RATE, channels: int = 2, hertz: float = 440
) -> NDArray[np.float32]:
    """(N, channels) float32 of a steady tone, a little different in each channel."""
    time = np.arange(round(seconds * rate)) / rate
    waves = [0.3 * np.sin(2 * np.pi * hertz * (1 + 0.1 * c) * time) for c in range(channels)]
    return np.stack(waves, axis=1).astype(np.float32)


def draw_clip(
    path: Path,
    *,
    frames: int = 24,
    width: int = 128,
    height: int = 96,
    rate: Fraction = Fraction(24),
    bits: int = 8,
    channels: int | None = 2,
    settings: EncodeSettings | None = None,
    seed: int = 0,
) -> Path:
    """Writes a clip and returns its path; ``channels=None`` makes it silent."""
    video = VideoSpec(width=width, height=height, rate=rate, bits=bits)
    audio = None if channels is None else AudioSpec(sample_rate=SOUND_RATE, channels=channels)
    settings = settings or EncodeSettings(preset="ultrafast", crf=18)
    with MediaWriter(path, video=video, audio=audio, settings=settings) as writer:
        for index, frame in enumerate(moving_frames(frames, height, width, seed=seed)):
            writer.write(picture_from_rgb(frame, time=index / rate, spec=video))
        if channels is not None:
            writer.write_audio(tone(float(frames / rate), channels=channels))
    return path


def moving_luma(count: int, height: int, width: int, *, bits: int = 8) -> list[NDArray[np.generic]]:
    """Luma planes (height, width) that differ in every frame, row and column."""
    dtype = np.uint8 if bits == 8 else np.uint16
    y, x = np.mgrid[0:height, 0:width]
    top = (1 << bits) * 7 // 8
    return [
        ((x * 3 + y * 5 + index * 11) % top + top // 14).astype(dtype) for index in range(count)
    ]


def write_raw(
    path: Path,
    frames: Sequence[av.VideoFrame],
    *,
    rate: Fraction = Fraction(25),
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    times: Sequence[Fraction] | None = None,
    matrix: Sequence[int] | None = None,
    properties: Mapping[str, object] | None = None,
    container: str | None = None,
    container_options: Mapping[str, str] | None = None,
    sound: NDArray[np.float32] | None = None,
    sound_codec: str = "aac",
    sound_rate: int = SOUND_RATE,
    sound_start: Fraction = Fraction(0),
    sound_tracks: int = 1,
) -> Path:
    """Writes ``frames`` as they are, at ``times`` in seconds (default: from 0 at ``rate``).

    ``matrix`` is a display matrix (nine integers), ``properties`` are set on the encoder. ``sound``
    is (N, channels) float32 and starts at ``sound_start`` seconds.
    """
    lossless = options is None and codec.startswith("libx264")
    options = dict(LOSSLESS if lossless else options or {})
    # The clock of AVI is its frame rate.
    clock = rate if path.suffix == ".avi" else Fraction(90_000)
    with av.open(
        str(path), "w", format=container, container_options=dict(container_options or {})
    ) as output:
        first = frames[0]
        stream = output.add_stream(
            codec,
            rate=rate,
            options=options,
            width=first.width,
            height=first.height,
            pix_fmt=first.format.name,
            time_base=1 / clock,
        )
        for name, value in (properties or {}).items():
            setattr(stream.codec_context, name, value)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        tracks = []
        for _ in range(sound_tracks if sound is not None else 0):
            track = output.add_stream(sound_codec, rate=sound_rate)
            track.codec_context.layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
            if sound_codec != "flac" and not sound_codec.startswith("pcm"):
                track.codec_context.bit_rate = 128_000
            tracks.append(track)
        for index, frame in enumerate(frames):
            time = times[index] if times is not None else index / rate
            frame.pts, frame.time_base = round(time * clock), 1 / clock
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for track in tracks:
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound).reshape(1, -1),
                format="flt",
                layout=track.codec_context.layout.name,
            )
            frame.sample_rate, frame.time_base = sound_rate, Fraction(1, sound_rate)
            frame.pts = round(sound_start * sound_rate)
            output.mux(track.encode(frame))
            output.mux(track.encode(None))
    return path


def one_picture(index: int, spec: VideoSpec) -> Picture:
    """The picture number ``index`` of a clip that moves."""
    frame = next(moving_frames(1, spec.height, spec.width, seed=index))
    return picture_from_rgb(frame, time=index / spec.rate, spec=spec)


def pictures_of(path: Path) -> list[Picture]:
    """All that can be read of the file."""
    with open_media(path) as reader:
        return list(reader.pictures())
