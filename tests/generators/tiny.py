"""A joint transformer that is small enough to train in a test, and codecs that need no training."""

from __future__ import annotations

import torch
from torch import Tensor

from generators.blocks import StreamConfig
from generators.dit import AudioTokens, DiT, DiTConfig, VideoTokens
from generators.latents import place_grid
from generators.text import TextConfig

CONFIG = DiTConfig(
    video=StreamConfig(parts=(3, 2), heads=2, head_dim=16, mlp_ratio=2),
    audio=StreamConfig(parts=(4,), heads=1, head_dim=16, mlp_ratio=2),
    text=TextConfig(heads=1, head_dim=16, layers=1, max_bytes=32),
    blocks=2,
)


def tiny_dit(seed: int = 0, *, awake: bool = True) -> DiT:
    """Freshly drawn weights; ``awake`` opens the gates and the last layers, which begin at zero."""
    return drawn(DiT(CONFIG), seed, awake=awake)


def drawn(model, seed: int, *, awake: bool):
    """``model`` with such weights, that are not to be trained."""
    generator = torch.Generator().manual_seed(seed)
    model.initialise(generator)
    if awake:
        with torch.no_grad():
            for weight in model.parameters():
                if not weight.any():
                    weight.normal_(0, 0.2, generator=generator)
    return model.requires_grad_(requires_grad=False)


def tiny_tokens(
    *, batch: int = 2, keys: int = 4, rate: float = 24.0, seed: int = 0, start_s: float = 0.0
) -> tuple[VideoTokens, AudioTokens]:
    """Random latents of 2×3 tokens a moment, and 6 moments of sound."""
    random = torch.Generator().manual_seed(seed)
    first = torch.zeros(keys)
    first[0] = 1
    video = VideoTokens(
        latents=torch.randn(batch, keys, 6, 5, generator=random),
        level=torch.rand(batch, keys, 2, generator=random),
        time_s=(start_s + torch.arange(keys) * 8 / rate).expand(batch, -1),
        place=place_grid(2, 3, torch.device("cpu")),
        first=first,
        span_s=torch.full((batch,), 8 / rate),
    )
    audio = AudioTokens(
        latents=torch.randn(batch, 6, 1, 4, generator=random),
        level=torch.rand(batch, 6, 1, generator=random),
        time_s=(start_s + (torch.arange(6) + 0.5) / 25).expand(batch, -1),
    )
    return video, audio


class FoldingVideoCodec:
    """Key frames as means over patches; motion as their differences. For 3 + 2 channels."""

    def encode(self, frames: Tensor) -> Tensor:
        keys = frames[:, :, ::8]  # (B, 3, L, H, W)
        looks = keys.unflatten(-1, (-1, 16)).unflatten(-3, (-1, 16)).mean((-1, -3))
        moves = torch.zeros_like(looks[:, :2])
        moves[:, :, 1:] = looks[:, :2, 1:] - looks[:, :2, :-1]
        return torch.cat([looks, moves], 1)

    def decode(self, latents: Tensor) -> Tensor:
        keys = latents[:, :3].repeat_interleave(16, -1).repeat_interleave(16, -2)
        later = keys[:, :, 1:].repeat_interleave(8, 2)
        return torch.cat([keys[:, :, :1], later], 2).clamp(-1, 1)


class FoldingAudioCodec:
    """Latents are means of halves of a latent's samples, of both channels."""

    def encode(self, samples: Tensor) -> Tensor:
        halves = samples.unflatten(-1, (-1, 2, 480)).mean(-1)  # (B, 2, L, 2)
        return halves.permute(0, 1, 3, 2).flatten(1, 2)

    def decode(self, latents: Tensor) -> Tensor:
        halves = latents.unflatten(1, (2, 2)).permute(0, 1, 3, 2)  # (B, 2, L, 2)
        return halves.flatten(2).repeat_interleave(480, -1).clamp(-1, 1)
