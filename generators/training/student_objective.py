"""What the streaming transformer is tuned on: to say at once what it would say a step later.

Easy consistency tuning (Geng et al. 2024, arXiv:2406.14548). A way from noise to latents is looked
at from two points of it; from the noisier one the model has to find what it finds from the other.
The two begin a whole way apart, where the other one is the latents themselves and the loss is that
of flow matching: so a bidirectional teacher's weights first learn to do without the future. Then
they come closer together, until two neighbours agree all along the way, and one look is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from generators.flow import HISTORY_NOISE, by_channel, clean_of, mix, squared_error

if TYPE_CHECKING:
    from generators.causal_dit import CausalDiT
    from generators.training.pool import Pool, Windows
    from generators.training.world import World

IMAGE_GIVEN = 0.15
"""How often the first image is given."""
OWN_PAST = 0.5
"""How often the past is what the model made of it and not what was there, so that it learns to
live with its own faults (Bengio et al. 2015, scheduled sampling, arXiv:1506.03099)."""
_LEAST_LEVEL = 0.02


class StudentLosses(NamedTuple):
    """Mean squared errors of how key frames look and how they move."""

    looks: Tensor
    moves: Tensor

    @property
    def total(self) -> Tensor:
        return self.looks + self.moves


def gap_at(step: int, *, warm: int, halve: int, least: float) -> float:
    """How far the two points are apart, as a share of the way: 1 for ``warm`` steps, then half as
    far after every ``halve`` steps, down to ``least``.
    """
    if step < warm:
        return 1.0
    return max(least, 0.5 ** (1 + (step - warm) // max(1, halve)))


def student_losses(
    model: CausalDiT, windows: Windows, generator: torch.Generator, *, gap: float
) -> StudentLosses:
    """Draws levels and noise from ``generator``, on the device of ``windows``. At a gap of 1 it is
    flow matching.
    """
    video, parts = windows.video, model.config.video.parts
    batch, moments = video.time_s.shape
    device = video.latents.device

    def chance(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    # Nothing moves before the first key frame of a window, wherever it was cut.
    moving = torch.ones(1, moments, 2, device=device)
    moving[:, 0, 1] = 0
    clean = video.latents * by_channel(moving, parts)
    given = torch.zeros(batch, moments, 2, dtype=torch.bool, device=device)
    given[:, 0, 1] = True
    given[:, 0, 0] = chance(batch) < IMAGE_GIVEN
    noise = _noise_like(clean, generator)
    # Each moment is a lesson of its own: its past is clean whatever its level.
    drawn = torch.sigmoid(torch.randn(batch, moments, generator=generator, device=device) + 0.4)
    drawn = drawn.clamp(min=_LEAST_LEVEL)
    level = torch.where(given, 0.0, drawn[..., None])
    nearer = level * (1 - gap)
    touched = HISTORY_NOISE * chance(batch, 1) * (chance(batch, 1) < 0.5)  # (B, 1)
    past_level = (touched.expand(-1, moments))[..., None] * moving
    past = mix(clean, _noise_like(clean, generator), by_channel(past_level, parts))
    text = model.read(windows.text)

    def at(level: Tensor) -> Tensor:
        return mix(clean, noise, by_channel(level, parts))

    def velocity(level: Tensor, past: Tensor, past_level: Tensor) -> Tensor:
        out: Tensor = model(
            video._replace(latents=at(level), level=level),
            video._replace(latents=past, level=past_level),
            text,
        )
        return out.float()

    found = clean
    if gap < 1:
        with torch.no_grad():
            found = clean_of(
                at(nearer), velocity(nearer, past, past_level), by_channel(nearer, parts)
            )
            own = chance(batch) < OWN_PAST
            past = torch.where(own[:, None, None, None], found, past)
            past_level = torch.where(own[:, None, None], 0.0, past_level)
    said = velocity(level, past, past_level)
    # The mean velocity from here to what was found.
    target = (at(level) - found) / by_channel(level, parts).clamp(min=_LEAST_LEVEL)
    wanted = 1 - given.float()
    return StudentLosses(
        looks=squared_error(said[..., : parts[0]], target[..., : parts[0]], wanted[:, :, None, :1])
        / gap,
        moves=squared_error(said[..., parts[0] :], target[..., parts[0] :], wanted[:, :, None, 1:])
        / gap,
    )


def held_out_losses(
    model: CausalDiT, pool: Pool, world: World, *, gap: float, batches: int = 4
) -> dict[str, float]:
    """Mean losses on a pool of held-out scenes, drawn by a fixed seed."""
    generator = torch.Generator(world.device).manual_seed(1)
    total = torch.zeros(2, device=world.device)
    with torch.no_grad(), world.autocast():
        for _ in range(batches):
            windows = pool.draw(min(32, pool.filled), generator)
            found = student_losses(model, windows, generator, gap=gap)
            total += torch.stack([part.float() for part in found])
    return {
        name: round(float(value) / batches, 4)
        for name, value in zip(StudentLosses._fields, total, strict=True)
    }


def _noise_like(latents: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(latents.shape, generator=generator, device=latents.device)
