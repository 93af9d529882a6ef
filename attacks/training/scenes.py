"""Moving pictures for training: runs of video, and a camera that moves over stills.

What matters is that the mark stands still while the picture moves under it: that is what makes
codecs drop it and what makes the mean of several frames worth taking.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Scene:
    """``frames``: (B, T, 1, S, S), 0…255, whole levels. ``poses``: (B, T, 3, 3), output → source.

    ``still``: (B,) bool, true where nothing moves.
    """

    frames: Tensor
    poses: Tensor
    still: Tensor


@dataclass(frozen=True, slots=True)
class Sources:
    """All training pictures on the device: (N, side, side) and (M, run, side, side) uint8."""

    stills: Tensor
    runs: Tensor


def _uniform(shape: tuple[int, ...], low: float, high: float, random: torch.Generator) -> Tensor:
    drawn = torch.rand(shape, generator=random, device=random.device)
    return low + (high - low) * drawn


def _chance(count: int, share: float, random: torch.Generator) -> Tensor:
    return torch.rand(count, generator=random, device=random.device) < share


def draw_scene(
    sources: Sources, count: int, length: int, size: int, zoom: float, random: torch.Generator
) -> Scene:
    """``count`` scenes of ``length`` frames, ``size`` px a side.

    ``zoom``: output px per source px, on average. A quarter of the scenes is real video, if any.
    """
    real = count // 4 if len(sources.runs) and length <= sources.runs.shape[1] else 0
    device = random.device
    side = sources.stills.shape[-1]
    poses, still = _camera(count, length, size / (side * zoom), size, random)
    pick = torch.randint(len(sources.stills), (count - real,), generator=random, device=device)
    stills = sources.stills[pick][:, None].expand(-1, length, -1, -1)
    pictures = [stills]
    if real:
        pick = torch.randint(len(sources.runs), (real,), generator=random, device=device)
        pictures.append(sources.runs[pick, :length])
        still[count - real :] = False
    source = torch.cat(pictures).reshape(count * length, 1, side, side).float()
    grid = functional.affine_grid(
        poses[:, :, :2].reshape(-1, 2, 3), [count * length, 1, size, size], align_corners=False
    )
    frames = functional.grid_sample(
        source, grid, mode="bicubic", padding_mode="reflection", align_corners=False
    ).reshape(count, length, 1, size, size)
    frames = _light(frames, random)
    grain = _uniform((count, 1, 1, 1, 1), 0.0, 3.5, random)
    grain = grain * _chance(count, 0.35, random).reshape(-1, 1, 1, 1, 1)
    noise = torch.randn(frames.shape, generator=random, device=device)
    frames = (frames + grain * noise).clamp(0, 255).round()
    still = still & (grain.flatten() == 0)
    return Scene(frames, poses, still)


def _camera(
    count: int, length: int, extent: float, size: int, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Poses (B, T, 3, 3) in normalised coordinates, and which cameras stand still.

    ``extent``: half the output's side over half the source's.
    """
    device = random.device
    moving = ~_chance(count, 0.35, random)
    time = torch.arange(length, device=device).float()[None]
    pixel = 2.0 / size
    angle = _uniform((count, 1), 0, 2 * torch.pi, random)
    # Most pans are slow; a few cross ten pixels a frame.
    speed = 12.0 * _uniform((count, 1), 0, 1, random) ** 2 * pixel * extent
    shake = torch.randn((count, length, 2), generator=random, device=device)
    shake = shake * (_uniform((count, 1, 1), 0, 1.5, random) * pixel * extent)
    shake = shake * _chance(count, 0.3, random)[:, None, None]
    growth = _uniform((count, 1), -0.01, 0.01, random) * _chance(count, 0.3, random)[:, None]
    turn = _uniform((count, 1), -0.01, 0.01, random) * _chance(count, 0.2, random)[:, None]
    on = moving[:, None].float()
    scale = extent * _uniform((count, 1), 0.75, 1.3, random) * (1 + on * growth * time)
    mirror = _chance(count, 0.5, random).float()[:, None] * 2 - 1
    tilt = _uniform((count, 1), -0.15, 0.15, random) + on * turn * time
    room = (1 - scale).clamp_min(0.0)
    place = _uniform((count, 2), -1, 1, random)
    x = place[:, :1] * room + on * (angle.cos() * speed * time + shake[..., 0])
    y = place[:, 1:] * room + on * (angle.sin() * speed * time + shake[..., 1])
    zero, one = torch.zeros_like(scale), torch.ones_like(scale)
    rows = [
        scale * tilt.cos() * mirror, -scale * tilt.sin(), x,
        scale * tilt.sin() * mirror, scale * tilt.cos(), y,
        zero, zero, one,
    ]  # fmt: skip
    return torch.stack(rows, -1).reshape(count, length, 3, 3), ~moving


def _light(frames: Tensor, random: torch.Generator) -> Tensor:
    """Dark, pale and steep pictures: a third of the scenes is relit."""
    count = len(frames)
    shape = (count, 1, 1, 1, 1)
    gain = _uniform(shape, 0.25, 1.1, random)
    gamma = _uniform(shape, -0.5, 0.5, random).exp()
    relit = 255.0 * gain * (frames.clamp(0, 255) / 255.0 + 1e-4) ** gamma
    return torch.where(_chance(count, 0.33, random).reshape(shape), relit, frames)
