"""Reads a scene's attributes back from video, and gives features for the Fréchet distance.

A small network of its own, trained on true renders by ``python -m generators.training.classifier``:
how often it reads in a generated video what was asked for says how well the generator listens.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generators.scenes import vocabulary as words
from generators.weight_file import bundled, load_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

READ: dict[str, tuple[str, ...]] = {
    "shape": words.SHAPES,
    "colour": tuple(words.COLOURS),
    "texture": words.TEXTURES,
    "motion": words.MOTIONS,
    "background": words.BACKGROUNDS,
    "camera": words.CAMERAS,
    "style": words.STYLES,
}
"""What can be seen, and the words for it; what is only heard is not here."""
WIDTH, HEIGHT, RATE, FRAMES = 192, 112, 12, 24
"""What is looked at: two seconds, twelve pictures in each."""
FEATURES = 64
WEIGHTS = "attributes.safetensors"
_CHANNELS = (24, 48, 96, 128, 160)
_TRUNK = 192


class _Stage(nn.Module):
    """Space by a 3×3 convolution of step 2, then time by one over 5 frames, and a way around."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(inside, outside, 3, stride=2, padding=1)
        self.space_norm = nn.GroupNorm(8, outside)
        self.deep = nn.Conv2d(outside, outside, 3, padding=1, groups=outside)
        self.mix = nn.Conv2d(outside, outside, 1)
        self.mix_norm = nn.GroupNorm(8, outside)
        # Each channel by itself: mixing is left to the next stage.
        self.time = nn.Conv2d(outside, outside, (5, 1), padding=(2, 0), groups=outside)

    def forward(self, x: Tensor, batch: int) -> Tensor:
        x = F.silu(self.space_norm(self.space(x)))
        x = x + F.silu(self.mix_norm(self.mix(self.deep(x))))
        # As pictures of frames by places: (B, C, T, h · w).
        clip = x.reshape(batch, -1, x.shape[1], x.shape[2] * x.shape[3]).transpose(1, 2)
        clip = clip + F.silu(self.time(clip))
        return clip.transpose(1, 2).reshape(x.shape)


class AttributeReader(nn.Module):
    """(B, 3, FRAMES, HEIGHT, WIDTH) in [-1, 1] to logits for each attribute of :data:`READ`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _CHANNELS[0], 5, padding=2)
        self.stages = nn.ModuleList(_Stage(*pair) for pair in pairwise(_CHANNELS))
        wide = _CHANNELS[-1]
        self.moves = nn.Conv1d(2 * wide, 96, 3, padding=1)
        self.trunk = nn.Linear(3 * wide + 2 * 96, _TRUNK)
        self.features_out = nn.Linear(_TRUNK, FEATURES)
        self.heads = nn.Linear(_TRUNK, sum(len(known) for known in READ.values()))

    def forward(self, video: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Logits by attribute, each (B, words), and (B, FEATURES) features."""
        batch = video.shape[0]
        x = F.silu(self.stem(video.transpose(1, 2).flatten(0, 1)))
        for stage in self.stages:
            x = stage(x, batch)
        # What is there on average, and what is there most: a body is small.
        frames = torch.cat([x.mean(dim=(2, 3)), _largest(x.flatten(2))], dim=1)
        frames = frames.view(batch, -1, frames.shape[1]).transpose(1, 2)  # (B, 2C, T)
        # How much it changes, in float32: bfloat16 rounds small movements away.
        spread = (frames[:, : x.shape[1]].float().var(dim=2) + 1e-4).sqrt()
        moves = F.silu(self.moves(frames))
        clip = torch.cat(
            [frames.mean(dim=2), spread.to(frames.dtype), moves.mean(dim=2), _largest(moves)],
            dim=1,
        )  # fmt: skip
        trunk = F.silu(self.trunk(clip))
        logits = self.heads(trunk).split([len(known) for known in READ.values()], dim=1)
        features: Tensor = self.features_out(trunk)
        return dict(zip(READ, logits, strict=True)), features


def _largest(x: Tensor) -> Tensor:
    """The largest along the last axis, and a gradient that finds it by its index.

    That of ``amax`` compares every value with the largest. Compiled code does not round in between
    as bfloat16 does, finds none that is equal, and divides by their number
    (github.com/pytorch/pytorch/issues/195214): no gradient was finite.
    """
    return x.max(dim=-1).values


def load_reader(path: Path | None = None, *, device: torch.device | str = "cpu") -> AttributeReader:
    """The reader with the weights of ``path``, or those in the package.

    Raises InputMissing where there are none, UnreadableMedia where they do not fit.
    """
    reader = AttributeReader().to(device).eval().requires_grad_(requires_grad=False)
    load_weights(bundled(WEIGHTS) if path is None else path, reader)
    return reader


def watched(video: Tensor, *, rate: float) -> Tensor:
    """(B, 3, T, H, W) at ``rate`` as the reader looks at it: (B, 3, FRAMES, HEIGHT, WIDTH).

    The nearest frames in time, from the first on; the last one again where the video is shorter.
    """
    index = torch.round(torch.arange(FRAMES, device=video.device) * (float(rate) / RATE)).long()
    picked = video[:, :, index.clamp(max=video.shape[2] - 1)].float()
    if picked.shape[-2:] == (HEIGHT, WIDTH):
        return picked
    flat = picked.transpose(1, 2).flatten(0, 1)
    flat = F.interpolate(flat, size=(HEIGHT, WIDTH), mode="bilinear", antialias=True)
    return flat.view(-1, FRAMES, 3, HEIGHT, WIDTH).transpose(1, 2)


@torch.no_grad()
def read_attributes(
    reader: AttributeReader, video: Tensor, *, rate: float
) -> tuple[list[dict[str, str]], Tensor]:
    """For each video the most likely word of every attribute; and its features (B, FEATURES)."""
    logits, features = reader(watched(video, rate=rate))
    best = {name: scores.argmax(dim=1).tolist() for name, scores in logits.items()}
    found = [{name: READ[name][best[name][row]] for name in READ} for row in range(video.shape[0])]
    return found, features


def agreement(
    found: Sequence[Mapping[str, str]], asked: Sequence[Mapping[str, str]]
) -> dict[str, float]:
    """Share of videos in which each attribute is as asked for, and their ``mean``."""
    shares = {
        name: sum(f[name] == a[name] for f, a in zip(found, asked, strict=True)) / len(found)
        for name in READ
    }
    return {**shares, "mean": sum(shares.values()) / len(shares)}
