"""Frames are marked where they lie, and come out the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from provenance.clip import VideoSpec
from provenance.errors import FrameError
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.manifest import read_manifest
from provenance.marking import HostMarking, as_array, marking_for, on_gpu
from provenance.torch_marking import TorchMarking, fits
from provenance.trust import TrustSettings
from provenance.video import open_media
from provenance.watermark import ClipDetector, ClipMarker
from tests.desk import HEIGHT, RATE, WIDTH, read_mark
from tests.drawn import moving_frames
from tests.provenance.watermark.test_detector import PAYLOAD
from tests.provenance.writing import SOUND

SPEC = VideoSpec(width=WIDTH, height=HEIGHT, rate=RATE)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
DEVICES = [torch.device("cpu"), pytest.param(torch.device("cuda"), marks=needs_gpu)]


@pytest.fixture(scope="module")
def clip():
    return np.stack(list(moving_frames(20, HEIGHT, WIDTH)))


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


def _marker():
    return ClipMarker(payload=PAYLOAD, key=DEFAULT_CARRIER_KEY, width=WIDTH, height=HEIGHT)


def _in_blocks(marking, clip, sizes):
    done, made = 0, []
    for size in sizes:
        made += marking.marked(clip[done : done + size], first=done)
        done += size
    return made


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_a_device_makes_the_pictures_that_the_host_makes(clip, pool, device, batch, monkeypatch):
    monkeypatch.setattr("provenance.torch_marking._AT_ONCE", batch * WIDTH * HEIGHT)
    there = torch.from_numpy(clip).to(device)
    wanted = _in_blocks(HostMarking(_marker(), SPEC, pool), clip, [1, 8, 11])
    made = _in_blocks(TorchMarking(_marker(), SPEC, device), there, [1, 8, 0, 8, 3])
    assert len(made) == len(wanted) == len(clip)
    for index, (ours, theirs) in enumerate(zip(made, wanted, strict=True)):
        assert ours.picture.time == theirs.picture.time == index / RATE
        assert not ours.picture.full_range
        assert ours.picture.layout == theirs.picture.layout
        for one, other in zip(ours.picture.planes, theirs.picture.planes, strict=True):
            assert np.abs(one.astype(int) - other).max() <= 3
        planes = ours.picture.planes[0].astype(int), theirs.picture.planes[0].astype(int)
        assert np.mean(planes[0] != planes[1]) < 0.02  # a colour rounded to the next level
        assert np.abs(ours.original.astype(int) - theirs.original).max() <= 1
        change = planes[0] - ours.original
        assert 0.3 < np.abs(change).mean() < 3


def test_what_a_device_has_marked_is_read(clip):
    detector = ClipDetector(keys=[DEFAULT_CARRIER_KEY], width=WIDTH, height=HEIGHT)
    for picture, _ in TorchMarking(_marker(), SPEC, torch.device("cpu")).marked(clip, first=0):
        detector.add(picture.luma, time_s=float(picture.time))
    assert detector.finish().payload == PAYLOAD


@pytest.mark.parametrize(
    "other", [{"width": 255}, {"height": 191}, {"bits": 10}, {"matrix": 9}, {"full_range": True}]
)
def test_other_files_are_marked_on_the_host(other):
    assert fits(SPEC)
    assert not fits(replace(SPEC, **other))


def test_what_lies_on_the_host_is_marked_there(clip, pool):
    assert not on_gpu(clip)
    assert not on_gpu(torch.from_numpy(clip))
    assert not on_gpu(clip.tolist())
    chosen = marking_for(torch.from_numpy(clip), marker=_marker(), spec=SPEC, pool=pool)
    assert isinstance(chosen, HostMarking)


def test_what_is_no_array_is_refused():
    with pytest.raises(FrameError, match="no array"):
        as_array(torch.zeros(3, dtype=torch.bfloat16))


@needs_gpu
def test_a_file_of_frames_on_a_gpu_is_that_of_frames_on_the_host(tmp_path, clip, writer_for):
    made = []
    for device in ("cpu", "cuda"):
        out = tmp_path / f"{device}.mp4"
        there = torch.from_numpy(clip).to(device)
        with writer_for(out, draw_bits=lambda _: len(made) + 1) as writer:
            writer.write(there[:7], audio=SOUND)
            with pytest.raises(FrameError):
                writer.write(there[:, 1:])
            with pytest.raises(FrameError):
                writer.write(there.float())
            writer.write(there[7:12])
            writer.write(clip[12:])
        payload = writer.result.sealed.payload
        assert read_mark(out, [DEFAULT_CARRIER_KEY]).payload == payload
        assert read_manifest(out, TrustSettings()).binding_ok
        with open_media(out) as media:
            made.append(np.stack([picture.luma for picture in media.pictures()]).astype(int))
    assert np.abs(made[0] - made[1]).mean() < 3
    assert writer.result.frames == len(clip)


@needs_gpu
def test_a_gpu_without_room_leaves_marking_to_the_host(clip, pool):
    wide = VideoSpec(width=3840, height=2160, rate=Fraction(24))
    marker = ClipMarker(
        payload=PAYLOAD, key=DEFAULT_CARRIER_KEY, width=wide.width, height=wide.height
    )
    frames = torch.zeros((1, 2160, 3840, 3), dtype=torch.uint8, device="cuda")
    torch.cuda.empty_cache()
    try:
        torch.cuda.set_per_process_memory_fraction(1e-3)
        chosen = marking_for(frames, marker=marker, spec=wide, pool=pool)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert isinstance(chosen, HostMarking)
