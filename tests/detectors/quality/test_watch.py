"""A whole file: what is seen and what is heard, together."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from detectors.quality import QualityWatch
from provenance.clip import AudioSpec, VideoSpec
from provenance.video import MediaWriter, open_media, picture_from_rgb
from tests.detectors.conftest import QUICK

RATE, SECONDS, SOUND_RATE = 20, 8, 16_000
# Seconds at which something lands, seen and heard.
MOMENTS = (0.5, 1.2, 1.9, 2.3, 3.1, 3.5, 4.4, 4.9, 5.7, 6.1, 6.9, 7.4)


def frames():
    """A square that jumps at every moment, before a picture with a little noise."""
    rng = np.random.default_rng(0)
    ground = rng.integers(90, 110, (96, 128, 3))
    for index in range(SECONDS * RATE):
        frame = ground + rng.normal(0, 2, ground.shape)
        place = sum(index / RATE >= moment for moment in MOMENTS)
        left, top = 37 * place % 96, 29 * place % 64
        frame[top : top + 32, left : left + 32] = 230
        yield np.clip(frame, 0, 255).astype(np.uint8)


def sound(offset_s):
    """A burst at every moment, ``offset_s`` later, over a little noise."""
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 0.005, SECONDS * SOUND_RATE)
    for moment in MOMENTS:
        at = round((moment + offset_s) * SOUND_RATE)
        burst = rng.normal(0, 0.2, 1600) * np.exp(-np.arange(1600) / 400)
        samples[at : at + 1600] += burst[: len(samples) - at]
    return samples.astype(np.float32)[:, None]


@pytest.mark.parametrize("offset_ms", [0, 400, -300])
def test_sound_beside_its_pictures_is_found_in_a_file(tmp_path, offset_ms):
    video = VideoSpec(width=128, height=96, rate=Fraction(RATE))
    audio = AudioSpec(sample_rate=SOUND_RATE, channels=1)
    path = tmp_path / "clip.mp4"
    with MediaWriter(path, video=video, audio=audio, settings=QUICK) as writer:
        for index, frame in enumerate(frames()):
            writer.write(picture_from_rgb(frame, time=Fraction(index, RATE), spec=video))
        writer.write_audio(sound(offset_ms / 1000))
    watch = QualityWatch()
    with open_media(path) as media:
        for picture in media.pictures():
            watch.add(picture, float(picture.time))
        for _ in watch.heard(media.sound(), media.info.audio.sample_rate):
            pass
    facts = watch.facts()
    assert facts.looked_for[-1] == "audio_offset"
    details = [one.detail for one in facts.findings if one.kind == "audio_offset"]
    if offset_ms == 0:
        assert facts.findings == ()
        return
    (detail,) = details
    way = "after" if offset_ms > 0 else "before"
    heard_ms = int(detail.partition("about ")[2].split()[0])
    assert f"{way} its pictures" in detail
    assert heard_ms == pytest.approx(abs(offset_ms), abs=80)


def test_nothing_looked_at_is_nothing_looked_for():
    assert QualityWatch().facts().looked_for == ()
