"""Where in time the mark is, after x264."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from provenance.keys import CarrierKey
from provenance.payload import Payload
from provenance.video import open_media
from provenance.watermark import ClipDetector, ClipMarker
from tests.drawn import natural_luma, write_luma

KEY = CarrierKey(name="test", secret=b"k" * 32)
PAYLOAD = Payload(model=1, day=date(2026, 3, 24), content_id=0x1234567890ABC)
RATE, WIDTH, HEIGHT = 24, 640, 480


@pytest.fixture(scope="module")
def plain():
    return natural_luma(4 * RATE, HEIGHT, WIDTH, seed=11)


@pytest.fixture(scope="module")
def marked(plain):
    marker = ClipMarker(payload=PAYLOAD, key=KEY, width=WIDTH, height=HEIGHT)
    return [marker.mark(plane, time_s=index / RATE) for index, plane in enumerate(plain)]


def read(folder, planes, *, crf=23):
    path = write_luma(folder / "clip.mp4", planes, crf=crf)
    detector = ClipDetector(keys=[KEY], width=WIDTH, height=HEIGHT)
    with open_media(path) as reader:
        for picture in reader.pictures():
            detector.add(picture.luma, time_s=float(picture.time))
    result = detector.finish()
    assert result.payload == PAYLOAD
    assert result.segments[0].start_s == 0
    assert result.segments[-1].end_s == pytest.approx(len(planes) / RATE, abs=0.01)
    for before, after in pairwise(result.segments):
        assert before.end_s == pytest.approx(after.start_s)
    return result.segments


@pytest.fixture(scope="module")
def foreign():
    return natural_luma(4 * RATE, HEIGHT, WIDTH, seed=12)


def replaced(marked, by, start_s, end_s):
    first, last = round(start_s * RATE), round(end_s * RATE)
    return [*marked[:first], *by[first:last], *marked[last:]]


def states(segments):
    return {segment.state for segment in segments}


@pytest.mark.parametrize("crf", [18, 28])
def test_an_untouched_clip_is_marked_throughout(marked, tmp_path, crf):
    assert states(read(tmp_path, marked, crf=crf)) == {"marked"}


@pytest.mark.parametrize("start_s", [0.0, 1.0, 1.13, 1.4, 3.0])
def test_one_second_of_four_that_was_replaced_is_found(foreign, marked, tmp_path, start_s):
    found = read(tmp_path, replaced(marked, foreign, start_s, start_s + 1))
    (unmarked,) = [segment for segment in found if segment.state == "unmarked"]
    # Nothing of what is still marked is accused, and most of what is not is found.
    assert unmarked.start_s > start_s - 0.1
    assert unmarked.end_s < start_s + 1.1
    assert unmarked.end_s - unmarked.start_s >= 0.45
    for segment in found:
        if segment.state == "marked":
            middle = start_s + 0.5
            assert segment.end_s < middle or segment.start_s > middle


def test_what_a_codec_carries_over_from_marked_pictures_is_not_called_marked(
    plain, marked, tmp_path
):
    """The same scene without the mark: x264 copies much of the mark into it."""
    found = read(tmp_path, replaced(marked, plain, 1, 2))
    assert "unclear" in states(found) or "unmarked" in states(found)
    assert any(segment.state != "marked" and segment.end_s > 1.6 for segment in found)


def test_a_part_that_carries_nothing_is_unclear(marked, tmp_path):
    black = [np.full((HEIGHT, WIDTH), 16, np.uint8)] * len(marked)
    found = read(tmp_path, replaced(marked, black, 1.5, 2.5))
    assert states(found) == {"marked", "unclear"}
    unclear = [segment for segment in found if segment.state == "unclear"]
    assert sum(segment.end_s - segment.start_s for segment in unclear) >= 0.9


def test_captions_on_black_are_no_reason_to_call_it_unmarked(marked, tmp_path):
    card = np.full((HEIGHT, WIDTH), 16, np.uint8)
    card[400:430, 120:520:8] = 220
    assert "unmarked" not in states(read(tmp_path, replaced(marked, [card] * 96, 1.5, 2.5)))
