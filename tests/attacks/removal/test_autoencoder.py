from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.base import Desk
from attacks.removal.autoencoder import (
    VALUES,
    Autoencoder,
    load_autoencoder,
    noisy,
    redrawn,
    rounded,
)
from attacks.removal.regeneration import RegenerateAutoencoder
from tests.attacks.marked import heard, held, marked_clip, psnr_between, spread_pattern
from tests.drawn import natural_luma


@pytest.fixture(scope="module")
def frame():
    return np.stack([natural_luma(1, 150, 203, seed=seed)[0] for seed in (1, 2, 3)], axis=-1)


def _psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def test_a_longer_code_says_more(frame):
    quality = [_psnr(frame, redrawn(frame, kept)) for kept in (1, 4, 16)]
    assert quality[0] < quality[1] < quality[2]


def test_any_size_comes_back_in_its_place(frame):
    """A picture moved by a pixel would lose far more than coding does."""
    for height, width in ((150, 203), (8, 8), (17, 1)):
        part = np.ascontiguousarray(frame[:height, :width])
        assert redrawn(part, 16).shape == part.shape
    grey = np.repeat(frame[..., :1], 3, axis=-1)
    drawn = redrawn(grey, 16).astype(float)
    moved = np.roll(drawn, 1, axis=1)
    assert _psnr(grey[8:-8, 8:-8], drawn[8:-8, 8:-8]) > _psnr(grey[8:-8, 8:-8], moved[8:-8, 8:-8])


def test_the_code_is_whole_numbers_and_no_more_of_them_than_kept(frame):
    model = load_autoencoder()
    picture = torch.from_numpy(frame[:144, :200].copy()).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        code = rounded(model.encode(picture))
        assert code.shape == (1, VALUES, 18, 25)
        assert torch.equal(code * 8, torch.round(code * 8))
        assert code.abs().max() <= 1
        short = code.clone()
        short[:, 5:] = 0.375  # what is not kept makes no difference
        kept = torch.tensor([5])
        assert torch.equal(model.decode(code, kept), model.decode(short, kept))
        assert not torch.equal(model.decode(code, kept), model.decode(code, kept + 1))


def test_the_noise_of_training_is_as_wide_as_rounding():
    code = torch.zeros(1, VALUES, 64, 64)
    noise = noisy(code, torch.Generator().manual_seed(1))
    assert noise.abs().max() <= 1 / 16
    assert noise.std() == pytest.approx(1 / 8 / 12**0.5, rel=0.02)


def test_untrained_it_draws_nothing_like_the_picture(frame):
    """So that the weights of the package are what the other tests are about."""
    torch.manual_seed(0)
    picture = torch.from_numpy(frame[:144, :200].copy()).permute(2, 0, 1)[None].float() / 255
    model = Autoencoder()
    with torch.inference_mode():
        drawn = model.decode(model.encode(picture), torch.tensor([VALUES]))
    assert _psnr(255 * picture.numpy(), 255 * drawn.clamp(0, 1).numpy()) < 18
    assert _psnr(frame, redrawn(frame, VALUES)) > 22


def test_a_mark_that_the_code_cannot_say_fades(tmp_path):
    pattern = spread_pattern(1)
    clip = marked_clip(tmp_path / "clip.mp4", pattern, frames=4)
    desk = Desk(folder=tmp_path)
    long, short = (held(RegenerateAutoencoder(kept=k).apply(clip, desk)) for k in (16, 2))
    assert heard(short, pattern) < 0.7 * heard(clip, pattern)
    assert heard(short, pattern) < heard(long, pattern)
    assert psnr_between(clip, long) > psnr_between(clip, short) > 22
