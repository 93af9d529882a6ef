"""The mark written by torch is the mark written by numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from provenance.errors import FrameError, MediaTooSmall
from provenance.watermark import ClipDetector, ClipMarker
from provenance.watermark.torch_marker import TorchClipMarker
from tests.drawn import natural_luma
from tests.provenance.watermark.test_detector import KEY, PAYLOAD

RATE = 20
CPU = torch.device("cpu")


def both(width, height, **options):
    common = {"payload": PAYLOAD, "key": KEY, "width": width, "height": height, **options}
    return ClipMarker(**common), TorchClipMarker(**common, device=CPU)


@pytest.mark.parametrize("size", [(320, 180), (426, 240), (300, 402), (640, 1000)])
@pytest.mark.parametrize("options", [{}, {"strength": 2.5}, {"psnr": 44.0}, {"shift": (5, 9)}])
def test_numpy_and_torch_write_the_same(size, options):
    width, height = size
    planes = natural_luma(12, height, width)
    numpy_marker, torch_marker = both(width, height, **options)
    for index, luma in enumerate(planes):
        time_s = 0.9 + index / RATE  # across a second of the clock
        ours = numpy_marker.mark(luma, time_s=time_s).astype(int)
        theirs = torch_marker.mark(torch.from_numpy(luma), time_s=time_s).numpy().astype(int)
        assert np.abs(ours - theirs).max() <= 1
        assert np.mean(ours != theirs) < 0.002
        assert np.any(ours != luma)


def test_what_torch_has_written_is_read():
    width, height = 480, 270
    _, marker = both(width, height)
    detector = ClipDetector(keys=[KEY], width=width, height=height)
    for index, luma in enumerate(natural_luma(20, height, width)):
        time_s = index / RATE
        marked = marker.mark(torch.from_numpy(luma), time_s=time_s)
        detector.add(marked.numpy(), time_s=time_s)
    assert detector.finish().payload == PAYLOAD


def test_black_and_white_stay_in_range():
    _, marker = both(320, 180)
    for level in (0, 255):
        flat = torch.full((180, 320), level, dtype=torch.uint8)
        marked = marker.mark(flat, time_s=0.0).int()
        assert (marked - level).abs().max() <= 4


def test_other_frames_than_the_clips_are_refused():
    _, marker = both(320, 180)
    with pytest.raises(FrameError):
        marker.mark(torch.zeros((180, 322), dtype=torch.uint8), time_s=0.0)
    with pytest.raises(FrameError):
        marker.mark(torch.zeros((180, 320), dtype=torch.int16), time_s=0.0)
    with pytest.raises(MediaTooSmall):
        both(100, 100)
