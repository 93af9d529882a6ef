"""The five nets of the video codec. :mod:`generators.video_codec` says how they work together."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.latent import UnitLatent
from generators.residual import Down, Up, stack
from generators.warp import warp

CHUNK = 8
"""Frames a latent step."""

_FOLD = 4  # pixels a side that become channels before the first convolution
_DETAIL = 9  # channels that the motion hands to the synthesis, a frame
_FLOW_PX = 8.0  # displacement that an output of 1 stands for
_LUMA = (0.299, 0.587, 0.114)


class Widths(NamedTuple):
    """Channels at a quarter, an eighth and a sixteenth of the resolution."""

    fine: int
    middle: int
    coarse: int


class Look(NamedTuple):
    """A decoded key frame: the picture, and what the decoder knew of it on the way."""

    picture: Tensor  # (B, 3, H, W)
    fine: Tensor  # (B, C, H/4, W/4)
    middle: Tensor  # (B, C, H/8, W/8)
    coarse: Tensor  # (B, C, H/16, W/16)

    def take(self, rows: Tensor) -> Look:
        return Look(*(part[rows] for part in self))


class AppearanceEncoder(nn.Module):
    """Key frames (B, 3, H, W), −1…1, to latents (B, channels, H/16, W/16)."""

    def __init__(self, widths: Widths, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3 * _FOLD**2, widths.fine, 3, padding=1),
            *stack(widths.fine, 1),
            Down(widths.fine, widths.middle),  # (B, C, H/8, W/8)
            *stack(widths.middle, 2),
            Down(widths.middle, widths.coarse),  # (B, C, H/16, W/16)
            *stack(widths.coarse, 1),
            nn.Conv2d(widths.coarse, channels, 1),
        )
        self.latent = UnitLatent(channels)

    def forward(self, pictures: Tensor, *, noise: float = 0.0) -> Tensor:
        folded = functional.pixel_unshuffle(pictures, _FOLD)  # (B, 48, H/4, W/4)
        unit: Tensor = self.latent(self.body(folded), noise=noise)
        return unit


class AppearanceDecoder(nn.Module):
    """Latents (B, channels, H/16, W/16) to the key frame and its features."""

    def __init__(self, widths: Widths, channels: int) -> None:
        super().__init__()
        self.coarse = nn.Sequential(
            nn.Conv2d(channels, widths.coarse, 3, padding=1), *stack(widths.coarse, 2)
        )
        self.middle = nn.Sequential(Up(widths.coarse, widths.middle), *stack(widths.middle, 4))
        self.fine = nn.Sequential(Up(widths.middle, widths.fine), *stack(widths.fine, 6))
        self.picture = nn.Conv2d(widths.fine, 3 * _FOLD**2, 3, padding=1)

    def forward(self, latents: Tensor) -> Look:
        coarse = self.coarse(latents)  # (B, C, H/16, W/16)
        middle = self.middle(coarse)  # (B, C, H/8, W/8)
        fine = self.fine(middle)  # (B, C, H/4, W/4)
        picture = functional.pixel_shuffle(self.picture(fine), _FOLD)  # (B, 3, H, W)
        return Look(picture.float(), fine, middle, coarse)


def outlines(frames: Tensor, mix: Tensor | None = None) -> Tensor:
    """What the motion encoder sees: shapes without their colours. (B, 3, T, H, W) → (B, T, H, W).

    One weighted sum of the colours (``mix``, (B, 3); default luma), less its neighbourhood's mean
    and over its neighbourhood's spread, so that no level, contrast or hue comes through.
    """
    if mix is None:
        mix = frames.new_tensor(_LUMA).expand(frames.shape[0], 3)
    grey = (frames.float() * mix[:, :, None, None, None]).sum(1)  # (B, T, H, W)
    rest = grey - _around(grey)
    spread = _around(rest.square())
    return rest / (spread + 0.01).sqrt()


def _around(x: Tensor) -> Tensor:
    """Mean of the 17×17 pixels around each, as far as there are any: of rows, then of columns."""
    rows = functional.avg_pool2d(x, (1, 17), 1, (0, 8), count_include_pad=False)
    return functional.avg_pool2d(rows, (17, 1), 1, (8, 0), count_include_pad=False)


class MotionEncoder(nn.Module):
    """Outlines of a key frame and eight frames after it, (B, 9, H, W), to (B, C, H/16, W/16)."""

    def __init__(self, widths: Widths, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d((CHUNK + 1) * _FOLD**2, widths.fine, 3, padding=1),
            *stack(widths.fine, 1),
            Down(widths.fine, widths.middle),  # (B, C, H/8, W/8)
            *stack(widths.middle, 1),
            Down(widths.middle, widths.coarse),  # (B, C, H/16, W/16)
            *stack(widths.coarse, 2),
            nn.Conv2d(widths.coarse, channels, 1),
        )
        self.latent = UnitLatent(channels)

    def forward(self, shapes: Tensor, *, noise: float = 0.0) -> Tensor:
        folded = functional.pixel_unshuffle(shapes, _FOLD)  # (B, 144, H/4, W/4)
        unit: Tensor = self.latent(self.body(folded), noise=noise)
        return unit


class Motion(NamedTuple):
    """Of the eight frames of a chunk, at a quarter of the resolution."""

    from_start: Tensor  # (B, 8, 2, H/4, W/4) displacement to the key frame before, in pixels
    from_end: Tensor  # (B, 8, 2, H/4, W/4) displacement to the chunk's own key frame
    detail: Tensor  # (B, 8, _DETAIL, H/4, W/4) for the synthesis: mask, what is uncovered


class MotionDecoder(nn.Module):
    """Motion latents and the looks at both ends to displacements.

    The looks tell where edges are, so that the latents need to say only what moves where.
    ``known``: (B, 1, 1, 1), 0 where the look at the end must not be used.
    """

    def __init__(self, widths: Widths, looks: Widths, channels: int) -> None:
        super().__init__()
        self.coarse = nn.Sequential(
            nn.Conv2d(channels + 2 * looks.coarse + 1, widths.coarse, 1),
            *stack(widths.coarse, 2),
        )
        self.up_middle = Up(widths.coarse, widths.middle)
        self.middle = nn.Sequential(
            nn.Conv2d(widths.middle + 2 * looks.middle, widths.middle, 1), *stack(widths.middle, 2)
        )
        self.up_fine = Up(widths.middle, widths.fine)
        self.fine = nn.Sequential(
            nn.Conv2d(widths.fine + 2 * looks.fine, widths.fine, 1), *stack(widths.fine, 3)
        )
        self.field = nn.Conv2d(widths.fine, CHUNK * (4 + _DETAIL), 3, padding=1)
        nn.init.normal_(self.field.weight, std=1e-3)  # begin at rest
        nn.init.zeros_(self.field.bias)  # type: ignore[arg-type]

    def forward(self, motion: Tensor, start: Look, end: Look, known: Tensor) -> Motion:
        flag = known.expand(-1, 1, *motion.shape[-2:])
        x = self.coarse(torch.cat([motion, start.coarse, end.coarse * known, flag], 1))
        x = torch.cat([self.up_middle(x), start.middle, end.middle * known], 1)
        x = self.middle(x)  # (B, C, H/8, W/8)
        x = torch.cat([self.up_fine(x), start.fine, end.fine * known], 1)
        field = self.field(self.fine(x)).unflatten(1, (CHUNK, -1))  # (B, 8, 13, H/4, W/4)
        flows, detail = field.float().split([4, _DETAIL], 2)
        return Motion(_FLOW_PX * flows[:, :, :2], _FLOW_PX * flows[:, :, 2:], detail)


class Synthesis(nn.Module):
    """The eight frames of a chunk out of its two key frames, displaced: a mask and a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        folded = 2 * 3 * _FOLD**2
        self.body = nn.Sequential(
            nn.Conv2d(folded + 4 + _DETAIL + 2, width, 3, padding=1), *stack(width, 4)
        )
        self.out = nn.Conv2d(width, 4 * _FOLD**2, 3, padding=1)
        nn.init.normal_(self.out.weight, std=1e-3)  # begin as a cross-fade
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        time = torch.arange(1, CHUNK + 1) / CHUNK
        self.register_buffer("time", time, persistent=False)

    time: Tensor

    def forward(self, motion: Motion, start: Look, end: Look, known: Tensor) -> Tensor:
        """Returns (B, 8, 3, H, W)."""
        batch = known.shape[0]
        before = self._displaced(start.picture, motion.from_start)  # (8B, 3, H, W)
        after = self._displaced(end.picture, motion.from_end)
        flag = known.repeat_interleave(CHUNK, 0)  # (8B, 1, 1, 1)
        time = self.time.repeat(batch).view(-1, 1, 1, 1)  # (8B, 1, 1, 1)
        size = motion.detail.shape[-2:]
        x = torch.cat(
            [
                functional.pixel_unshuffle(before, _FOLD),  # (8B, 48, H/4, W/4)
                functional.pixel_unshuffle(after * flag, _FOLD),
                motion.from_start.flatten(0, 1) / 16,
                motion.from_end.flatten(0, 1) * flag / 16,
                motion.detail.flatten(0, 1),
                time.expand(-1, 1, *size),
                flag.expand(-1, 1, *size),
            ],
            1,
        )
        out = functional.pixel_shuffle(self.out(self.body(x)), _FOLD).float()  # (8B, 4, H, W)
        late = time.clamp(max=0.97)
        share = torch.sigmoid(out[:, 3:] + torch.log((1 - late) / late))  # of what was before
        share = 1 - flag * (1 - share)
        frames = after + share * (before - after) + out[:, :3]
        return torch.unflatten(frames, 0, (batch, CHUNK))  # (B, 8, 3, H, W)

    @staticmethod
    def _displaced(picture: Tensor, flow: Tensor) -> Tensor:
        """(B, 3, H, W) by (B, 8, 2, H/4, W/4) → (8B, 3, H, W)."""
        wide = functional.interpolate(
            flow.flatten(0, 1), scale_factor=_FOLD, mode="bilinear", align_corners=False
        )
        return warp(picture.repeat_interleave(CHUNK, 0), wide)
