"""Looking for a mark that is there takes no picture away."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.present_mark import LOOK_S, look, look_ahead
from provenance.video import open_media
from provenance.watermark import ClipMarker
from tests.drawn import natural_luma, pictures_of, write_luma
from tests.provenance.watermark.test_detector import PAYLOAD

RATE, WIDTH, HEIGHT = 20, 640, 360


@pytest.mark.parametrize("room", [0, 10 * WIDTH * HEIGHT, 1 << 30])
@pytest.mark.parametrize("marked", [False, True])
def test_all_pictures_come_once_however_few_can_be_kept(
    identity, tmp_path, monkeypatch, room, marked
):
    monkeypatch.setattr("provenance.present_mark._MOST_KEPT", room)
    planes = natural_luma(2 * RATE, HEIGHT, WIDTH)
    marker = ClipMarker(payload=PAYLOAD, key=identity.carrier_key, width=WIDTH, height=HEIGHT)
    if marked:
        planes = [marker.mark(luma, time_s=i / RATE) for i, luma in enumerate(planes)]
    clip = write_luma(tmp_path / "clip.mp4", planes, rate=RATE, crf=12)
    with open_media(clip) as media:
        found, pictures = look_ahead(media, identity, alive=lambda: None)
        came = [(picture.time, picture.luma.copy()) for picture in pictures]
    wanted = pictures_of(clip)
    assert found.detected == marked
    assert found == look(clip, identity, most_s=LOOK_S, alive=lambda: None)
    assert [time for time, _ in came] == [picture.time for picture in wanted]
    for (_, luma), picture in zip(came, wanted, strict=True):
        assert np.array_equal(luma, picture.luma)


def test_a_clip_shorter_than_what_is_looked_at_comes_whole(identity, tmp_path):
    clip = write_luma(tmp_path / "clip.mp4", natural_luma(5, HEIGHT, WIDTH), rate=RATE, crf=12)
    with open_media(clip) as media:
        _, pictures = look_ahead(media, identity, alive=lambda: None)
        assert len(list(pictures)) == 5
