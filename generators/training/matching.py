"""Distribution matching: to make what the teacher would make, not on the whole but each time.

What a student says after one look is the mean of all that it holds possible, which is soft. Here
two models judge it at random noise levels: the teacher, guided by the text, says where likely clips
lie, and a copy of it that follows the student says where the student's lie; the student moves from
the one to the other (Yin et al. 2024, arXiv:2311.18828, and with several looks arXiv:2405.14867).
No true clip is needed, captions are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from generators.consistency import SHIFT
from generators.dit import AudioTokens, DiT, VideoTokens
from generators.flow import NOISIER, by_channel, clean_of, mix, squared_error
from generators.latents import sound_times_s
from generators.sampling import noise_levels
from generators.training.own_streams import Passage, tokens_of_passage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generators.causal_dit import CausalDiT
    from generators.training.pool import Format

IMAGE_GIVEN = 0.5
"""How often the first image of a later passage is given to the judges: then they say how it goes
on, else whether the caption is still seen."""
_LEAST, _MOST = 0.02, 0.98  # noise levels of judgement


class Judged(NamedTuple):
    """What the student made (B, J, P, C), as the judges see it: clean, with what is given."""

    video: VideoTokens
    given: Tensor  # (B, J, 2)


def student_says(
    model: CausalDiT, passage: Passage, generator: torch.Generator, *, looks: int, at: int
) -> Tensor:
    """(B, J, P, C) latents of the judged moments after look number ``at`` of ``looks``, as
    :func:`~generators.consistency.few_steps` makes them, all at once: each from what the student
    itself had made before. Gradients are those of the last look.
    """
    parts = model.config.video.parts
    past = tokens_of_passage(passage.latents, passage.layout)
    text = model.read(passage.raw)
    given = torch.zeros_like(past.level, dtype=torch.bool)
    given[:, 0, 1] = True  # nothing moves before the first key frame
    held = by_channel(given, parts)
    levels = noise_levels(looks, SHIFT)[:-1]
    state = _noise_like(past.latents, generator)
    for number in range(at + 1):
        with torch.set_grad_enabled(number == at and torch.is_grad_enabled()):
            inner = torch.where(held, 0.0, state)
            level = torch.where(given, 0.0, levels[number])
            said = model(past._replace(latents=inner, level=level), past, text).float()
            found = torch.where(held, 0.0, clean_of(inner, said, by_channel(level, parts)))
        if number < at:
            noise = _noise_like(past.latents, generator)
            state = mix(found, noise, torch.full_like(found[:1, :1, :1, :1], levels[number + 1]))
    return found[:, -passage.judged :]


def as_judged(
    made: Tensor, passage: Passage, parts: Sequence[int], generator: torch.Generator
) -> Judged:
    """What was made, (B, J, P, C), as a window of its own, which nothing comes before. ``parts``:
    how many channels say how key frames look, and how they move.
    """
    video = tokens_of_passage(made, passage.layout)
    given = torch.zeros_like(video.level, dtype=torch.bool)
    given[:, 0, 1] = True
    if not passage.begins:
        chance = torch.rand(len(made), generator=generator, device=made.device)
        given[:, 0, 0] = chance < IMAGE_GIVEN
    still = torch.ones_like(made)
    still[:, 0, :, parts[0] :] = 0
    return Judged(video._replace(latents=made * still), given)


def matching_losses(
    judged: Judged,
    raw: Tensor,
    teacher: DiT,
    follower: DiT,
    generator: torch.Generator,
    *,
    layout: Format,
    guidance: float,
) -> tuple[Tensor, Tensor]:
    """Two () losses, of looks and of moves, whose gradients lead the student from where the
    follower sees it to where the teacher, guided by ``guidance``, sees likely clips. ``raw``:
    (B, bytes) captions.
    """
    video, given = judged
    parts = teacher.config.video.parts
    made = video.latents
    with torch.no_grad():
        level = _draw_levels(given, generator)
        spread = by_channel(level, parts)
        noisy = mix(made, _noise_like(made, generator), spread)
        at = video._replace(latents=noisy, level=level)
        sound = silent_witness(at, teacher, layout, generator)
        told = _velocity(teacher, at, sound, raw)
        untold = _velocity(teacher, at, sound, torch.zeros_like(raw))
        likely = clean_of(noisy, untold + guidance * (told - untold), spread)
        own = clean_of(noisy, _velocity(follower, at, sound, raw), spread)
        wanted = by_channel(1 - given.float(), parts)
        away, away_by = own - likely, (made - likely).abs() * wanted
    found = []
    for part in (slice(0, parts[0]), slice(parts[0], None)):
        with torch.no_grad():
            count = wanted[..., part].expand_as(away_by[..., part]).sum((1, 2, 3), keepdim=True)
            size = away_by[..., part].sum((1, 2, 3), keepdim=True) / count.clamp(min=1)
            step = away[..., part] / size.clamp(min=1e-3)
            target = made[..., part] - step
        found.append(
            0.5 * squared_error(made[..., part], target, wanted[..., part.start : part.start + 1])
        )
    return found[0], found[1]


def follower_loss(
    judged: Judged, raw: Tensor, follower: DiT, generator: torch.Generator, *, layout: Format
) -> Tensor:
    """The () loss of flow matching, on what the student made for captions ``raw`` (B, bytes)."""
    video, given = judged
    parts = follower.config.video.parts
    clean = video.latents.detach()
    level = _draw_levels(given, generator)
    noise = _noise_like(clean, generator)
    at = video._replace(latents=mix(clean, noise, by_channel(level, parts)), level=level)
    sound = silent_witness(at, follower, layout, generator)
    said, target = _velocity(follower, at, sound, raw), noise - clean
    wanted = 1 - given.float()
    looks, moves = parts[0], slice(parts[0], None)
    return squared_error(
        said[..., :looks], target[..., :looks], wanted[:, :, None, :1]
    ) + squared_error(said[..., moves], target[..., moves], wanted[:, :, None, 1:])


def silent_witness(
    video: VideoTokens, model: DiT, layout: Format, generator: torch.Generator
) -> AudioTokens | None:
    """Sound of which nothing is known yet: noise alone, as long as the window."""
    if model.config.audio is None:
        return None
    batch, device = video.time_s.shape[0], video.latents.device
    count = max(1, layout.sound_before(video.time_s.shape[1] - 1))
    shape = (batch, count, 1, sum(model.config.audio.parts))
    return AudioTokens(
        latents=torch.randn(shape, generator=generator, device=device),
        level=torch.ones(batch, count, 1, device=device),
        time_s=sound_times_s(0, count, device).expand(batch, -1),
    )


def _velocity(model: DiT, video: VideoTokens, sound: AudioTokens | None, raw: Tensor) -> Tensor:
    said: Tensor = model(video, sound, model.read(raw))[0]
    return said.float()


def _draw_levels(given: Tensor, generator: torch.Generator) -> Tensor:
    """(B, J, 2) levels, one for each clip, 0 for what is given."""
    drawn = torch.randn(len(given), generator=generator, device=given.device) + NOISIER
    level = torch.sigmoid(drawn).clamp(_LEAST, _MOST)
    return torch.where(given, 0.0, level[:, None, None])


def _noise_like(latents: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(latents.shape, generator=generator, device=latents.device)
