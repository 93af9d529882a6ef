"""Clips and identities for the tests of provenance: drawn here, once a session."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from provenance.keys import create_development_identity

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.keys import Identity


def draw_clip(
    path: Path, *, video: str = "libx264", audio: str = "aac", width: int = 128, height: int = 96
) -> Path:
    """One second, 24 frames of moving bars with a tone, into the container that ``path`` names."""
    with av.open(str(path), "w") as out:
        pictures = out.add_stream(video, rate=24)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        sound = out.add_stream(audio, rate=48000)
        sound.layout = "stereo"
        columns = np.arange(width)
        for index in range(24):
            wave = 128 + 100 * np.sin((columns + 4 * index) / 9)
            picture = np.broadcast_to(wave[None, :, None], (height, width, 3)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            for packet in pictures.encode(frame):
                out.mux(packet)
        for packet in pictures.encode():
            out.mux(packet)
        tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)).astype(np.float32)
        samples = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
        samples.sample_rate = 48000
        resampler = av.AudioResampler(format=sound.format, layout=sound.layout, rate=48000)
        for piece in resampler.resample(samples):
            for packet in sound.encode(piece):
                out.mux(packet)
        for packet in sound.encode():
            out.mux(packet)
    return path


@pytest.fixture(scope="session")
def plain_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 s, 128 × 96, 24 fps H.264 with stereo AAC; no mark, no manifest."""
    return draw_clip(tmp_path_factory.mktemp("clips") / "plain.mp4")


@pytest.fixture(scope="session")
def plain_webm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same clip as VP9 with Opus in WebM."""
    folder = tmp_path_factory.mktemp("clips")
    return draw_clip(folder / "plain.webm", video="libvpx-vp9", audio="libopus")


@pytest.fixture(scope="session")
def development_identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A development identity in its own keys directory; tests only read it."""
    return create_development_identity(
        tmp_path_factory.mktemp("keys") / "keys", now=datetime.now(UTC)
    )
