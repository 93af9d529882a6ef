"""Live files: what comes out of the encoder, and when, counted in pictures."""

from __future__ import annotations

from fractions import Fraction

import pytest

from provenance.clip import VideoSpec
from provenance.video import EncodeSettings, MediaWriter, picture_from_rgb
from provenance.video.live import live_settings
from tests.drawn import moving_frames

RATE = Fraction(24)
SPEC = VideoSpec(width=96, height=64, rate=RATE)


class Boxes:
    """A sink that notes how many pictures had gone in when each box was whole."""

    def __init__(self) -> None:
        self.pictures = 0
        self.at: list[tuple[str, int]] = []
        self._open = bytearray()

    def write(self, data: bytes) -> None:
        self._open += data
        while len(self._open) >= 8:
            size = int.from_bytes(self._open[:4], "big")
            if len(self._open) < size:
                return
            self.at.append((self._open[4:8].decode(), self.pictures))
            del self._open[:size]

    def of(self, kind: str) -> list[int]:
        return [at for box, at in self.at if box == kind]


def send(path, settings, *, spec=SPEC, count=19):
    boxes = Boxes()
    live = (boxes, lambda _beginning: None)
    with MediaWriter(path, video=spec, settings=settings, live=live) as writer:
        for index, frame in enumerate(moving_frames(count, spec.height, spec.width)):
            boxes.pictures = index + 1
            writer.write(picture_from_rgb(frame, time=index / spec.rate, spec=spec))
    return boxes


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9", "mpeg4"])
def test_a_fragment_of_eight_comes_with_the_picture_after_it(tmp_path, codec):
    boxes = send(tmp_path / "a.mp4", live_settings(EncodeSettings(codec=codec), SPEC))
    assert boxes.of("moov") == [1]
    assert boxes.of("mdat") == [9, 17, 19]


def test_an_average_rate_holds_nothing_back_either(tmp_path):
    for codec in ("h264", "av1"):
        settings = EncodeSettings(codec=codec, bitrate=200_000, threads=1)
        assert send(tmp_path / f"{codec}.mp4", live_settings(settings, SPEC)).of("moov") == [1]


def test_what_is_no_stream_may_look_ahead(tmp_path):
    boxes = send(tmp_path / "a.mp4", EncodeSettings(preset="veryfast"))
    assert boxes.of("moov")[0] > 9


def test_slow_pictures_do_not_wait_for_eight(tmp_path):
    slow = VideoSpec(width=96, height=64, rate=Fraction(8))
    boxes = send(tmp_path / "a.mp4", live_settings(None, slow), spec=slow, count=10)
    assert boxes.of("mdat")[:2] == [5, 9]


def test_key_frames_begin_whole_fragments():
    for rate, frames in ((Fraction(24), 24), (Fraction(30_000, 1001), 32), (Fraction(25), 32)):
        video = VideoSpec(width=96, height=64, rate=rate)
        assert live_settings(None, video).gop == frames
    assert live_settings(EncodeSettings(gop=5), SPEC).gop == 5
