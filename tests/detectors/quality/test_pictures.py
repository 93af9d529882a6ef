"""Each finding comes on spoiled pictures, and none on clean ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from detectors.quality import QualityWatch
from provenance.clip import VideoSpec
from provenance.video import MediaWriter, open_media, picture_from_rgb
from tests.detectors.conftest import QUICK
from tests.drawn import moving_frames

RATE, WIDTH, HEIGHT = 10, 192, 128
CLEAN = list(moving_frames(8 * RATE, HEIGHT, WIDTH, seed=3))


def watched(tmp_path, frames):
    """Kinds that are found in ``frames`` once they went through an encoder."""
    spec = VideoSpec(width=WIDTH, height=HEIGHT, rate=Fraction(RATE))
    path = tmp_path / "clip.mp4"
    with MediaWriter(path, video=spec, settings=QUICK) as writer:
        for index, frame in enumerate(frames):
            writer.write(picture_from_rgb(frame, time=Fraction(index, RATE), spec=spec))
    watch = QualityWatch()
    with open_media(path) as media:
        for picture in media.pictures():
            watch.add(picture, float(picture.time))
    return watch.facts()


def brighter(frame, levels):
    return np.clip(frame.astype(int) + levels, 0, 255).astype(np.uint8)


def frozen(frames):
    return [*frames[:20], *[frames[20]] * 20, *frames[40:]]


def black(frames):
    return [*frames[:30], *[np.zeros_like(frames[0])] * 10, *frames[40:]]


def doubled(frames):
    return [frames[index - (index % 4 == 3)] for index in range(len(frames))]


def flickering(frames):
    return [brighter(frame, 6 * (-1) ** index) for index, frame in enumerate(frames)]


def drifting(frames):
    """Contrast and colour go, as in a long generation that loses itself."""
    count = len(frames)
    grey = [frame.mean(axis=-1, keepdims=True) for frame in frames]
    return [
        (128 + (1 - 0.8 * index / count) * (frame * 0.3 + grey[index] * 0.7 - 128)).astype(np.uint8)
        for index, frame in enumerate(frames)
    ]


SPOILED = {
    "frozen": (frozen, 2.0, 4.0),
    "black": (black, 3.0, 4.0),
    "duplicated": (doubled, 0.3, 8.0),
    "flicker": (flickering, 0.0, 8.0),
    "drift": (drifting, None, None),
}


def test_clean_pictures_have_no_finding(tmp_path):
    facts = watched(tmp_path, CLEAN)
    assert facts.findings == ()
    assert facts.looked_for == tuple(
        dict.fromkeys(["frozen", "duplicated", "flicker", "black", "drift"])
    )


@pytest.mark.parametrize("kind", SPOILED)
def test_spoiled_pictures_are_found_where_they_are(tmp_path, kind):
    spoil, start_s, end_s = SPOILED[kind]
    (finding,) = watched(tmp_path, spoil(CLEAN)).findings
    assert finding.kind == kind
    if start_s is None:
        assert finding.start_s is None
    else:
        # An encoder needs some frames until a picture stands still.
        assert finding.start_s == pytest.approx(start_s, abs=0.6)
        assert finding.end_s == pytest.approx(end_s, abs=0.3)


def test_a_cut_is_no_flicker_and_no_drift(tmp_path):
    others = [brighter(frame[::-1], -60) for frame in CLEAN]
    assert watched(tmp_path, [*CLEAN[:40], *others[40:]]).findings == ()


def test_a_camera_that_films_something_still_is_not_frozen(tmp_path):
    rng = np.random.default_rng(0)
    still = [
        brighter(CLEAN[0], rng.normal(0, 4, CLEAN[0].shape).round().astype(int)) for _ in range(30)
    ]
    assert watched(tmp_path, still).findings == ()


def test_one_picture_is_enough_to_be_looked_at(tmp_path):
    assert watched(tmp_path, CLEAN[:1]).findings == ()
