"""From noise to latents: a few steps along the velocities of the model.

Euler and Heun steps (Karras et al. 2022, arXiv:2206.00364) over noise levels that are shifted
towards the noisy end (Esser et al. 2024, arXiv:2403.03206, section 5.3.2), with classifier-free
guidance (Ho and Salimans 2022, arXiv:2207.12598). The sound is kept noisier than the pictures, so
that it is made for what moves in them when that is nearly settled: training gives each stream
levels of its own half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

from generators.flow import by_channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from generators.dit import AudioTokens, DiT, VideoTokens

Method = Literal["euler", "heun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    """``steps`` along the way, ``guidance`` 1 for none, ``shift`` 1 for evenly spaced levels.

    ``guided_down_to``: the noise level below which there is no guidance: little is left to decide,
    and a step costs half (Kynkäänniemi et al. 2024, arXiv:2404.07724).

    ``sound_shift`` is that of the sound's levels. With 16 sound falls on what is seen to strike
    within 19 ms in the median (docs/measurements.md); with 2, as the pictures have, it was twice as
    far off as with 16 (docs/experiments.md).
    """

    steps: int = 20
    guidance: float = 3.0
    shift: float = 2.0
    sound_shift: float = 16.0
    method: Method = "euler"
    guided_down_to: float = 0.0


class Given(NamedTuple):
    """What is known before: clean latents (B, S, P, C) and (B, L, 1, C), and booleans (B, S, 2) and
    (B, L, 1), by part, that say which of them hold; the others are made.
    """

    video: Tensor
    video_given: Tensor
    audio: Tensor
    audio_given: Tensor


class Levels(NamedTuple):
    """Of noise, 1 to 0, on the pictures and on the sound."""

    video: float
    audio: float


def noise_levels(steps: int, shift: float) -> list[float]:
    """``steps`` + 1 levels from 1 to 0."""
    even = [1 - step / steps for step in range(steps + 1)]
    return [shift * level / (1 + (shift - 1) * level) for level in even]


def sample(
    model: DiT,
    video: VideoTokens,
    audio: AudioTokens,
    given: Given,
    *,
    text: Tensor,
    empty_text: Tensor,
    settings: SamplingSettings,
    generator: torch.Generator,
    progress: Callable[[float], None] = lambda _share: None,
) -> tuple[Tensor, Tensor]:
    """Latents (B, S, P, C) and (B, L, 1, C) for texts (B, M, width), see :meth:`DiT.read`.

    ``video`` and ``audio`` give the positions; their latents and levels are not used. Noise is
    drawn from ``generator`` on its own device, so that a seed means the same everywhere.
    ``progress`` is called with the share that is done.
    """

    def noise_like(latents: Tensor) -> Tensor:
        drawn = torch.randn(latents.shape, generator=generator, device=generator.device)
        return drawn.to(latents)

    config = model.config
    assert config.audio is not None
    held = (
        by_channel(given.video_given, config.video.parts),
        by_channel(given.audio_given, config.audio.parts),
    )

    def hold(state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return (
            torch.where(held[0], given.video, state[0]),
            torch.where(held[1], given.audio, state[1]),
        )

    state = (noise_like(given.video), noise_like(given.audio))
    texts = torch.cat([text, empty_text])

    def velocity(state: tuple[Tensor, Tensor], level: Levels) -> tuple[Tensor, Tensor]:
        at = hold(state)
        guided = settings.guidance != 1 and level.video > settings.guided_down_to
        pictures = video._replace(
            latents=at[0], level=torch.where(given.video_given, 0.0, level.video)
        )
        sound = audio._replace(
            latents=at[1], level=torch.where(given.audio_given, 0.0, level.audio)
        )
        if guided:
            pictures, sound = _twice(pictures), _twice(sound)
        out, heard = model(pictures, sound, texts if guided else text)
        assert heard is not None
        if not guided:
            return out, heard
        return _guide(out, settings.guidance), _guide(heard, settings.guidance)

    levels = [
        Levels(*both)
        for both in zip(
            noise_levels(settings.steps, settings.shift),
            noise_levels(settings.steps, settings.sound_shift),
            strict=True,
        )
    ]
    for step, (level, following) in enumerate(pairwise(levels)):
        slope = velocity(state, level)
        ahead = _move(state, slope, level, following)
        if settings.method == "heun" and following.video > 0:
            there = velocity(ahead, following)
            both = ((slope[0] + there[0]) / 2, (slope[1] + there[1]) / 2)
            ahead = _move(state, both, level, following)
        state = ahead
        progress((step + 1) / settings.steps)
    return hold(state)


def _move(
    state: tuple[Tensor, Tensor], slope: tuple[Tensor, Tensor], level: Levels, following: Levels
) -> tuple[Tensor, Tensor]:
    return (
        state[0] + (following.video - level.video) * slope[0],
        state[1] + (following.audio - level.audio) * slope[1],
    )


def _guide(both: Tensor, guidance: float) -> Tensor:
    told, untold = both.chunk(2)
    return untold + guidance * (told - untold)


TokensT = TypeVar("TokensT", "VideoTokens", "AudioTokens")


def _twice(tokens: TokensT) -> TokensT:
    """Both halves of a batch for guidance; what says where they lie is the same."""
    names = [name for name in ("latents", "level", "time_s", "span_s") if hasattr(tokens, name)]
    return tokens._replace(**{name: torch.cat([getattr(tokens, name)] * 2) for name in names})
