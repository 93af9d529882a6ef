"""Clips for held-out captions, drawn at the end of a run to be looked at and listened to."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from generators.latents import PATCH, SOUND_RATE, latents_of, sound_latents_of
from generators.sampling import Given, sample
from generators.training.sheet import write_sheet

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Protocol

    from generators.dit import DiT
    from generators.sampling import SamplingSettings
    from generators.training.pool import Format, Windows

    class Decoder(Protocol):
        def decode(self, latents: Tensor) -> Tensor: ...


COLUMNS = 6


class Drawn(NamedTuple):
    """Latents of clips (B, S, P, C) and of their sound (B, L, 1, C)."""

    video: Tensor
    audio: Tensor


def draw_clips(
    model: DiT, windows: Windows, *, images: int, settings: SamplingSettings, seed: int
) -> Drawn:
    """Clips for the captions of ``windows``; the last ``images`` of them from their true first
    key frames on.
    """
    video, audio = windows.video, windows.audio
    batch, moments = video.time_s.shape
    device = video.latents.device
    given = torch.zeros(batch, moments, 2, dtype=torch.bool, device=device)
    given[:, 0, 1] = True  # nothing moves before the first key frame
    if images:
        given[-images:, 0, 0] = True
    parts = model.config.video.parts
    known = video.latents.clone()
    known[:, 0, :, parts[0] :] = 0
    with torch.no_grad():
        pictures, sound = sample(
            model,
            video,
            audio,
            Given(
                video=known,
                video_given=given,
                audio=audio.latents,
                audio_given=torch.zeros(*audio.time_s.shape, 1, dtype=torch.bool, device=device),
            ),
            text=model.read(windows.text),
            empty_text=model.read(torch.zeros_like(windows.text)),
            settings=settings,
            generator=torch.Generator().manual_seed(seed),
        )
    return Drawn(video=pictures, audio=sound)


def write_samples(
    folder: Path,
    name: str,
    drawn: Drawn,
    layout: Format,
    video_codec: Decoder,
    audio_codec: Decoder,
) -> None:
    """``<name>.png``, a row of frames for each clip, and ``<name>.wav``, one after the other."""
    rows = layout.height // PATCH
    with torch.no_grad():
        frames = video_codec.decode(latents_of(drawn.video, rows).float())
        sound = audio_codec.decode(sound_latents_of(drawn.audio).float())
    shown = torch.linspace(0, frames.shape[2] - 1, COLUMNS).round().int().tolist()
    write_sheet(folder / f"{name}.png", [[clip[:, index] for index in shown] for clip in frames])
    write_wav(folder / f"{name}.wav", sound, SOUND_RATE)


def write_wav(path: Path, samples: Tensor, rate: int) -> None:
    """Sound (B, channels, N) in −1…1, one clip after the other with a quarter of a second between,
    as 16-bit PCM.
    """
    gap = samples.new_zeros(samples.shape[1], rate // 4)
    line = torch.cat([part for clip in samples for part in (clip, gap)], dim=1)
    levels = (line.float().clamp(-1, 1) * 32767).round().to(torch.int16).cpu()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(levels.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(levels.T.contiguous().numpy().tobytes())
