"""Structural similarity agrees with scikit-image and falls with what eyes dislike."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from provenance.errors import FrameError
from provenance.quality import ms_ssim, ssim
from tests.drawn import natural_luma

PLAIN = natural_luma(1, 180, 240, seed=2)[0]


def with_noise(deviation):
    rng = np.random.default_rng(1)
    return np.clip(PLAIN + rng.normal(0, deviation, PLAIN.shape), 0, 255).astype(np.uint8)


def blurred(sigma):
    return cv2.GaussianBlur(PLAIN, (0, 0), sigma)


@pytest.mark.parametrize("marked", [PLAIN, with_noise(3), with_noise(40), blurred(2), 255 - PLAIN])
def test_ssim_is_that_of_scikit_image(marked):
    theirs = structural_similarity(
        PLAIN,
        marked,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(PLAIN, marked) == pytest.approx(theirs, abs=1e-3)


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
@pytest.mark.parametrize("spoil", [with_noise, blurred])
def test_similarity_falls_with_every_step_of_spoiling(measure, spoil):
    scores = [measure(PLAIN, spoil(amount)) for amount in (1, 3, 9)]
    assert 1 > scores[0] > scores[1] > scores[2] > 0
    assert scores[2] < scores[0] - 0.02
    assert measure(PLAIN, PLAIN) == pytest.approx(1)


def test_several_scales_forgive_what_cannot_be_seen_from_afar():
    assert ms_ssim(PLAIN, with_noise(6)) > ssim(PLAIN, with_noise(6))


def test_the_opposite_has_no_structure_in_common():
    assert ssim(PLAIN, 255 - PLAIN) < 0
    assert ms_ssim(PLAIN, 255 - PLAIN) == 0


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
def test_ten_bits_are_on_the_scale_of_eight(measure):
    marked = with_noise(5)
    deep = (PLAIN.astype(np.uint16) << 2, marked.astype(np.uint16) << 2)
    assert measure(*deep, bits=10) == pytest.approx(measure(PLAIN, marked))


def test_planes_that_do_not_fit_are_refused():
    with pytest.raises(FrameError):
        ssim(PLAIN, PLAIN[:-1])
    with pytest.raises(FrameError):
        ssim(PLAIN[:10], PLAIN[:10])
    with pytest.raises(FrameError):
        ms_ssim(PLAIN[:175], PLAIN[:175])
