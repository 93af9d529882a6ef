"""The codecs and super-resolution that ship: held-out scenes come back as they went in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from generators.audio_codec import AudioCodec, AudioCodecConfig
from generators.scenes import scene_batch
from generators.superres import SuperResolution
from generators.training.superres_eval import evaluate
from generators.training.video_codec_eval import psnr
from generators.video_codec import VideoCodec, VideoCodecConfig
from generators.weight_file import bundled, load_weights

MIB = 2**20


@pytest.fixture(scope="module")
def scenes():
    with torch.no_grad():
        return scene_batch(
            np.random.default_rng(11), batch=3, width=192, height=112, rate=24, frames=9,
            device=torch.device("cpu"), split="held_out",
        )  # fmt: skip


def loudness(samples):
    """(B, C, N) to the logarithm of the level in parts of 10 ms."""
    power = functional.avg_pool1d(samples.square().mean(1, keepdim=True), 240)
    return (power + 1e-5).log10().flatten()


@torch.no_grad()
def test_pictures(scenes):
    codec = VideoCodec(VideoCodecConfig()).eval()
    load_weights(bundled("video_codec.safetensors"), codec)
    latents = codec.encode(scenes.video)
    good = psnr(codec.decode(latents), scenes.video).mean()
    assert good > 25
    still = latents.clone()
    still[:, :, 1] = latents[:, :, 0]
    assert psnr(codec.decode(still), scenes.video).mean() < good - 2
    assert latents.std() == pytest.approx(1, abs=0.3)


@torch.no_grad()
def test_sound(scenes):
    codec = AudioCodec(AudioCodecConfig()).eval()
    load_weights(bundled("audio_codec.safetensors"), codec)
    sound = scenes.audio[..., : scenes.audio.shape[-1] // 960 * 960]
    made = codec.decode(codec.encode(sound))[..., : sound.shape[-1]]
    wanted = loudness(sound)
    heard = torch.corrcoef(torch.stack([loudness(made), wanted]))[0, 1]
    shuffled = torch.corrcoef(torch.stack([loudness(made.roll(1, 0)), wanted]))[0, 1]
    assert heard > 0.8
    assert shuffled < heard - 0.2


@torch.no_grad()
def test_twice_the_size():
    """By more than the aim of 1.5 dB over a bicubic, and steadier; with one net spoiled not."""
    codec, nets = VideoCodec(VideoCodecConfig()).eval(), SuperResolution().eval()
    load_weights(bundled("video_codec.safetensors"), codec)
    load_weights(bundled("superres.safetensors"), nets)

    def figures():
        return evaluate(
            nets, codec, None, scenes=4, width=96, height=64, device=torch.device("cpu")
        )

    good = figures()
    assert good["true_one_gain_db"] > 1.5
    assert good["true_two_gain_db"] > 1.5
    assert good["coded_one_gain_db"] > 0
    assert good["true_one_flicker"] < good["true_one_bicubic_flicker"]
    nets.first.leave.weight.mul_(-1)
    assert figures()["true_one_gain_db"] < 0


def test_each_file_is_small():
    for path in bundled("video_codec.safetensors").parent.glob("*.safetensors"):
        assert path.stat().st_size < 16 * MIB
