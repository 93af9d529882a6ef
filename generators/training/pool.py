"""Encoded clips in the memory of the device: drawn from at every step, renewed bit by bit.

Rendering and encoding a clip takes longer than learning from it, and a clip says something new
each time: another part of it is cut out, other parts of that are given, with other noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from generators.dit import AudioTokens, VideoTokens
from generators.latents import (
    CHUNK,
    PATCH,
    SOUND_RATE,
    key_times_s,
    place_grid,
    sound_latents_before,
    sound_times_s,
    sound_tokens_of,
    tokens_of,
)
from generators.text import encode_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generators.latents import AudioEncoder, VideoEncoder

STRIDE = 3
"""Key frames from one place where a window may start to the next: a whole number of latents of
sound at 24, 25, 30 and 50 frames a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What clips of a pool have in common: size in pixels, frames a second, and chunks of a clip
    and of a window of it.
    """

    width: int = 192
    height: int = 112
    rate: int = 24
    chunks: int = 12
    window: int = 9

    @property
    def frames(self) -> int:
        return 1 + CHUNK * self.chunks

    @property
    def samples(self) -> int:
        """Samples of sound from the first key frame to the last."""
        return CHUNK * self.chunks * SOUND_RATE // self.rate

    def sound_before(self, key: int) -> int:
        return sound_latents_before(key, Fraction(self.rate))


class Encoded(NamedTuple):
    """Clips as latents (N, chunks + 1, P, C), their sound (N, L, 1, C), captions (N, bytes), and
    how much of each token bodies cover (N, chunks + 1, P), 0 to 1.
    """

    video: Tensor
    audio: Tensor
    text: Tensor
    bodies: Tensor


class Windows(NamedTuple):
    """A batch cut out of clips: clean latents where :class:`VideoTokens` would have noisy ones,
    the captions, which of them (B,) do not begin with their scene, and how much of each token
    bodies cover (B, S, P).
    """

    video: VideoTokens
    audio: AudioTokens
    text: Tensor
    started: Tensor
    bodies: Tensor


def encode_clips(
    frames: Tensor,
    sound: Tensor,
    captions: Sequence[str],
    bodies: Tensor,
    *,
    video_codec: VideoEncoder,
    audio_codec: AudioEncoder,
    layout: Format,
    max_bytes: int,
) -> Encoded:
    """Frames (B, 3, T, H, W) in −1…1 and sound (B, 2, N) of one format, through the codecs, with
    what bodies cover at their key frames (B, chunks + 1, H/16, W/16).
    """
    with torch.no_grad():
        video = tokens_of(video_codec.encode(frames))
        audio = sound_tokens_of(audio_codec.encode(sound[..., : layout.samples]))
    audio = audio[:, : layout.sound_before(layout.chunks)]
    text = encode_bytes(captions, max_bytes).to(video.device)
    return Encoded(
        video=video.bfloat16(),
        audio=audio.bfloat16(),
        text=text,
        bodies=bodies.flatten(2).to(video.device, torch.bfloat16),
    )


class Pool:
    """A ring of at most ``capacity`` clips of one format."""

    def __init__(self, layout: Format, capacity: int) -> None:
        self.layout = layout
        self.capacity = capacity
        self.filled = 0
        self._next = 0
        self._clips: Encoded | None = None

    def put(self, clips: Encoded) -> None:
        """Take clips in; when the ring is full, in place of the oldest."""
        if self._clips is None:
            self._clips = Encoded(
                *(part.new_empty(self.capacity, *part.shape[1:]) for part in clips)
            )
        count = clips.video.shape[0]
        rows = (torch.arange(count) + self._next) % self.capacity
        rows = rows.to(clips.video.device)
        for kept, new in zip(self._clips, clips, strict=True):
            kept[rows] = new
        self._next = (self._next + count) % self.capacity
        self.filled = min(self.capacity, self.filled + count)

    def draw(self, batch: int, generator: torch.Generator) -> Windows:
        """Cut ``batch`` windows out of clips; half of them begin where their scene does."""
        assert self._clips is not None
        device = self._clips.video.device

        def numbers(below: int) -> Tensor:
            return torch.randint(below, (batch,), generator=generator, device=device)

        places = (self.layout.chunks - self.layout.window) // STRIDE
        start = STRIDE * numbers(places + 1) * numbers(2)  # (B,) key frames
        return self._cut(numbers(self.filled), start)

    def first(self, count: int) -> Windows:
        """The beginnings of the first ``count`` clips."""
        assert self._clips is not None
        clip = torch.arange(count, device=self._clips.video.device)
        return self._cut(clip, torch.zeros_like(clip))

    def _cut(self, clip: Tensor, start: Tensor) -> Windows:
        assert self._clips is not None
        layout, device, batch = self.layout, clip.device, clip.shape[0]
        keys = layout.window + 1
        step = start[:, None] + torch.arange(keys, device=device)  # (B, S)
        video = self._clips.video[clip[:, None], step].float()  # (B, S, P, C)
        count = layout.sound_before(layout.window)
        each = layout.sound_before(STRIDE)
        heard = (start // STRIDE * each)[:, None] + torch.arange(count, device=device)  # (B, L)
        audio = self._clips.audio[clip[:, None], heard].float()  # (B, L, 1, C)
        rows, columns = layout.height // PATCH, layout.width // PATCH
        rate = Fraction(layout.rate)
        first = torch.zeros(keys, device=device)
        first[0] = 1
        return Windows(
            video=VideoTokens(
                latents=video,
                level=video.new_zeros(batch, keys, 2),
                time_s=key_times_s(0, keys, rate, device).expand(batch, -1),
                place=place_grid(rows, columns, device),
                first=first,
                span_s=torch.full((batch,), float(CHUNK / rate), device=device),
            ),
            audio=AudioTokens(
                latents=audio,
                level=audio.new_zeros(batch, count, 1),
                time_s=sound_times_s(0, count, device).expand(batch, -1),
            ),
            text=self._clips.text[clip],
            started=start > 0,
            bodies=self._clips.bodies[clip[:, None], step].float(),
        )
