"""Where latents lie: codecs give them as pictures and sequences, the transformer takes tokens.

Pictures: a key frame every :data:`CHUNK` frames, one token for 16×16 pixels. Sound: 25 latents a
second. Both are placed in seconds from the start of the clip, so that any frame rate will do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from provenance.errors import OptionError

if TYPE_CHECKING:
    from fractions import Fraction

    from generators.base import GuideImage, Request

CHUNK = 8
"""Frames from key frame to key frame."""
PATCH = 16
"""Pixels a side of a token."""
SOUND_LATENTS_PER_S = 25
SOUND_RATE = 24_000
"""Samples a second of the sound that is generated, in two channels."""


class VideoEncoder(Protocol):
    """The half of a video codec that training needs."""

    def encode(self, frames: Tensor) -> Tensor:
        """(B, 3, 8·K + 1, H, W) in −1…1 → (B, C, K + 1, H/16, W/16)."""
        ...


class AudioEncoder(Protocol):
    def encode(self, samples: Tensor) -> Tensor:
        """(B, 2, N) in −1…1 at 24 kHz → (B, C, N/960)."""
        ...


def tokens_of(latents: Tensor) -> Tensor:
    """(B, C, L, h, w) → (B, L, h·w, C), row by row."""
    return latents.permute(0, 2, 3, 4, 1).flatten(2, 3)


def latents_of(tokens: Tensor, rows: int) -> Tensor:
    """The inverse of :func:`tokens_of` for ``rows`` rows of tokens."""
    grid = tokens.reshape(*tokens.shape[:2], rows, -1, tokens.shape[-1])
    return grid.permute(0, 4, 1, 2, 3)


def sound_tokens_of(latents: Tensor) -> Tensor:
    """(B, C, L) → (B, L, 1, C)."""
    return latents.transpose(1, 2)[:, :, None]


def sound_latents_of(tokens: Tensor) -> Tensor:
    """The inverse of :func:`sound_tokens_of`."""
    return tokens[:, :, 0].transpose(1, 2)


def place_grid(rows: int, columns: int, device: torch.device) -> Tensor:
    """(rows·columns, 2) tokens down and to the right of the middle."""
    y = torch.arange(rows, device=device) - (rows - 1) / 2
    x = torch.arange(columns, device=device) - (columns - 1) / 2
    return torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1).flatten(0, 1)


def images_by_key(request: Request, last: int) -> dict[int, GuideImage]:
    """The images of a request by the number of their key frame, up to ``last``.

    Raises :class:`~provenance.errors.OptionError` for two at one: it can show one of them.
    """
    placed: dict[int, GuideImage] = {}
    for image in request.images:
        key = min(last, round(image.time_s * request.rate / CHUNK))
        if key in placed:
            raise OptionError(
                f"images at {placed[key].time_s:g} s and at {image.time_s:g} s fall on one key "
                "frame",
                hint=f"place them {float(CHUNK / request.rate):.2f} s apart or more, or leave one "
                "out",
            )
        placed[key] = image
    return placed


def sound_latents_before(key: int, rate: Fraction) -> int:
    """How many latents of sound begin before key frame ``key``."""
    return int(-(-key * CHUNK * SOUND_LATENTS_PER_S // rate))


def sound_times_s(first: int, count: int, device: torch.device) -> Tensor:
    """(count,) seconds of the middles of latents of sound from number ``first``."""
    index = torch.arange(first, first + count, device=device)
    return (index + 0.5) / SOUND_LATENTS_PER_S


def key_times_s(first: int, count: int, rate: Fraction, device: torch.device) -> Tensor:
    """(count,) seconds of key frames from number ``first``."""
    index = torch.arange(first, first + count, device=device)
    return index * float(CHUNK / rate)
