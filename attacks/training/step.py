"""One training step: draw a scene, mark it, damage it, read it, say how wrong that was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from attacks.training.distort import View, relight, warp
from attacks.training.resample import resize
from attacks.training.scenes import Scene, Sources, draw_scene
from attacks.training.surrogate import code_video
from provenance.watermark.jnd import DEFAULT_BOUND, amplitude
from provenance.watermark.net import CELL_PX, Embedder, Extractor, limit_psnr, smooth_pattern

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a step draws from.

    ``crop``: side of the picture in working pixels. ``scenes``: (length, scenes) that take turns;
    their product sets the memory. ``sizes``: coded pixels per working pixel: 1.5 is 720p.
    ``psnr``: range of the hard limit, in dB. ``steady``: weight of the flicker term.
    """

    crop: int = 256
    scenes: tuple[tuple[int, int], ...] = ((1, 320), (3, 160), (6, 96))
    sizes: tuple[float, ...] = (0.5, 0.75, 1.0, 1.0, 1.5, 1.5, 1.5)
    psnr: tuple[float, float] = (41.0, 45.0)
    crf: tuple[float, float] = (21.0, 44.0)
    steady: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far training has come, 0…1: ``level`` of the attacks, ``hidden``: 1 is the final bound
    (0: three times that), both from :func:`attacks.training.train.progress_at`.
    """

    level: float
    hidden: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """``frames``: (B, T, 1, S, S), marked, whole levels. ``change``: working size, in levels."""

    scene: Scene
    frames: Tensor
    pattern: Tensor
    change: Tensor
    allowed: Tensor


def _uniform(shape: tuple[int, ...], low: float, high: float, random: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=random, device=random.device)


def draw_pattern(count: int, crop: int, random: torch.Generator) -> Tensor:
    cells = torch.rand((count, 1, crop // CELL_PX, crop // CELL_PX), generator=random,
                       device=random.device)  # fmt: skip
    return smooth_pattern((cells < 0.5).float() * 2 - 1)


def _embed(embedder: nn.Module, luma: Tensor, pattern: Tensor) -> tuple[Tensor, Tensor]:
    """Share of the amplitude (−1…1) and the amplitude in levels, for luma in levels."""
    allowed = amplitude(luma / 255.0, DEFAULT_BOUND)
    with torch.autocast(luma.device.type, torch.bfloat16):
        share = embedder(luma / 255.0, pattern, allowed)
    return share.float(), allowed


def mark_scene(
    embedder: nn.Module, scene: Scene, pattern: Tensor, psnr: Tensor, progress: Progress
) -> Marked:
    """Mark every frame with the change that was worked out on the first one."""
    crop, size = pattern.shape[-1], scene.frames.shape[-1]
    share, allowed = _embed(embedder, resize(scene.frames[:, 0], crop, crop), pattern)
    change = limit_psnr(allowed * share, psnr) * 3.0 ** (1.0 - progress.hidden)
    full = resize(change, size, size)[:, None]
    frames = (scene.frames + full).clamp(0.0, 255.0)
    frames = frames + (frames.round() - frames).detach()
    return Marked(scene=scene, frames=frames, pattern=pattern, change=change, allowed=allowed)


def compress(
    marked: Marked, coded: int, level: float, recipe: Recipe, random: torch.Generator,
    choice: np.random.Generator,
) -> Tensor:  # fmt: skip
    """The mean of the last frames that a player shows, (B, 1, coded, coded)."""
    frames, scene = marked.frames, marked.scene
    count, length = frames.shape[:2]
    first = int(choice.integers(0, length)) if length > 1 else 0
    if choice.random() < 0.1:
        return resize(frames[:, first:].mean(1), coded, coded)
    small = resize(frames, coded, coded)
    low, high = recipe.crf
    crf = _uniform((count,), low, low + (high - low) * (0.3 + 0.7 * level), random)
    # Macroblock-tree spends bits where the picture stays: a still scene is coded much finer.
    offset = torch.where(
        scene.still, _uniform((count,), -6, 1, random), _uniform((count,), -2, 3, random)
    )
    block = int(choice.choice([4, 8, 8, 8, 16]))
    host = resize(scene.frames[:, 0], coded, coded)
    drop = float(choice.uniform(1, 5))
    shown = code_video(small, host, scene.poses, crf + offset, block=block, drop=drop)
    return shown[:, first:].mean(1)


def view_of(mean: Tensor, pattern: Tensor, level: float, random: torch.Generator) -> View:
    """What the extractor is given: back at the working size, half of it moved, some of it relit."""
    crop = pattern.shape[-1]
    picture = resize(mean, crop, crop)
    straight = View(picture, pattern, torch.ones_like(pattern))
    half = len(picture) // 2
    moved = warp(View(picture[half:], pattern[half:], straight.inside[half:]), level, random)
    return View(
        relight(torch.cat([picture[:half], moved.picture]), level, random),
        torch.cat([pattern[:half], moved.pattern]),
        torch.cat([straight.inside[:half], moved.inside]),
    )


def reading_loss(extractor: nn.Module, view: View) -> tuple[Tensor, Tensor, Tensor]:
    """The loss; then, to log, bits of doubt a pixel (1: nothing read) and the share read right.

    Each picture weighs what its information is short of: with plain cross-entropy the easy ones
    decide, and the mark becomes one that only easy attacks leave.
    """
    with torch.autocast(view.picture.device.type, torch.bfloat16):
        odds = extractor(view.picture / 255.0)
    weight = view.pattern.abs() * (view.inside > 0.99)
    right = (view.pattern > 0).float()
    errors = functional.binary_cross_entropy_with_logits(odds.float(), right, reduction="none")
    seen = weight.sum((1, 2, 3)).clamp_min(1.0)
    bits = (errors * weight).sum((1, 2, 3)) / seen / math.log(2)
    need = 1.0 / ((1.0 - bits.detach()).clamp_min(0.0) + 0.03)
    hits = (((odds > 0).float() == right).float() * weight).sum((1, 2, 3)) / seen
    return (bits * need).mean() / need.mean(), bits.detach().mean(), hits.detach().mean()


def flicker_loss(embedder: nn.Module, marked: Marked) -> Tensor:
    """How much the flat parts change when the change is worked out on the last frame instead."""
    crop = marked.pattern.shape[-1]
    last = resize(marked.scene.frames[:, -1], crop, crop)
    share, allowed = _embed(embedder, last, marked.pattern)
    least = torch.minimum(allowed, marked.allowed)
    flat = (DEFAULT_BOUND.flat / least).clamp_max(1.0).square()
    return (flat * (share - marked.change.detach() / marked.allowed).square()).mean()


def run_step(
    nets: nn.ModuleDict, sources: Sources, recipe: Recipe, progress: Progress,
    random: torch.Generator, choice: np.random.Generator, extra: tuple[Tensor, Tensor] | None,
) -> tuple[Tensor, dict[str, Tensor]]:  # fmt: skip
    """The loss to descend, and figures (still on the device) to log.

    ``extra``: means (B, 1, S, S) and patterns from real codecs, if any have come back.
    """
    embedder, extractor = cast("Embedder", nets["embedder"]), cast("Extractor", nets["extractor"])
    length, count = recipe.scenes[int(choice.integers(len(recipe.scenes)))]
    size = float(choice.choice(recipe.sizes))
    shot = max(size, 1.0)
    coded = round(recipe.crop * size / 16) * 16
    zoom = float(choice.uniform(0.8, 1.4)) * shot
    scene = draw_scene(sources, count, length, round(recipe.crop * shot), zoom, random)
    pattern = draw_pattern(count, recipe.crop, random)
    psnr = _uniform((count, 1, 1, 1), *recipe.psnr, random)
    marked = mark_scene(embedder, scene, pattern, psnr, progress)
    mean = compress(marked, coded, progress.level, recipe, random, choice)
    view = view_of(mean, pattern, progress.level, random)
    if extra is not None:
        other = view_of(*extra, progress.level, random)
        view = View(
            torch.cat([view.picture, other.picture]),
            torch.cat([view.pattern, other.pattern]),
            torch.cat([view.inside, other.inside]),
        )
    loss, bits, hits = reading_loss(extractor, view)
    figures = {"loss": loss.detach(), "bits": bits, "hits": hits}
    if length > 1 and recipe.steady:
        flicker = flicker_loss(embedder, marked)
        loss = loss + recipe.steady * flicker
        figures["flicker"] = flicker.detach()
    return loss, figures


def draw_marked(
    embedder: nn.Module, sources: Sources, recipe: Recipe, count: int, length: int,
    random: torch.Generator, choice: np.random.Generator,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Marked clips for a real encoder, (B, T, S, S) uint8, and their patterns, (B, 1, P, P)."""
    size = float(choice.choice(recipe.sizes))
    shot = max(size, 1.0)
    coded = round(recipe.crop * size / 16) * 16
    with torch.no_grad():
        zoom = float(choice.uniform(0.8, 1.4)) * shot
        scene = draw_scene(sources, count, length, round(recipe.crop * shot), zoom, random)
        pattern = draw_pattern(count, recipe.crop, random)
        psnr = _uniform((count, 1, 1, 1), *recipe.psnr, random)
        marked = mark_scene(embedder, scene, pattern, psnr, Progress(level=1.0, hidden=1.0))
        frames = resize(marked.frames, coded, coded)[:, :, 0].round().to(torch.uint8)
    return frames, pattern
