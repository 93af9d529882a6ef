"""The audio codec's promises that hold for any weights, and its transform."""

from __future__ import annotations

import math

import pytest
import torch

from generators.audio_codec import (
    FRAME,
    HOP,
    SAMPLE_RATE,
    SAMPLES,
    AudioCodec,
    AudioCodecConfig,
    Spectrum,
    compose,
    finish,
    noise_for,
    pad_sound,
)
from generators.spectrum import mel_bands, overlapped, spectra
from provenance.errors import FrameError

SMALL = AudioCodecConfig(latent=6, encoder=16, slow=16, fast=16)
BINS = FRAME // 2 + 1


@pytest.fixture(scope="module")
def codec() -> AudioCodec:
    torch.manual_seed(1)
    net = AudioCodec(SMALL).eval().requires_grad_(False)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    net.head.bias[: 2 * BINS] = -6
    net.head.bias[5 * BINS :] = -6
    return net


def sound(latents: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(1, 2, latents * SAMPLES, generator=random) * 0.1


def test_a_stream_gives_what_the_whole_gives_however_it_is_cut(codec):
    latents = codec.encode(sound(12))
    whole = codec.decode(latents)
    assert whole.shape == (1, 2, 12 * SAMPLES)
    assert whole.abs().amax(-1).min() > 1e-3
    state, parts = None, []
    for start, stop in ((0, 1), (1, 2), (2, 7), (7, 12)):
        part, state = codec.decode_step(latents[..., start:stop], state)
        parts.append(part)
    assert torch.allclose(torch.cat(parts, 2), whole, atol=1e-5)


def test_no_sample_knows_later_latents(codec):
    latents = codec.encode(sound(8))
    later = latents.clone()
    later[..., 5:] = 3
    first, second = codec.decode(latents), codec.decode(later)
    assert torch.allclose(first[..., : 5 * SAMPLES], second[..., : 5 * SAMPLES], atol=1e-6)
    assert not torch.allclose(first, second, atol=1e-3)


def test_the_noise_is_a_function_of_place_and_seed():
    assert torch.equal(noise_for(0, 4, 7)[..., 12:], noise_for(2, 2, 7))
    assert not torch.equal(noise_for(0, 1, 7), noise_for(0, 1, 8))
    assert noise_for(0, 20, 1).abs().square().mean() == pytest.approx(1, rel=0.05)


def test_the_transform_is_undone():
    samples = sound(4)[0]
    back = overlapped(spectra(samples, size=FRAME, hop=HOP), size=FRAME, hop=HOP)
    inner = slice(FRAME - HOP, samples.shape[1])
    assert torch.allclose(back[:, inner], samples[:, inner], atol=1e-5)


@pytest.mark.parametrize("hertz", [210.0, 1000.0, 3333.0])
def test_a_bins_frequency_makes_a_steady_tone(hertz):
    """Two seconds from constant levels and drifts: the phase is counted, not guessed."""
    frames = 2 * SAMPLE_RATE // HOP
    nearest = round(hertz * FRAME / SAMPLE_RATE)
    level = torch.full((1, 2, BINS, frames), -20.0)
    level[:, :, nearest - 1 : nearest + 2] = torch.tensor([-1.4, -0.7, -1.4])[:, None]
    bins = torch.arange(BINS)
    drift = 2 * math.pi * HOP * (hertz / SAMPLE_RATE - bins / FRAME)
    spectrum = Spectrum(
        level=level,
        drift=drift[None, :, None].expand(1, BINS, frames),
        offset=torch.zeros(1, BINS, frames),
        strike=torch.zeros(1, BINS, frames),
        noise=torch.zeros(1, 3, BINS, frames),
    )
    silent = torch.zeros(3, BINS, frames, dtype=torch.complex64)
    samples = finish(compose(spectrum, silent, None)[0], None)[0][0, 0, FRAME:]
    power = torch.fft.rfft(samples * torch.hann_window(len(samples))).abs().square()
    peak = int(power.argmax())
    assert peak * SAMPLE_RATE / len(samples) == pytest.approx(hertz, abs=1)
    assert power[peak - 3 : peak + 4].sum() > 0.99 * power.sum()


def test_bands_cover_every_bin_that_is_heard():
    bands = mel_bands(64, size=FRAME, rate=SAMPLE_RATE)
    assert torch.allclose(bands.sum(1), torch.ones(64))
    assert (bands.sum(0)[1:-1] > 0).all()


def test_what_does_not_fit_is_refused_and_padding_makes_it_fit(codec):
    odd = torch.zeros(1, 2, 1000)
    with pytest.raises(FrameError):
        codec.encode(odd)
    with pytest.raises(FrameError):
        codec.encode(torch.zeros(1, 1, SAMPLES))
    assert codec.encode(pad_sound(odd)).shape == (1, SMALL.latent, 2)
