"""What marking changed arrives in the results under their names."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.bench.metrics import PictureMeter, snr_db
from attacks.bench.results import Master
from attacks.clip import on_luma, open_clip
from tests.drawn import draw_clip


@pytest.fixture
def clip(tmp_path):
    return open_clip(draw_clip(tmp_path / "c.mp4", frames=4, width=192, height=176, channels=None))


def measured(clip, change, *, vmaf=False):
    other = on_luma(clip, change)
    with PictureMeter(clip.video, vmaf=vmaf) as meter:
        for before, after in zip(clip.pictures(), other.pictures(), strict=True):
            meter.add(before, after)
        return meter.result()


def noisy(amount):
    def change(luma, time_s):
        rng = np.random.default_rng(round(time_s * 1000))
        return np.clip(luma + rng.normal(0, amount, luma.shape), 0, 255).astype(np.uint8)

    return change


def test_every_measure_falls_with_noise(clip):
    slight, strong = (measured(clip, noisy(amount), vmaf=True) for amount in (2, 12))
    assert set(slight) <= set(Master.__dataclass_fields__)
    for name in ("psnr_db", "worst_block_psnr_db", "ssim", "ms_ssim", "vmaf", "vmaf_neg"):
        assert slight[name] > strong[name], name
    assert strong["flicker"] > 4 * slight["flicker"] > 0
    assert slight["vmaf_neg_p1"] <= slight["vmaf_neg"]


def test_an_untouched_picture_has_no_decibels(clip):
    same = measured(clip, lambda luma, _: luma)
    assert (same["psnr_db"], same["vmaf"]) == (None, None)
    assert (same["ssim"], same["ms_ssim"], same["flicker"]) == (1, 1, 0)


def test_noise_in_sound():
    sound = np.full((100, 2), 0.5, np.float32)
    assert snr_db(sound, sound + np.float32(0.05)) == pytest.approx(20, abs=0.01)
    assert snr_db(sound, sound) is None
