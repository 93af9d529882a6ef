"""VMAF by the real FFmpeg: it falls with what people dislike, and says so when it cannot run."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from provenance.errors import FrameError
from provenance.quality import VmafMeter
from tests.drawn import natural_luma

PLAIN = natural_luma(8, 180, 241, seed=2)  # of an odd width


def vmaf_of(change, *, plain=PLAIN, bits=8):
    height, width = plain[0].shape
    with VmafMeter(width=width, height=height, bits=bits, threads=1) as meter:
        for frame in plain:
            meter.add(frame, change(frame))
        return meter.result()


def test_vmaf_falls_with_blur():
    same, slight, strong = (
        vmaf_of(change)
        for change in (
            lambda frame: frame,
            lambda frame: cv2.GaussianBlur(frame, (0, 0), 1),
            lambda frame: cv2.GaussianBlur(frame, (0, 0), 3),
        )
    )
    assert same.frames == len(PLAIN)
    assert same.vmaf > 95
    assert same.vmaf > slight.vmaf + 2 > strong.vmaf + 4
    assert same.vmaf_neg > slight.vmaf_neg + 2 > strong.vmaf_neg + 4
    for scores in (same, slight, strong):
        assert scores.vmaf_p1 <= scores.vmaf
        assert scores.vmaf_neg_p1 <= scores.vmaf_neg


def test_neg_gives_nothing_for_sharpening():
    plain = [cv2.GaussianBlur(frame, (0, 0), 1.2) for frame in PLAIN]

    def sharpened(frame):
        return cv2.addWeighted(frame, 2.0, cv2.GaussianBlur(frame, (0, 0), 1.5), -1.0, 0)

    scores = vmaf_of(sharpened, plain=plain)
    assert scores.vmaf > scores.vmaf_neg + 2


def test_one_bad_frame_shows_in_the_first_percentile():
    count = iter(range(8))
    scores = vmaf_of(lambda frame: 255 - frame if next(count) == 4 else frame)
    assert scores.vmaf_p1 < 50 < scores.vmaf


def test_ten_bits_are_judged_like_eight():
    def deep(frame):
        return frame.astype(np.uint16) << 2

    scores = vmaf_of(
        lambda frame: deep(cv2.GaussianBlur((frame >> 2).astype(np.uint8), (0, 0), 1)),
        plain=[deep(frame) for frame in PLAIN],
        bits=10,
    )
    shallow = vmaf_of(lambda frame: cv2.GaussianBlur(frame, (0, 0), 1))
    assert scores.vmaf == pytest.approx(shallow.vmaf, abs=0.5)


def test_frames_that_do_not_fit_are_refused():
    with VmafMeter(width=240, height=180) as meter:
        with pytest.raises(FrameError):
            meter.add(PLAIN[0][:90], PLAIN[0][:90])
        with pytest.raises(FrameError):
            meter.add(PLAIN[0], PLAIN[1][:90])
        with pytest.raises(FrameError, match="no frame"):
            meter.result()
    with pytest.raises(FrameError):
        meter.result()


def test_whoever_fails_on_the_way_leaves_nothing_running():
    meter = VmafMeter(width=240, height=180)
    with pytest.raises(FrameError), meter:  # noqa: PT012 leaving the block is what is tested
        meter.add(PLAIN[0], PLAIN[1])
        process = meter._process
        meter.add(PLAIN[0], PLAIN[1][:90])
    assert process.returncode is not None


def test_a_missing_package_is_named_with_its_command():
    program = """
import sys
sys.modules["imageio_ffmpeg"] = None  # import then fails as if it were not installed
from provenance.errors import PackageMissing
from provenance.quality import VmafMeter
try:
    VmafMeter(width=64, height=64)
except PackageMissing as error:
    print(error.diagnostics())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "imageio-ffmpeg" in done.stdout
    assert "pip install imageio-ffmpeg" in done.stdout
