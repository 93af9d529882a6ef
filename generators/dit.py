"""The joint diffusion transformer: a text, noisy latents of pictures and sound in, velocities out.

Latents come as moments, each with noise levels of its own: what is at level 0 is given (a first
frame, an image somewhere between, what was generated before, the sound of the user), the rest is
to be made. The shapes and the reasons are in :mod:`generators.blocks`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from generators.blocks import MODULATIONS, Block, Moments, StreamConfig, normalise
from generators.rope import grid_angles, time_angles
from generators.text import TextConfig, TextEncoder

_BEGIN_AT_ZERO = ("table", "level.out.weight", "leave.out.weight")
_LEVEL_WAVES = 128  # pairs of waves that a noise level is spread over


@dataclass(frozen=True, slots=True, kw_only=True)
class DiTConfig:
    """The size of a whole model; without ``audio`` it makes pictures only."""

    video: StreamConfig
    audio: StreamConfig | None
    text: TextConfig
    blocks: int

    @property
    def sync_head_dim(self) -> int:
        """Of the sync layer, which has the heads of the narrower stream."""
        if self.audio is None:
            return self.video.head_dim
        return min(self.video, self.audio, key=lambda stream: stream.width).head_dim


class VideoTokens(NamedTuple):
    """Latents of pictures, S moments of P places each.

    ``latents``: (B, S, P, C) · ``level``: (B, S, parts) noise levels 0 (given) … 1 (noise alone) ·
    ``time_s``: (B, S) seconds of each key frame · ``place``: (P, 2) tokens down and to the right of
    the middle of the picture · ``first``: (S,) 1 for a key frame with nothing before it, else 0 ·
    ``span_s``: (B,) seconds from key frame to key frame.
    """

    latents: Tensor
    level: Tensor
    time_s: Tensor
    place: Tensor
    first: Tensor
    span_s: Tensor


class AudioTokens(NamedTuple):
    """Latents of sound (B, L, 1, C), their noise levels (B, L, 1) and times (B, L), as in
    :class:`VideoTokens`.
    """

    latents: Tensor
    level: Tensor
    time_s: Tensor


class LevelEncoder(nn.Module):
    """Noise levels (B, S, parts) and a vector (B, text) of the clip → modulations
    (B, S, n, width).
    """

    def __init__(self, width: int, *, parts: int, text_width: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.wave = nn.Linear(parts * 2 * _LEVEL_WAVES, width)
        self.text = nn.Linear(text_width, width)
        self.span = nn.Linear(1, width)
        # Half as wide: what it makes is large, and says little.
        self.hidden = nn.Linear(width, width // 2)
        self.out = nn.Linear(width // 2, count * width)

    def forward(self, level: Tensor, text: Tensor, span_s: Tensor) -> Tensor:
        # Periods from 1/1000 of the range to 10 times it: small levels differ most in what is
        # left to do.
        steps = torch.arange(_LEVEL_WAVES, device=level.device) / (_LEVEL_WAVES - 1)
        rates = 2 * math.pi * torch.exp(math.log(0.1) + math.log(1e3) * steps)  # (waves,)
        waves = level.float()[..., None] * rates  # (B, S, parts, waves)
        waves = torch.cat([waves.cos(), waves.sin()], dim=-1).flatten(2)
        waves = waves.to(self.wave.weight.dtype)
        # The third of a second that eight frames of 24 last is 0; half of it is −1.
        octaves = torch.log2(span_s.float() * 3)[:, None].to(self.wave.weight.dtype)  # (B, 1)
        about = (self.text(text) + self.span(octaves))[:, None]  # (B, 1, width)
        inner = nn.functional.silu(self.wave(waves) + about)
        inner = nn.functional.silu(self.hidden(inner))
        out: Tensor = self.out(inner)
        return out.view(*out.shape[:2], self.count, -1)  # (B, S, n, width)


class Head(nn.Module):
    """Tokens (B, S, P, width) → velocities (B, S, P, channels)."""

    def __init__(self, config: StreamConfig) -> None:
        super().__init__()
        self.out = nn.Linear(config.width, config.channels)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        shift, scale = modulation[:, :, None].unbind(3)  # (B, S, 1, width)
        out: Tensor = self.out(normalise(x) * (1 + scale) + shift)
        return out


class StreamEnds(nn.Module):
    """What stands before and behind the blocks of one stream."""

    def __init__(self, config: StreamConfig, *, text_width: int) -> None:
        super().__init__()
        self.enter = nn.Linear(config.channels, config.width)
        self.level = LevelEncoder(
            config.width,
            parts=len(config.parts),
            text_width=text_width,
            count=MODULATIONS + 2,
        )
        self.leave = Head(config)


class DiT(nn.Module):
    """Velocities of both streams; see :class:`VideoTokens` and :class:`AudioTokens`."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.text.width
        self.text = TextEncoder(config.text)
        self.video = StreamEnds(config.video, text_width=width)
        self.audio = None if config.audio is None else StreamEnds(config.audio, text_width=width)
        self.first = nn.Parameter(torch.zeros(config.video.width))  # marks a first key frame
        self.blocks = nn.ModuleList(
            Block(config.video, config.audio, text_width=width) for _ in range(config.blocks)
        )

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights anew. Gates and the last layer start at zero, so that every block is
        the identity and the first velocity is 0 (Peebles and Xie 2022, "adaLN-Zero").
        """
        initialise(self, generator)

    def read(self, raw: Tensor) -> Tensor:
        """(B, M, text width) of prompts as bytes (B, M), see :func:`generators.text.encode_bytes`.

        Constant over the steps of sampling, so that it is computed once.
        """
        out: Tensor = self.text(raw)
        return out

    def forward(
        self, video: VideoTokens, audio: AudioTokens | None, text: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """(B, S, P, C) and (B, L, 1, C) velocities, noise minus latents, at the moments given."""
        summary = self.text.summary(text)
        pictures, picture_end = self._enter_video(video, summary)
        sound = None
        if audio is not None and self.audio is not None:
            sound, sound_end = self._enter_audio(audio, summary, video.span_s)
        for block in self.blocks:
            seen, heard = block(pictures, sound, text)
            pictures = pictures._replace(x=seen)
            sound = None if sound is None or heard is None else sound._replace(x=heard)
        velocity: Tensor = self.video.leave(pictures.x, picture_end)
        if sound is None or self.audio is None:
            return velocity, None
        return velocity, self.audio.leave(sound.x, sound_end)

    def _enter_video(self, video: VideoTokens, summary: Tensor) -> tuple[Moments, Tensor]:
        places = video.place.shape[0]
        modulation = self.video.level(video.level, summary, video.span_s)
        x = self.video.enter(video.latents.to(summary.dtype))
        x = x + (video.first[:, None, None] * self.first).to(x.dtype)
        moments = Moments(
            x=x,
            modulation=modulation[:, :, :MODULATIONS],
            angles=grid_angles(video.time_s, video.place, self.config.video.head_dim),
            times=time_angles(
                video.time_s.repeat_interleave(places, dim=1), self.config.sync_head_dim
            ),
        )
        return moments, modulation[:, :, MODULATIONS:]

    def _enter_audio(
        self, audio: AudioTokens, summary: Tensor, span_s: Tensor
    ) -> tuple[Moments, Tensor]:
        assert self.audio is not None
        assert self.config.audio is not None
        modulation = self.audio.level(audio.level, summary, span_s)
        # A copy, because what enters is a view, for which a compiler would make a block of its own.
        moments = Moments(
            x=self.audio.enter(audio.latents.to(summary.dtype)).clone(),
            modulation=modulation[:, :, :MODULATIONS],
            angles=time_angles(audio.time_s, self.config.audio.head_dim),
            times=time_angles(audio.time_s, self.config.sync_head_dim),
        )
        return moments, modulation[:, :, MODULATIONS:]


def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Draws all weights of a transformer anew, see :meth:`DiT.initialise`."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("_gain"):
                weight.fill_(1)
            elif weight.ndim == 1 or name.endswith(_BEGIN_AT_ZERO):
                weight.zero_()
            elif name.endswith("embed.weight"):
                weight.normal_(0, 0.5, generator=generator)
            else:  # (out, in…): keeps the size of what passes
                weight.normal_(0, weight[0].numel() ** -0.5, generator=generator)


def parameter_count(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())
