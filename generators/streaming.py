"""How a clip of any length is made by a model that sees a few seconds: windows that overlap.

Each window but the first is given the end of the one before, as clean latents, and goes on from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from generators.dit import AudioTokens, VideoTokens
from generators.latents import (
    CHUNK,
    key_times_s,
    place_grid,
    sound_latents_before,
    sound_times_s,
)
from generators.sampling import Given, sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from generators.dit import DiT
    from generators.sampling import SamplingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Chunks from key frame ``start`` on, of which the first ``history`` are there already."""

    start: int
    chunks: int
    history: int


def plan_windows(chunks: int, *, window: int, history: int) -> list[Window]:
    """Windows that cover so many chunks; all have the size that the model knows, so that the last
    may reach beyond the end.
    """
    windows = [Window(start=0, chunks=window, history=0)]
    done = window
    while done < chunks:
        windows.append(Window(start=done - history, chunks=window, history=history))
        done += window - history
    return windows


class Wanted(NamedTuple):
    """What is known of a clip before it is made. C and P as in :mod:`generators.latents`.

    ``chunks`` of it; ``rows`` × ``columns`` tokens; ``images``: latents (P, appearance) of key
    frames by their number; ``sound``: latents (1, L, 1, C) of all its sound, or None.
    """

    chunks: int
    rows: int
    columns: int
    rate: Fraction
    images: dict[int, Tensor]
    sound: Tensor | None


class Made(NamedTuple):
    """Latents of clips: (B, chunks + 1, P, C) and (B, L, 1, C)."""

    video: Tensor
    audio: Tensor


def make_latents(
    model: DiT,
    wanted: Wanted,
    windows: list[Window],
    *,
    raw_text: Tensor,
    settings: SamplingSettings,
    generator: torch.Generator,
    progress: Callable[[float], None],
) -> Made:
    """Window after window; ``raw_text``: (B, bytes), a clip for each."""
    batch, parts, device = len(raw_text), model.config.video.parts, raw_text.device
    assert model.config.audio is not None
    keys = windows[-1].start + windows[-1].chunks + 1
    spread = wanted.rows * wanted.columns
    video = torch.zeros(batch, keys, spread, sum(parts), device=device)
    known = torch.zeros(batch, keys, 2, dtype=torch.bool, device=device)
    known[:, 0, 1] = True  # nothing moves before the first key frame
    for key, looks in wanted.images.items():
        video[:, key, :, : parts[0]] = looks.to(video)
        known[:, key, 0] = True
    total = sound_latents_before(keys - 1, wanted.rate)
    audio = torch.zeros(batch, total, 1, model.config.audio.channels, device=device)
    heard = torch.zeros(batch, total, 1, dtype=torch.bool, device=device)
    if wanted.sound is not None:
        count = min(total, wanted.sound.shape[1])
        audio[:, :count] = wanted.sound[:, :count].to(audio)
        heard[:] = True
    text = model.read(raw_text)
    empty = model.read(torch.zeros_like(raw_text))
    for number, window in enumerate(windows):
        now = slice(window.start, window.start + window.chunks + 1)
        sound = slice(
            sound_latents_before(window.start, wanted.rate),
            sound_latents_before(window.start + window.chunks, wanted.rate),
        )
        pictures, moments = _positions(wanted, now, sound, batch, device)
        given = Given(
            video=video[:, now].clone(),
            video_given=known[:, now].clone(),
            audio=audio[:, sound],
            audio_given=heard[:, sound],
        )
        # Within a window nothing moves before its first key frame, as in training.
        given.video[:, 0, :, parts[0] :] = 0
        given.video_given[:, 0, 1] = True

        def report(share: float, number: int = number) -> None:
            progress((number + share) / len(windows))

        seen, new_sound = sample(
            model,
            pictures,
            moments,
            given,
            text=text,
            empty_text=empty,
            settings=settings,
            generator=generator,
            progress=report,
        )
        fresh = slice(now.start + (1 if window.history else 0), now.stop)
        video[:, fresh] = seen[:, fresh.start - now.start :]
        audio[:, sound] = new_sound
        following = windows[number + 1] if number + 1 < len(windows) else None
        if following is not None:
            known[:, following.start : now.stop] = True
            heard[:, sound_latents_before(following.start, wanted.rate) : sound.stop] = True
    end = sound_latents_before(wanted.chunks, wanted.rate)
    return Made(video=video[:, : wanted.chunks + 1], audio=audio[:, :end])


def _positions(
    wanted: Wanted, now: slice, sound: slice, batch: int, device: torch.device
) -> tuple[VideoTokens, AudioTokens]:
    """Where the latents of a window are; the latents themselves come with :class:`Given`."""
    keys, count = now.stop - now.start, sound.stop - sound.start
    first = torch.zeros(keys, device=device)
    first[0] = 1
    origin_s = now.start * float(CHUNK / wanted.rate)
    nothing = torch.zeros(0, device=device)
    times = key_times_s(0, keys, wanted.rate, device)
    heard = sound_times_s(sound.start, count, device) - origin_s
    return (
        VideoTokens(
            latents=nothing,
            level=nothing,
            time_s=times.expand(batch, -1),
            place=place_grid(wanted.rows, wanted.columns, device),
            first=first,
            span_s=torch.full((batch,), float(CHUNK / wanted.rate), device=device),
        ),
        AudioTokens(latents=nothing, level=nothing, time_s=heard.expand(batch, -1)),
    )
