"""Scaled pictures: content in its place, nothing converted, nothing aliased."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from provenance.errors import OptionError
from provenance.video import Picture, scaled
from tests.drawn import plane_of, yuv_frame


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p10le"])
@pytest.mark.parametrize("size", [(64, 32), (33, 17), (300, 151)])
def test_content_format_and_time_stay(pix_fmt, size):
    deep = pix_fmt.endswith("10le")
    y, x = np.mgrid[0:64, 0:128]
    luma = ((40 + x + y / 2) * (4 if deep else 1)).astype(np.uint16 if deep else np.uint8)
    frame = yuv_frame(luma, pix_fmt)
    frame.color_range, frame.colorspace = 2, 9
    for index in (1, 2):
        plane_of(frame, index)[:] = (500 if deep else 125) + index
    picture = Picture(frame, Fraction(7, 5))
    new = scaled(picture, *size)
    assert (new.width, new.height, new.time) == (*size, Fraction(7, 5))
    assert new.frame.format.name == pix_fmt
    assert (new.full_range, new.frame.colorspace) == (picture.full_range, 9)
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    at_x = (columns + 0.5) * 128 / size[0] - 0.5
    at_y = (rows + 0.5) * 64 / size[1] - 0.5
    wanted = (40 + at_x + at_y / 2) * (4 if deep else 1)
    inside = np.s_[4:-4, 4:-4]
    assert np.abs(new.luma[inside] - wanted[inside]).max() < (6 if deep else 2)
    for index in (1, 2):
        level = (500 if deep else 125) + index
        assert np.abs(plane_of(new.frame, index).astype(int) - level).max() <= 1
    np.testing.assert_array_equal(picture.luma, luma)


def test_detail_that_is_too_fine_becomes_grey():
    stripes = np.tile(np.array([30, 220], np.uint8), (64, 64))
    small = scaled(Picture(yuv_frame(stripes), Fraction(0)), 43, 21)
    assert np.ptp(small.luma[4:-4, 4:-4].astype(int)) < 40
    assert small.luma.mean() == pytest.approx(125, abs=2)


def test_sizes_that_no_picture_has():
    picture = Picture(yuv_frame(np.zeros((16, 16), np.uint8)), Fraction(0))
    for size in ((0, 8), (8, -1)):
        with pytest.raises(OptionError):
            scaled(picture, *size)
