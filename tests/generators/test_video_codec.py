"""The video codec's promises that hold for any weights."""

from __future__ import annotations

import pytest
import torch

from generators.video_codec import VideoCodec, VideoCodecConfig, pad_clip
from generators.video_codec_nets import Widths, outlines
from provenance.errors import FrameError

SMALL = VideoCodecConfig(
    appearance=6, motion=4, looks=Widths(8, 12, 16), moves=Widths(8, 12, 16), synthesis=16
)


@pytest.fixture(scope="module")
def codec() -> VideoCodec:
    """Random weights everywhere: a fresh net ends in noughts, and would hide what is compared."""
    torch.manual_seed(1)
    net = VideoCodec(SMALL).eval().requires_grad_(False)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return net


def clip(frames: int = 25, height: int = 32, width: int = 48) -> torch.Tensor:
    return (
        torch.rand(1, 3, frames, height, width, generator=torch.Generator().manual_seed(2)) * 2 - 1
    )


def test_a_step_is_eight_frames_and_a_token_sixteen_pixels(codec):
    latents = codec.encode(clip())
    assert latents.shape == (1, SMALL.channels, 4, 2, 3)
    assert codec.decode(latents).shape == (1, 3, 25, 32, 48)


def test_appearance_knows_the_key_frame_alone_and_motion_nothing_of_the_first(codec):
    frames = clip(9)
    other = frames.clone()
    other[:, :, 1:8] = 0
    first, second = codec.encode(frames), codec.encode(other)
    looks = SMALL.appearance
    assert torch.equal(first[:, :looks], second[:, :looks])
    assert not torch.allclose(first[:, looks:, 1], second[:, looks:, 1])
    assert not first[:, looks:, 0].any()


def test_no_step_knows_later_frames(codec):
    frames = clip(25)
    later = frames.clone()
    later[:, :, 17:] = 0
    first, second = codec.encode(frames), codec.encode(later)
    assert torch.allclose(first[:, :, :3], second[:, :, :3], atol=1e-6)
    assert not torch.allclose(first[:, :, 3], second[:, :, 3], atol=1e-2)


def test_a_stream_gives_what_training_saw_at_once(codec):
    frames = clip(25)
    luma = torch.tensor([[0.299, 0.587, 0.114]])
    whole = codec(frames, frames, luma, torch.ones(1, 3), 0.0)
    state, parts = None, []
    for step in codec.encode(frames).unbind(2):
        part, state = codec.decode_step(step, state)
        parts.append(part)
    assert [part.shape[2] for part in parts] == [1, 8, 8, 8]
    chunks = whole.frames.clone()
    chunks[:, :, -1] = whole.keys[:, 1:]
    frames = torch.cat([whole.keys[:, :1], chunks.flatten(1, 2)], 1).transpose(1, 2)
    assert torch.allclose(torch.cat(parts, 2), frames.clamp(-1, 1), atol=1e-5)


def test_animation_never_sees_a_later_look(codec):
    latents = codec.encode(clip(17))
    looks = SMALL.appearance
    moved = codec.animate(latents[:, :looks, 0], latents[:, looks:, 1:])
    assert moved.shape == (1, 3, 17, 32, 48)
    still = codec.animate(latents[:, :looks, 0], torch.zeros_like(latents[:, looks:, 1:]))
    assert torch.equal(moved[:, :, 0], still[:, :, 0])
    assert not torch.allclose(moved, still, atol=1e-3)


def test_motion_sees_no_level_and_no_contrast():
    frames = clip(9)
    plain, bright = outlines(frames), outlines(frames * 0.5 + 0.2)
    assert (plain - bright).abs().mean() < 0.15 * plain.abs().mean()
    assert (plain - outlines(frames.flip(-1))).abs().mean() > plain.abs().mean()


def test_what_does_not_fit_is_refused_and_padding_makes_it_fit(codec):
    odd = clip(10, 30, 50)
    with pytest.raises(FrameError):
        codec.encode(odd)
    fit = pad_clip(odd)
    assert fit.shape == (1, 3, 17, 32, 64)
    assert torch.equal(fit[:, :, :10, :30, :50], odd)
    assert codec.decode(codec.encode(fit)).shape == fit.shape
