"""What else happens between the codec and the extractor: geometry and light, differentiable.

``level`` (0…1) is how far training has come: 0 leaves the picture alone, 1 is the full range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from attacks.training.surrogate import code_blocks


@dataclass(frozen=True, slots=True)
class View:
    """What the extractor is shown: picture (B, 1, S, S) 0…255, the pattern as it lies there
    (−1…1), and where there is any (0…1).
    """

    picture: Tensor
    pattern: Tensor
    inside: Tensor


def _draw(count: int, random: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=random, device=random.device)


def _where(chance: float, count: int, random: torch.Generator) -> Tensor:
    return _draw(count, random) < chance


def draw_grid(count: int, size: int, level: float, random: torch.Generator) -> Tensor:
    """Sampling grids (B, S, S, 2): cells of 2.7…6.5 px, aspect, rotation, mirror, keystone."""
    scale = torch.exp(_draw(count, random, -0.48, 0.40) * level)  # source extent: 6.5 … 2.7 px
    aspect = torch.exp(_draw(count, random, -0.12, 0.12) * level * _where(0.4, count, random))
    angle = _draw(count, random, -0.09, 0.09) * _where(0.4, count, random)
    angle = angle + _draw(count, random, -math.pi, math.pi) * _where(0.15, count, random)
    angle = angle * level
    mirror = 1.0 - 2.0 * _where(0.25 * level, count, random).float()
    shift = torch.rand(count, 2, generator=random, device=random.device) * 0.4 - 0.2
    keystone = torch.rand(count, 2, generator=random, device=random.device) * 0.4 - 0.2
    keystone = keystone * (level * _where(0.3, count, random).float())[:, None]
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = [
        scale * aspect * cos * mirror, -scale * sin / aspect, shift[:, 0],
        scale * aspect * sin * mirror, scale * cos / aspect, shift[:, 1],
        keystone[:, 0], keystone[:, 1], one + zero,
    ]  # fmt: skip
    matrix = torch.stack(rows, -1).reshape(count, 3, 3)
    line = (torch.arange(size, device=random.device) + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1).reshape(1, -1, 3) @ matrix.mT
    return (points[..., :2] / points[..., 2:].clamp_min(0.2)).reshape(count, size, size, 2)


def warp(view: View, level: float, random: torch.Generator) -> View:
    count, _, size, _ = view.picture.shape
    grid = draw_grid(count, size, level, random)
    stacked = torch.cat([view.picture - 128, view.pattern, view.inside], 1)
    moved = functional.grid_sample(stacked, grid, padding_mode="zeros", align_corners=False)
    return View(moved[:, :1] + 128, moved[:, 1:2], moved[:, 2:])


def _blur(picture: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with a sigma of its own for every picture: (B, 1, H, W), (B,)."""
    count = len(picture)
    place = torch.arange(-5, 6, device=picture.device).float()
    taps = torch.exp(-(place[None] ** 2) / (2 * sigma[:, None] ** 2))
    taps = taps / taps.sum(1, keepdim=True)
    flat = functional.pad(picture, (5,) * 4, mode="replicate").transpose(0, 1)
    flat = functional.conv2d(flat, taps.reshape(count, 1, 1, 11), groups=count)
    flat = functional.conv2d(flat, taps.reshape(count, 1, 11, 1), groups=count)
    return flat.transpose(0, 1)


def relight(picture: Tensor, level: float, random: torch.Generator) -> Tensor:
    """Blur or sharpen, contrast, brightness, gamma, a second compression, noise."""
    count = len(picture)
    shape = (count, 1, 1, 1)

    sigma = _draw(count, random, 0.3, 0.3 + 1.7 * level)
    soft = _blur(picture, sigma)
    amount = _draw(count, random, 0.3, 1.5 * level + 0.3).reshape(shape)
    softened = _where(0.18, count, random).reshape(shape)
    sharpened = _where(0.08, count, random).reshape(shape)
    picture = torch.where(softened, soft, picture)
    picture = torch.where(sharpened, picture + amount * (picture - soft), picture)

    contrast = torch.exp(_draw(count, random, -0.7, 0.45) * level).reshape(shape)
    brightness = (_draw(count, random, -60, 60) * level).reshape(shape)
    gamma = torch.exp(_draw(count, random, -0.55, 0.55) * level).reshape(shape)
    relit = ((picture - 128) * contrast + 128 + brightness).clamp(1.0, 255.0)
    relit = 255.0 * (relit / 255.0) ** gamma
    picture = torch.where(_where(0.3, count, random).reshape(shape), relit, picture)

    step = 4.0 * torch.exp(_draw(count, random, 0.0, 2.2 * level)).reshape(shape)
    height, width = picture.shape[-2:]
    again = code_blocks(
        picture - 128, step.expand(-1, -1, height // 16, width // 16), block=8, rounding=0.4
    )
    picture = torch.where(_where(0.08, count, random).reshape(shape), again + 128, picture)

    noise = torch.randn(picture.shape, generator=random, device=picture.device)
    strength = (_draw(count, random, 0.0, 8.0 * level) * _where(0.2, count, random)).reshape(shape)
    return (picture + strength * noise).clamp(0.0, 255.0)
