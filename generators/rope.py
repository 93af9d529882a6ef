"""Rotary positions (Su et al. 2021, RoFormer, arXiv:2104.09864) measured in seconds and tokens.

Time is in seconds in the pictures and in the sound, so that a moment has the same angle in both
whatever the frame rate: that is what the sync layer compares. Places are in tokens from the middle
of the picture.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

TIME_PERIODS_S = (0.08, 90.0)
"""Shortest and longest period of time: two audio latents, and twice the longest clip."""
PLACE_PERIODS = (2.0, 64.0)
"""The same for places, in tokens."""


def line_angles(position: Tensor, pairs: int, periods: tuple[float, float]) -> Tensor:
    """(…, pairs) radians of ``position`` (…), periods spaced evenly in their logarithm; float32,
    or float64 for positions of that type.
    """
    kind = torch.float64 if position.dtype == torch.float64 else torch.float32
    first, last = (math.log(period) for period in periods)
    step = torch.linspace(first, last, pairs, device=position.device, dtype=kind)
    return position.to(kind)[..., None] * (2 * math.pi * torch.exp(-step))


def time_angles(time_s: Tensor, head_dim: int) -> Tensor:
    """(B, N, head_dim/2) radians of moments ``time_s`` (B, N) in seconds."""
    return line_angles(time_s, head_dim // 2, TIME_PERIODS_S)


def grid_angles(time_s: Tensor, place: Tensor, head_dim: int) -> Tensor:
    """(B, S·P, head_dim/2) radians of S moments of P places each: time, then y, then x.

    ``time_s``: (B, S) seconds. ``place``: (P, 2) tokens down and to the right of the middle.
    """
    batch, moments = time_s.shape
    each = head_dim // 6  # pairs of y, and of x; time has the rest
    times = line_angles(time_s, head_dim // 2 - 2 * each, TIME_PERIODS_S)  # (B, S, t)
    places = line_angles(place, each, PLACE_PERIODS).flatten(1)  # (P, 2·each)
    spread = places.shape[0]
    return torch.cat(
        [
            times[:, :, None].expand(-1, -1, spread, -1),
            places[None, None].to(times).expand(batch, moments, -1, -1),
        ],
        dim=-1,
    ).flatten(1, 2)  # (B, S·P, head_dim/2)


class Turn(NamedTuple):
    """Cosines and sines (B, 1, N, head_dim/2) of angles, for all heads."""

    cos: Tensor
    sin: Tensor


def turn_by(angles: Tensor, kind: torch.dtype) -> Turn:
    """Of angles (B, N, head_dim/2), in the type that turns."""
    return Turn(angles.cos().to(kind)[:, None], angles.sin().to(kind)[:, None])


def turned(x: Tensor, turn: Turn) -> Tensor:
    """``x`` (…, heads, N, head_dim): the first half of a head holds the real parts, the second the
    imaginary ones.
    """
    real, imaginary = x.chunk(2, dim=-1)
    return torch.cat(
        [real * turn.cos - imaginary * turn.sin, real * turn.sin + imaginary * turn.cos], dim=-1
    )


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """``x`` (B, heads, N, head_dim) turned by ``angles`` (B, N, head_dim/2)."""
    return turned(x, turn_by(angles, x.dtype))
