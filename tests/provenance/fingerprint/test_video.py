"""Pictures: the same content is found, other content is not, and bytes come back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from provenance.errors import FrameError
from provenance.fingerprint import VideoFingerprint, VideoFingerprinter, match
from tests.stored import scene, seen

SECONDS, RATE = 6, 8


@pytest.fixture(scope="module")
def film():
    return scene(1, seconds=SECONDS)


@pytest.fixture(scope="module")
def reference(film):
    return seen(film)


def resized(frames, width, height):
    size = (width, height)
    return np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames])


def lettered(frames):
    bars = np.full((len(frames), 120, 160), 16, np.uint8)
    bars[:, 15:105] = frames
    return bars


def captioned(frames):
    out = frames.copy()
    out[:, 70:82, 40:120] = 20
    for frame in out:
        cv2.putText(frame, "WORDS", (45, 80), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 235, 1)
    return out


def compressed(frames):
    return np.stack(
        [
            cv2.imdecode(
                cv2.imencode(".jpg", f, [cv2.IMWRITE_JPEG_QUALITY, 12])[1], cv2.IMREAD_GRAYSCALE
            )
            for f in frames
        ]
    )


HANDLING = {
    "resized": lambda f: resized(f, 96, 54),
    "crop": lambda f: f[:, 14:77, 10:122],
    "crop, resized": lambda f: resized(f[:, 5:68, 40:152], 320, 180),
    "bars": lettered,
    "caption": captioned,
    "compressed": compressed,
    "mirrored": lambda f: f[:, :, ::-1],
    "brighter": lambda f: (f * 0.7 + 40).astype(np.uint8),
    "upright part": lambda f: f[:, :, 40:110],
}


@pytest.mark.parametrize("name", HANDLING)
def test_handling_leaves_the_content_the_same(film, reference, name):
    result = match(seen(np.ascontiguousarray(HANDLING[name](film))), reference)
    assert result.same is True
    assert result.false_match_bound < 1e-6
    assert result.matched_s > 0.8 * SECONDS
    assert result.mirrored == (name == "mirrored")


def test_a_crop_is_placed(film, reference):
    window = match(seen(film[:, 18:81, 32:144]), reference).window
    assert window.left == pytest.approx(0.2, abs=0.04)
    assert window.top == pytest.approx(0.2, abs=0.04)
    assert window.width == pytest.approx(0.7, abs=0.06)


@pytest.mark.parametrize("cut", [0, 5, 12, 19])
def test_a_trim_is_placed(film, reference, cut):
    result = match(seen(film[cut : cut + 3 * RATE]), reference)
    assert result.same is True
    assert result.offset_s == pytest.approx(cut / RATE, abs=0.3)


@pytest.mark.parametrize("speed", [0.95, 1.05])
def test_speed_and_frame_rate_are_no_matter(film, reference, speed):
    maker = VideoFingerprinter(24)
    times = np.arange(0, SECONDS / speed, 1 / 24)
    maker.add(film[np.minimum((times * speed * RATE).astype(int), len(film) - 1)], times)
    assert match(maker.finish(), reference).same is True


@pytest.mark.parametrize("seed", range(2, 8))
def test_other_content_is_other(reference, seed):
    result = match(seen(scene(seed, seconds=SECONDS)), reference)
    assert result.same is False
    assert result.false_match_bound > 1e-2


def test_content_in_part_is_undecided_or_found_by_how_much(film, reference):
    other = scene(9, seconds=3 * SECONDS)
    mixed = np.concatenate([film, other])
    result = match(seen(mixed), reference)
    assert result.same is True, "all of the reference is in it"
    assert result.matched_s == pytest.approx(SECONDS, abs=1.1)
    assert np.mean(result.scores[:SECONDS]) > 0.9
    assert np.mean(result.scores[SECONDS + 1 :]) < 0.5
    longer = seen(np.concatenate([film, scene(8, seconds=4 * SECONDS)]))
    assert match(seen(mixed), longer).same is None, "a quarter of both"


def test_flat_pictures_say_nothing(reference):
    flat = seen(np.full((24, 90, 160), 90, np.uint8))
    assert match(flat, reference).same is None
    assert match(reference, flat).same is None
    assert match(VideoFingerprinter(25).finish(), reference).same is None


def test_pictures_that_are_flat_in_part_are_compared_by_the_rest(film):
    half = film.copy()
    half[:, :, 70:] = 100
    other = scene(7, seconds=SECONDS)
    other[:, :, 70:] = 100
    assert match(seen(half), seen(compressed(half))).same is True
    result = match(seen(other), seen(half))
    assert result.same is not True
    assert np.isfinite([result.score, result.false_match_bound]).all()


def test_bytes_come_back_and_are_few(film, reference):
    data = reference.to_bytes()
    assert (len(data) - 12) / SECONDS <= 64
    back = VideoFingerprint.from_bytes(data)
    assert (back.levels == reference.levels).all()
    assert back.texture == pytest.approx(reference.texture, rel=0.05)
    assert back.duration_s == reference.duration_s
    for damaged in (b"", data[:-1], data + b"\0", b"EFv\x02" + data[4:], b"EFa" + data[3:]):
        with pytest.raises(ValueError, match="fingerprint"):
            VideoFingerprint.from_bytes(damaged)


def test_frames_one_by_one_are_as_all_at_once_and_bits_are_no_matter(film, reference):
    maker = VideoFingerprinter(RATE)
    for index, frame in enumerate(film):
        maker.add(frame.astype(np.uint16) << 2, index / RATE + 100, bits=10)
    one_by_one = maker.finish()
    # Means of whole numbers are rounded, to less where there are more bits.
    apart = np.abs(one_by_one.levels.astype(int) - reference.levels)
    assert apart.max() <= 1
    assert apart.mean() < 0.05
    assert one_by_one.duration_s == pytest.approx(SECONDS)


def test_a_still_that_is_shown_for_long_fills_its_seconds():
    maker = VideoFingerprinter(1)
    film = scene(1, seconds=1)
    for time_s in (0.0, 5.0):
        maker.add(film[int(time_s)], time_s)
    found = maker.finish()
    assert len(found.levels) == 5
    assert (found.levels[0] == found.levels[4]).all()


def test_shapes_that_do_not_fit_are_refused(film):
    with pytest.raises(FrameError):
        VideoFingerprinter(25).add(film, [0.0])
    with pytest.raises(FrameError):
        VideoFingerprinter(25).add(film[None], 0.0)


def test_pictures_and_sound_are_not_compared(reference):
    from benchmarks.drawn_sound import voice
    from tests.stored import heard

    with pytest.raises(TypeError):
        match(reference, heard(voice(2, 16_000), 16_000))
