"""Whether a long video stays itself: its look over time, with a floor of motion.

A frozen picture does not drift, so a measure of drift alone rewards it: :func:`drift` gives both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from generators.metrics.smoothness import motion

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_DRIFT = 1.0
LEAST_MOTION = 0.25
# What is a drift of 1, for: light and colour (of the range), contrast and detail (factors, ln).
_UNITS = (0.06, 0.06, 0.06, 0.35, 0.5)


class Drift(NamedTuple):
    """``look`` (B,): the largest change of the look after the first window, 1 is a visible one.
    ``alive`` (B,): the motion of the stillest window over that of the first.
    """

    look: Tensor
    alive: Tensor

    @property
    def passes(self) -> Tensor:
        """(B,) bool: neither drifted nor frozen."""
        return (self.look <= LARGEST_DRIFT) & (self.alive >= LEAST_MOTION)


def drift(video: Tensor, *, rate: float, window_s: float = 2.0) -> Drift:
    """Compare windows of ``window_s`` of (B, 3, T, H, W) in [-1, 1] with the first one.

    The look is the mean colour, contrast and fine detail. Needs two whole windows; else NaN.
    """
    length = max(2, round(window_s * rate))
    count = video.shape[2] // length
    if count < 2:
        nothing = torch.full((video.shape[0],), torch.nan, device=video.device)
        return Drift(nothing, nothing)
    looks, moved = [], []
    for index in range(count):
        part = video[:, :, index * length : (index + 1) * length].float()
        looks.append(_look(part))
        moved.append(motion(part).mean(dim=1))
    table = torch.stack(looks, dim=1)  # (B, windows, 5)
    change = (table[:, 1:] - table[:, :1]).abs() / table.new_tensor(_UNITS)
    lively = torch.stack(moved, dim=1)
    alive = lively[:, 1:].amin(dim=1) / lively[:, 0].clamp(min=1e-3)
    return Drift(change.flatten(1).amax(dim=1), alive)


def _look(part: Tensor) -> Tensor:
    """(B, 5): mean red, green and blue, log contrast, log fine detail."""
    colour = part.mean(dim=(2, 3, 4)) / 2
    contrast = part.std(dim=(1, 2, 3, 4)).clamp(min=1e-3).log()
    # Detail above the grain: the step over two pixels of a picture that is averaged over time in
    # threes; grain there is small and the same in all windows.
    luma = part.mean(dim=1)
    soft = F.avg_pool2d(luma, 2)
    detail = (soft[..., 1:] - soft[..., :-1]).pow(2).mean(dim=(1, 2, 3)).sqrt()
    return torch.cat([colour, torch.stack([contrast, detail.clamp(min=1e-4).log()], dim=1)], dim=1)
