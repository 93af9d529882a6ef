"""PSNR and Fréchet distance: known values, and larger for what is spoiled."""

from __future__ import annotations

import random

import pytest
import torch

from generators.metrics.frechet import beside_real, frechet_distance
from generators.metrics.psnr import psnr_db
from generators.metrics.sound_features import log_mel, sound_features
from generators.scenes import draw_scene, render_audio

RATE = 24_000


def gaussian(count, mean, deviation, seed):
    source = torch.Generator().manual_seed(seed)
    return mean + deviation * torch.randn(count, 4, generator=source, dtype=torch.float64)


def test_psnr_of_a_known_error():
    video = torch.zeros(2, 3, 2, 4, 4)
    other = video.clone()
    other[1] += 0.02
    assert psnr_db(video, other, data_range=2.0)[0] == torch.inf
    assert psnr_db(video, other, data_range=2.0)[1].item() == pytest.approx(40.0, abs=1e-4)


def test_frechet_distance_of_known_gaussians():
    one, other = gaussian(40_000, 0.0, 1.0, 1), gaussian(40_000, 2.0, 3.0, 2)
    # |2|² in each of 4 dimensions, and (3 - 1)² in each.
    assert frechet_distance(one, other) == pytest.approx(4 * (4 + 4), rel=0.03)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_is_symmetric():
    one, other = gaussian(500, 0.0, 1.0, 1), gaussian(500, 0.5, 0.5, 2)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-6)


def test_real_sound_is_close_to_real_and_spoiled_sound_is_not():
    rng = random.Random(2)
    specs = [draw_scene(rng, duration_s=1.0) for _ in range(96)]
    audio = render_audio(specs, samples=RATE, device="cpu")
    real, more = audio[:64], audio[64:]
    features = sound_features(real, sample_rate=RATE)
    for spoiled in (
        more + 0.05 * torch.randn(more.shape, generator=torch.Generator().manual_seed(0)),
        more * 0.1,
        more.mean(dim=(1, 2), keepdim=True).expand_as(more),
    ):
        generated = sound_features(spoiled, sample_rate=RATE)
        result = beside_real(generated[:32], features)
        assert result.distance > 2 * result.floor
    same = beside_real(sound_features(more, sample_rate=RATE)[:32], features)
    assert same.distance < 1.5 * same.floor


def test_a_tone_is_in_its_band():
    time = torch.arange(RATE) / RATE
    tone = torch.sin(2 * torch.pi * 1000 * time).expand(1, 2, -1)
    mel = log_mel(tone, sample_rate=RATE)
    # 1000 Hz is 1000 mel; 64 bands between 20 Hz and 12 kHz.
    low, high = (2595 * torch.log10(torch.tensor(1 + f / 700)) for f in (20.0, 12_000.0))
    band = (1000 - low) / (high - low) * 65 - 1
    assert abs(int(mel[0].mean(dim=1).argmax()) - band) <= 1
