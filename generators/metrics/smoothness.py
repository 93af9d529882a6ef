"""Whether a video moves smoothly and holds its light: roughness of motion, and flicker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

_BLOCKS = (14, 24)
_NOISE = 0.012  # of a block's mean: film grain that averaging has left, and more


def roughness(video: Tensor) -> Tensor:
    """(B,) how much of the motion does not go on from frame to frame, from (B, 3, T, H, W).

    The energy of the second difference in time over that of the first, of a softened picture, as
    the mean over frames: below 1 for what moves evenly, about 2 where frames stand still in turn,
    3 and more where they jump to and fro. NaN with less than 4 frames; 0 where nothing moves.
    """
    batch, frames = video.shape[0], video.shape[2]
    if frames < 4:
        return torch.full((batch,), torch.nan, device=video.device)
    small = _softened(video)
    step = small[:, 1:] - small[:, :-1]
    jump = (step[:, 1:] - step[:, :-1]).pow(2).mean(dim=(2, 3, 4))
    energy = step.pow(2).mean(dim=(2, 3, 4))
    moved = (energy[:, 1:] + energy[:, :-1]) / 2
    still = moved < 1e-6
    ratio = torch.where(still, 0.0, jump / moved.clamp(min=1e-9))
    return ratio.mean(dim=1)


def flicker(video: Tensor) -> Tensor:
    """(B,) flicker of the light in 8-bit levels: how far the mean of the picture's still parts
    is off the middle of its neighbours in time, as a root mean square.
    """
    small = video.float().mean(dim=1)  # (B, T, H, W)
    blocks = F.adaptive_avg_pool2d(small, _BLOCKS)
    bend = blocks[:, 1:-1] - (blocks[:, 2:] + blocks[:, :-2]) / 2
    # Things that move pass over few blocks: the middle of all is the light.
    light = bend.flatten(2).median(dim=2).values
    return light.pow(2).mean(dim=1).sqrt() * 127.5


def motion(video: Tensor) -> Tensor:
    """(B, T - 1) mean step from frame to frame in 8-bit levels, without what grain adds."""
    small = _softened(video)
    step = (small[:, 1:] - small[:, :-1]).abs().mean(dim=2)
    return (step - _NOISE).clamp(min=0).mean(dim=(2, 3)) * 127.5


def _softened(video: Tensor) -> Tensor:
    """(B, T, 3, h, w): small enough that grain is gone and a step is less than a thing's size."""
    batch, _, frames, height, width = video.shape
    flat = video.float().transpose(1, 2).reshape(batch * frames, 3, height, width)
    size = (min(height, max(16, height // 4)), min(width, max(16, width // 4)))
    small = F.interpolate(flat, size=size, mode="area")
    small = F.avg_pool2d(small, 3, stride=1, padding=1, count_include_pad=False)
    return small.view(batch, frames, 3, *size)
