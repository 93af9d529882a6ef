"""Each metric is right on changes of known size, and fails on pictures that were spoiled."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from provenance.errors import FrameError, OptionError
from provenance.quality import LumaQuality, psnr, worst_block_psnr


def grey(height=96, width=128, *, level=100, dtype=np.uint8):
    return np.full((height, width), level, dtype)


def noisy(deviation, *, seed=0):
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(120, deviation, (96, 128)), 0, 255).astype(np.uint8)


def measured(reference, marked, **options):
    quality = LumaQuality(**options)
    quality.add(reference, marked)
    return quality.result()


def test_psnr_of_a_known_change():
    assert psnr(grey(), grey(level=102)) == pytest.approx(10 * math.log10(255**2 / 4))
    assert psnr(grey(), grey()) == math.inf


def test_ten_bits_are_on_the_scale_of_eight():
    reference, marked = grey(level=400, dtype=np.uint16), grey(level=404, dtype=np.uint16)
    assert psnr(reference, marked, bits=10) == pytest.approx(psnr(grey(), grey(level=101)))


def test_psnr_falls_when_the_picture_is_spoiled():
    reference = noisy(20)
    slight = reference ^ 1
    assert psnr(reference, slight) > 42
    assert psnr(reference, np.roll(reference, 1, axis=1)) < 42


@pytest.mark.parametrize(("row", "column"), [(0, 0), (64, 96), (13, 71), (90, 122)])
def test_one_bad_spot_spoils_the_worst_block_wherever_it_is(row, column):
    reference = noisy(20)
    marked = reference.copy()
    marked[row : row + 6, column : column + 6] ^= 0x40
    assert psnr(reference, marked) > 30
    assert worst_block_psnr(reference, marked) == pytest.approx(
        10 * math.log10(255**2 * 32 * 32 / (36 * 64**2)), abs=1e-3
    )


def test_an_even_change_is_alike_in_every_block():
    assert worst_block_psnr(grey(), grey(level=103)) == pytest.approx(psnr(grey(), grey(level=103)))
    assert worst_block_psnr(grey(), grey()) == math.inf


def test_a_plane_smaller_than_a_block_is_one_block():
    reference, marked = grey(20, 24), grey(20, 24, level=101)
    assert worst_block_psnr(reference, marked) == pytest.approx(psnr(reference, marked))


def test_flat_areas_are_told_from_texture():
    reference = noisy(20)
    reference[:, :64] = 100
    loud_in_texture, loud_in_flat = reference.copy(), reference.copy()
    loud_in_texture[:, 64:] ^= 4
    loud_in_flat[:, :64] += 2
    assert measured(reference, loud_in_texture).flat_rms == pytest.approx(0)
    assert measured(reference, loud_in_flat).flat_rms == pytest.approx(2)
    assert measured(noisy(20), noisy(20) ^ 1).flat_rms is None


def test_a_bright_gradient_still_counts_as_flat():
    reference = np.broadcast_to(np.linspace(200, 235, 128), (96, 128)).astype(np.uint8)
    assert measured(reference, reference + np.uint8(1)).flat_rms == pytest.approx(1, abs=1e-3)


def test_the_summary_covers_all_frames():
    quality = LumaQuality()
    for level in (101, 102, 104):
        quality.add(grey(), grey(level=level))
    result = quality.result()
    each = [psnr(grey(), grey(level=level)) for level in (101, 102, 104)]
    assert result.frames == 3
    assert result.psnr_db == pytest.approx(np.mean(each))
    assert result.lowest_psnr_db == pytest.approx(min(each))
    assert result.worst_block_psnr_db == pytest.approx(min(each))
    assert result.flat_rms == pytest.approx(math.sqrt((1 + 4 + 16) / 3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.frames = 4


def test_only_every_nth_frame_is_measured():
    quality = LumaQuality(every=3)
    for index in range(7):
        quality.add(grey(), grey(level=101 if index % 3 == 0 else 200))
    assert quality.result().frames == 3
    assert quality.result().lowest_psnr_db == pytest.approx(psnr(grey(), grey(level=101)))


@pytest.mark.parametrize(
    "marked", [grey(95), grey(dtype=np.uint16), np.zeros((96, 128, 1), np.uint8)]
)
def test_planes_that_do_not_fit_are_refused(marked):
    with pytest.raises(FrameError):
        psnr(grey(), marked)
    with pytest.raises(FrameError):
        LumaQuality().add(grey(), marked)


def test_nothing_measured_is_no_result():
    with pytest.raises(FrameError):
        LumaQuality().result()
    with pytest.raises(OptionError):
        LumaQuality(every=0)
