"""Flow matching: how latents are mixed with noise, and what the model has to say about the mix.

A straight line from the latents (level 0) to Gaussian noise (level 1), whose velocity is noise
minus latents: Lipman et al. 2022, arXiv:2210.02747; Liu et al. 2022, arXiv:2209.03003. Levels are
drawn from a logit-normal distribution: Esser et al. 2024, "SD3", arXiv:2403.03206.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

NOISIER = 0.7
"""How far the levels of training lie towards noise, as the mean of their logits: the moments of a
clip are so much alike that what is where is settled early on the way (section 5.3.2 there)."""
HISTORY_NOISE = 0.1
"""The most noise that what is given gets in training, so that small faults in what was generated
before are corrected and not continued (as in Chen et al. 2024, Diffusion Forcing,
arXiv:2407.01392)."""


def by_channel(level: Tensor, parts: Sequence[int]) -> Tensor:
    """(B, S, parts) of something for each part → (B, S, 1, C), for each of its channels."""
    spread = [level[..., i : i + 1].expand(-1, -1, size) for i, size in enumerate(parts)]
    return torch.cat(spread, dim=-1)[:, :, None]


def mix(latents: Tensor, noise: Tensor, level: Tensor) -> Tensor:
    """Latents at a noise level, which comes by channel or as a number for all."""
    return latents + level * (noise - latents)


def clean_of(mixed: Tensor, velocity: Tensor, level: Tensor) -> Tensor:
    """The latents that a velocity at this level points back to; the inverse of :func:`mix`."""
    return mixed - level * velocity


def squared_error(velocity: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error of (B, S, P, C) by the ``weight`` of each token (B, S, P, 1), or of all
    tokens of a moment (B, S, 1, 1); 0 is left out.
    """
    error = (velocity.float() - target.float()).square().mean(3, keepdim=True)
    weight = weight.expand_as(error)
    return (error * weight).sum() / weight.sum().clamp(min=1)


class Task(NamedTuple):
    """What is given to each clip of a batch, True, and what it has to make; and noise levels.

    Video: (B, S, 2), how key frames look and how they move. Audio: (B, L, 1).
    """

    video_given: Tensor
    audio_given: Tensor
    video_level: Tensor
    audio_level: Tensor


class TaskShares(NamedTuple):
    """How often training gives what; the rest is the text alone."""

    image: float = 0.15
    two_images: float = 0.05
    history: float = 0.2
    sound: float = 0.1


def draw_task(
    *,
    video_time_s: Tensor,
    audio_time_s: Tensor,
    started: Tensor,
    shares: TaskShares,
    generator: torch.Generator,
) -> Task:
    """Draws what is given to each clip of a batch, and how much noise is on it.

    ``video_time_s`` (B, S) of key frames and ``audio_time_s`` (B, L) in seconds. ``started``: (B,)
    True where the clip is cut out of the middle of a scene, so that its first image at least has
    to be given.
    """
    batch, moments = video_time_s.shape
    device = video_time_s.device

    def chance() -> Tensor:
        return torch.rand(batch, generator=generator, device=device)

    kind = chance()
    history = kind < torch.where(started, 0.6, shares.history)
    kind = torch.where(started, 1.0, kind - shares.history)
    two = ~history & (kind < shares.two_images)
    image = history | started | (kind < shares.two_images + shares.image)
    two = two | ((history | started) & (chance() < 0.2))
    # History is one third of the moments at least, and two thirds at most.
    least = max(1, moments // 3)
    last = least + (chance() * max(1, moments // 3)).long()  # (B,) moments
    index = torch.arange(moments, device=device)[None]  # (1, S)
    before = history[:, None] & (index <= last[:, None])
    until_s = video_time_s.gather(1, last[:, None])  # (B, 1)
    # The second image stands anywhere behind what is given.
    behind = torch.where(history, last, 0) + 1
    elsewhere = behind + (chance() * (moments - behind)).long().clamp(max=moments - 2)
    second = two[:, None] & (index == elsewhere[:, None].clamp(max=moments - 1))
    looks = before | second | (image[:, None] & (index == 0))
    moves = before | (index == 0)  # nothing moves before the first key frame
    video_given = torch.stack([looks, moves], dim=2)  # (B, S, 2)
    sound = chance() < shares.sound
    heard = sound[:, None] | (history[:, None] & (audio_time_s <= until_s))
    audio_given = heard[:, :, None]  # (B, L, 1)
    level = _draw_levels(batch, generator, device)
    # Half of the time each stream has a level of its own, so that each learns to follow the other
    # when that is further.
    own = torch.where(chance() < 0.5, _draw_levels(batch, generator, device), level)
    touched = (HISTORY_NOISE * chance() * (chance() < 0.5))[:, None, None]
    video_level = torch.where(video_given, touched, level[:, None, None])
    video_level = torch.where(  # what is not there has no noise either
        torch.stack([index < 0, index == 0], dim=2), 0.0, video_level
    )
    return Task(
        video_given=video_given,
        audio_given=audio_given,
        video_level=video_level,
        audio_level=torch.where(audio_given, touched, own[:, None, None]),
    )


def _draw_levels(batch: int, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.sigmoid(torch.randn(batch, generator=generator, device=device) + NOISIER)
