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
GPU = pytest.param(
    torch.device("cuda"),
    marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
)


def both(width, height, **options):
    common = {"payload": PAYLOAD, "key": KEY, "width": width, "height": height, **options}
    plan = ClipMarker(**common)
    return plan, TorchClipMarker(plan, device=CPU)


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


@pytest.mark.parametrize("options", [{}, {"psnr": 44.0}, {"shift": (5, 9)}])
@pytest.mark.parametrize("counts", [(1, 8, 12, 3), (12, 12)])
@pytest.mark.parametrize("device", [CPU, GPU])
def test_batches_are_marked_as_their_frames_are(options, device, counts):
    width, height = 426, 240
    planes = natural_luma(24, height, width)
    wanted, _ = both(width, height, **options)
    marker = TorchClipMarker(wanted, device=device)
    times_s = [62.9 + index / RATE for index in range(len(planes))]  # past 64 s of the clock
    given = torch.from_numpy(np.stack(planes)).to(device)
    made, done = [], 0
    for count in counts:
        part = slice(done, done + count)
        with torch.inference_mode(mode=count > 8):
            made.append(marker.mark_all(given[part], times_s=times_s[part]).cpu().numpy())
        done += count
    ours = np.stack([wanted.mark(p, time_s=t) for p, t in zip(planes, times_s, strict=True)])
    apart = np.abs(ours.astype(int) - np.concatenate(made))
    assert apart.max() <= 1
    assert np.mean(apart) < 0.002
    assert np.array_equal(given.cpu().numpy(), np.stack(planes))


def test_another_clip_begins_without_the_past_of_the_one_before():
    planes = natural_luma(2, 240, 426)
    first, second = (both(426, 240)[1] for _ in range(2))
    first.mark(torch.from_numpy(planes[0]), time_s=0.0)
    later = first.mark(torch.from_numpy(planes[1]), time_s=0.2)
    fresh = second.mark(torch.from_numpy(planes[1]), time_s=0.2)
    assert not torch.equal(later, fresh)  # what moved is marked less
    numpy_marker, _ = both(426, 240)
    wanted = numpy_marker.mark(planes[1], time_s=0.2).astype(int)
    assert np.mean(wanted != fresh.numpy()) < 0.002


@pytest.mark.parametrize("options", [{}, {"psnr": 44.0}])
def test_nothing_asks_the_device_for_a_value(options):
    nowhere = torch.device("meta")  # holds none, and raises when asked
    plan, _ = both(426, 240, **options)
    marker = TorchClipMarker(plan, device=nowhere)
    frames = torch.zeros((8, 240, 426), dtype=torch.uint8, device=nowhere)
    marked = marker.mark_all(frames, times_s=[index / RATE for index in range(8)])
    assert marked.shape == frames.shape


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
