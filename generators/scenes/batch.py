"""Batches of scenes with their picture, sound and captions, ready for training."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from generators.scenes.captions import caption
from generators.scenes.draw import Split, as_random, draw_scene
from generators.scenes.picture import render_video
from generators.scenes.sound import render_audio

if TYPE_CHECKING:
    import random
    from fractions import Fraction

    import numpy as np
    from torch import Tensor

    from generators.scenes.spec import SceneSpec


class SceneBatch(NamedTuple):
    """``video`` (B, 3, T, H, W) sRGB and ``audio`` (B, 2, N), both in [-1, 1] and of one length."""

    video: Tensor
    audio: Tensor
    captions: tuple[str, ...]
    specs: tuple[SceneSpec, ...]


def scene_batch(
    rng: random.Random | np.random.Generator,
    *,
    batch: int,
    width: int = 192,
    height: int = 112,
    rate: float | Fraction = 24,
    frames: int,
    device: torch.device | str,
    split: Split = "train",
    sample_rate: int = 24_000,
    dtype: torch.dtype = torch.float32,
) -> SceneBatch:
    """Draw ``batch`` scenes and render them whole; the same ``rng`` state gives the same batch."""
    rng = as_random(rng)
    duration_s = frames / float(rate)
    specs = tuple(
        draw_scene(rng, duration_s=duration_s, split=split, aspect=width / height)
        for _ in range(batch)
    )
    video = render_video(
        specs, width=width, height=height, rate=rate, frames=frames, device=device, dtype=dtype
    )
    audio = render_audio(
        specs, sample_rate=sample_rate, samples=round(duration_s * sample_rate), device=device
    )
    return SceneBatch(video, audio, tuple(caption(spec, rng) for spec in specs), specs)
