"""What the joint transformer is trained on: velocities of what is not given, in both streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from generators.flow import TaskShares, by_channel, draw_task, mix, squared_error

if TYPE_CHECKING:
    from generators.dit import DiT
    from generators.training.pool import Pool, Windows
    from generators.training.world import World

SHARES = TaskShares()
TEXT_DROPPED = 0.12
"""How often the text is left out, for guidance."""
BODIES = 4.0
"""How much more a token counts that is all covered by a body: bodies are 6 % of the picture, and
most of what captions say is about them. What is most likely at a token stays the same."""


class Losses(NamedTuple):
    """Mean squared errors of the velocities: of how key frames look, how they move, and sound."""

    looks: Tensor
    moves: Tensor
    sound: Tensor

    @property
    def total(self) -> Tensor:
        return self.looks + self.moves + self.sound


def losses(
    model: DiT,
    windows: Windows,
    generator: torch.Generator,
    *,
    shares: TaskShares = SHARES,
    emphasis: float = BODIES,
) -> Losses:
    """Draws tasks, levels and noise from ``generator``, on the device of ``windows``. A token
    counts by 1 + ``emphasis`` · how much of it bodies cover.
    """
    video, audio = windows.video, windows.audio
    parts = model.config.video.parts
    assert model.config.audio is not None
    task = draw_task(
        video_time_s=video.time_s,
        audio_time_s=audio.time_s,
        started=windows.started,
        shares=shares,
        generator=generator,
    )
    # Nothing moves before the first key frame of a window, wherever it was cut.
    moving = torch.ones(1, video.time_s.shape[1], 2, device=video.latents.device)
    moving[:, 0, 1] = 0
    clean = video.latents * by_channel(moving, parts)
    noise = _noise_like(clean, generator)
    sound_noise = _noise_like(audio.latents, generator)
    dropped = torch.rand(clean.shape[0], generator=generator, device=clean.device) < TEXT_DROPPED
    text = windows.text.masked_fill(dropped[:, None], 0)
    velocity, heard = model(
        video._replace(
            latents=mix(clean, noise, by_channel(task.video_level, parts)), level=task.video_level
        ),
        audio._replace(
            latents=mix(audio.latents, sound_noise, task.audio_level[:, :, None]),
            level=task.audio_level,
        ),
        model.read(text),
    )
    assert heard is not None
    target = noise - clean
    wanted = 1 - task.video_given.float()  # (B, S, 2)
    seen = windows.bodies  # (B, S, P)
    # What moves to a key frame is where bodies are then, and where they were.
    moved = torch.maximum(seen, torch.cat([seen[:, :1], seen[:, :-1]], dim=1))
    return Losses(
        looks=squared_error(
            velocity[..., : parts[0]],
            target[..., : parts[0]],
            wanted[:, :, None, :1] * (1 + emphasis * seen[..., None]),
        ),
        moves=squared_error(
            velocity[..., parts[0] :],
            target[..., parts[0] :],
            wanted[:, :, None, 1:] * (1 + emphasis * moved[..., None]),
        ),
        sound=squared_error(
            heard, sound_noise - audio.latents, 1 - task.audio_given.float()[:, :, None]
        ),
    )


def held_out_losses(model: DiT, pool: Pool, world: World, *, batches: int = 4) -> dict[str, float]:
    """Mean losses on a pool of held-out scenes, by a fixed seed; all tokens count the same."""
    generator = torch.Generator(world.device).manual_seed(1)
    total = torch.zeros(3, device=world.device)
    with torch.no_grad(), world.autocast():
        for _ in range(batches):
            windows = pool.draw(min(64, pool.filled), generator)
            found = losses(model, windows, generator, emphasis=0.0)
            total += torch.stack([part.float() for part in found])
    return {
        name: round(float(value) / batches, 4)
        for name, value in zip(Losses._fields, total, strict=True)
    }


def _noise_like(latents: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(latents.shape, generator=generator, device=latents.device)
