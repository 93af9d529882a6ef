"""From noise to latents: a few steps along the velocities of the model.

Euler and Heun steps (Karras et al. 2022, arXiv:2206.00364) over noise levels that are shifted
towards the noisy end (Esser et al. 2024, arXiv:2403.03206, section 5.3.2), with classifier-free
guidance (Ho and Salimans 2022, arXiv:2207.12598).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

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
    """

    steps: int = 20
    guidance: float = 3.0
    shift: float = 2.0
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

    def velocity(state: tuple[Tensor, Tensor], level: float) -> tuple[Tensor, Tensor]:
        at = hold(state)
        guided = settings.guidance != 1 and level > settings.guided_down_to
        v_level = torch.where(given.video_given, 0.0, level)
        a_level = torch.where(given.audio_given, 0.0, level)
        pictures = video._replace(latents=at[0], level=v_level)
        sound = audio._replace(latents=at[1], level=a_level)
        if guided:
            pictures, sound = _twice(pictures), _twice_sound(sound)
        out, heard = model(pictures, sound, texts if guided else text)
        assert heard is not None
        if not guided:
            return out, heard
        return _guide(out, settings.guidance), _guide(heard, settings.guidance)

    levels = noise_levels(settings.steps, settings.shift)
    for step, (level, following) in enumerate(pairwise(levels)):
        slope = velocity(state, level)
        ahead = _move(state, slope, following - level)
        if settings.method == "heun" and following > 0:
            there = velocity(ahead, following)
            both = ((slope[0] + there[0]) / 2, (slope[1] + there[1]) / 2)
            ahead = _move(state, both, following - level)
        state = ahead
        progress((step + 1) / settings.steps)
    return hold(state)


def _move(
    state: tuple[Tensor, Tensor], slope: tuple[Tensor, Tensor], by: float
) -> tuple[Tensor, Tensor]:
    return state[0] + by * slope[0], state[1] + by * slope[1]


def _guide(both: Tensor, guidance: float) -> Tensor:
    told, untold = both.chunk(2)
    return untold + guidance * (told - untold)


def _twice(tokens: VideoTokens) -> VideoTokens:
    return tokens._replace(
        latents=torch.cat([tokens.latents] * 2),
        level=torch.cat([tokens.level] * 2),
        time_s=torch.cat([tokens.time_s] * 2),
        span_s=torch.cat([tokens.span_s] * 2),
    )


def _twice_sound(tokens: AudioTokens) -> AudioTokens:
    return tokens._replace(
        latents=torch.cat([tokens.latents] * 2),
        level=torch.cat([tokens.level] * 2),
        time_s=torch.cat([tokens.time_s] * 2),
    )
