"""Super-resolution's promises that hold for any weights."""

from __future__ import annotations

import pytest
import torch

from generators.superres import Upscaler, UpscalerConfig, enlarge, upscale
from provenance.errors import FrameError


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    torch.manual_seed(1)
    net = Upscaler(UpscalerConfig(width=12, before=1, after=1)).eval().requires_grad_(False)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return net


def frames(count: int = 4, height: int = 40, width: int = 56) -> torch.Tensor:
    random = torch.Generator().manual_seed(2)
    return torch.rand(1, 3, count, height, width, generator=random) * 1.6 - 0.8


def test_a_stream_gives_what_the_whole_gives(upscaler):
    clip = frames()
    whole, _ = upscaler(clip)
    assert whole.shape == (1, 3, 4, 80, 112)
    stream = torch.stack(list(upscale(upscaler, clip.unbind(2))), 2)
    assert torch.allclose(stream, whole.clamp(-1, 1), atol=1e-5)


@pytest.mark.parametrize("tile", [8, 22, 64])
def test_tiles_give_what_the_whole_gives(upscaler, tile):
    clip = frames()
    whole = torch.stack(list(upscale(upscaler, clip.unbind(2))), 2)
    tiled = torch.stack(list(upscale(upscaler, clip.unbind(2), tile=tile)), 2)
    assert torch.allclose(tiled, whole, atol=1e-5)


def test_the_halo_is_as_wide_as_a_pixels_reach_and_no_wider_by_much(upscaler):
    clip = frames(3, 64, 64)
    other = clip.clone()
    other[:, :, 0, 32, 32] += 0.2
    change = (upscaler(other)[0] - upscaler(clip)[0]).abs().amax((0, 1, 2))
    touched = change.nonzero()[:, 0]
    reach = max(64 - int(touched.min()), int(touched.max()) - 65) / 2
    assert upscaler.halo - 6 <= reach <= upscaler.halo


def test_the_memory_lasts(upscaler):
    clip = frames(4)
    other = clip.clone()
    other[:, :, 0] = 0
    made, then = upscaler(clip)[0], upscaler(other)[0]
    assert not torch.allclose(made[:, :, 3], then[:, :, 3], atol=1e-6)


def test_it_begins_as_a_bicubic():
    torch.manual_seed(1)
    fresh = Upscaler(UpscalerConfig(width=12, before=1, after=1)).eval()
    clip = frames(1)
    assert torch.allclose(fresh(clip)[0][:, :, 0], enlarge(clip[:, :, 0]), atol=0.05)


def test_what_does_not_fit_is_refused(upscaler):
    with pytest.raises(FrameError):
        upscaler(frames(1, 41, 56))
    with pytest.raises(FrameError):
        list(upscale(upscaler, frames().unbind(2), tile=7))
