"""The audio codec: stereo sound at 24 kHz to 25 latents a second and back.

The encoder sees logarithms of mel bands: short frames for when, one long frame a latent for what
pitch. The decoder ends in an inverse short-time transform (Vocos, Siuzdak 2023), with two changes
that so few latents ask for. They cannot carry phases, and a net that sees only magnitudes cannot
count the cycles of a tone; so it gives each bin a **frequency**, and its phase turns on from frame
to frame by that (a phase vocoder, Flanagan and Golden 1966), or starts anew where the net says that
something was struck. And what has no pitch comes from **noise** with a learned envelope (DDSP,
Engel et al. 2020), because a mean of noises is silence.

Causal: latent n and those before give samples 960·n … 960·n + 959. The noise depends on the place
in time and a seed alone, so a stream gives exactly what the whole gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.causal import CausalBlock, CausalConv, CausalStack
from generators.latent import UnitLatent
from generators.spectrum import log_mel, mel_bands, overlapped
from provenance.errors import FrameError

SAMPLE_RATE = 24_000
LATENT_RATE = 25
SAMPLES = SAMPLE_RATE // LATENT_RATE
"""Samples a latent step."""

FRAME = 640
HOP = 160
FRAMES = SAMPLES // HOP
"""Frames of the transform a latent step."""

_BINS = FRAME // 2 + 1
_LONG = 1920  # samples of the frame that pitch is read from
_LONG_BACK = (_LONG - SAMPLES) // 2
_NOISES = 3  # to the left, to the right, and between them


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioCodecConfig:
    """Sizes; the default is what ships."""

    latent: int = 32
    short_bands: int = 64
    long_bands: int = 96
    noise_bands: int = 40
    encoder: int = 160
    slow: int = 192
    fast: int = 160


class AudioState(NamedTuple):
    """What a stream carries on."""

    slow: tuple[Tensor, ...]
    fast: tuple[Tensor, ...]
    turn: Tensor  # (B, F) complex: the phase of each bin
    tail: Tensor  # (2 B, FRAME − HOP): samples that later frames add to
    step: int  # latents so far: the place in the noise


class Spectrum(NamedTuple):
    """What the decoder says of each frame. B clips, F bins, J frames."""

    level: Tensor  # (B, 2, F, J) logarithm of the magnitude
    drift: Tensor  # (B, F, J) phase gained a frame over that of the bin's own frequency
    offset: Tensor  # (B, F, J) phase that is added
    strike: Tensor  # (B, F, J) 0…1: the phase starts anew
    noise: Tensor  # (B, 3, F, J) magnitude of the noise


class AudioCodec(nn.Module):
    """Sound (B, 2, N) in −1…1 to latents (B, latent, N/960) and back; N is a multiple of 960."""

    short: Tensor
    long: Tensor
    noise: Tensor

    def __init__(self, config: AudioCodecConfig) -> None:
        super().__init__()
        self.config = config
        short = mel_bands(config.short_bands, size=FRAME, rate=SAMPLE_RATE)
        long = mel_bands(config.long_bands, size=_LONG, rate=SAMPLE_RATE)
        noise = mel_bands(config.noise_bands, size=FRAME, rate=SAMPLE_RATE)
        self.register_buffer("short", short, persistent=False)
        self.register_buffer("long", long, persistent=False)
        self.register_buffer("noise", noise / noise.sum(0).clamp(min=1e-3), persistent=False)
        features = 2 * (FRAMES * config.short_bands + config.long_bands)
        self.inward = nn.Conv1d(features, config.encoder, 1)
        self.encoder = CausalStack(
            CausalBlock(config.encoder, 3, hidden=2 * config.encoder),
            CausalConv(config.encoder, config.latent, 1),
        )
        self.latent = UnitLatent(config.latent)
        self.slow = CausalStack(
            CausalConv(config.latent, config.slow, 3),
            CausalBlock(config.slow, 5, hidden=2 * config.slow),
        )
        self.spread = nn.Conv1d(config.slow, FRAMES * config.fast, 1)
        self.fast = CausalStack(
            *(CausalBlock(config.fast, 5, hidden=2 * config.fast) for _ in range(3))
        )
        self.head = nn.Conv1d(config.fast, 5 * _BINS + _NOISES * config.noise_bands, 1)
        _begin_quiet(self.head)

    def encode(self, samples: Tensor, *, noise: float = 0.0) -> Tensor:
        """Latents (B, latent, N/960). Raises FrameError where N is no multiple of 960."""
        if samples.ndim != 3 or samples.shape[1] != 2 or samples.shape[2] % SAMPLES:
            raise FrameError(
                f"the audio codec takes (batch, 2, a multiple of {SAMPLES}) samples, "
                f"not {tuple(samples.shape)}",
                hint="add silence at the end with pad_sound, and cut what is decoded",
            )
        with torch.autocast(samples.device.type, enabled=False):
            short = log_mel(samples, self.short, size=FRAME, hop=HOP)  # (B, 2, 64, 6L)
            back = functional.pad(samples, (_LONG_BACK, 0))
            long = log_mel(back, self.long, size=_LONG, hop=SAMPLES)  # (B, 2, 96, L or L + 1)
        steps = samples.shape[2] // SAMPLES
        short = (
            torch.unflatten(short, -1, (steps, FRAMES)).movedim(-1, 3).flatten(1, 3)
        )  # (B, 768, L)
        features = torch.cat([short, long[..., :steps].flatten(1, 2)], 1)  # (B, 960, L)
        out, _ = self.encoder(self.inward(features / 3 + 1.5), None)
        unit: Tensor = self.latent(out, noise=noise)
        return unit

    def decode(self, latents: Tensor, *, seed: int = 0) -> Tensor:
        """Samples (B, 2, 960·L) in −1…1 from latents (B, latent, L)."""
        return self.decode_step(latents, None, seed=seed)[0]

    def decode_step(
        self, latents: Tensor, state: AudioState | None, *, seed: int = 0
    ) -> tuple[Tensor, AudioState]:
        """The next latents (B, latent, any number) to their samples and the state for the next."""
        step = 0 if state is None else state.step
        noise = noise_for(step, latents.shape[2], seed).to(latents.device)
        spectrum, slow, fast = self.describe(latents, state)
        turn = None if state is None else state.turn
        frames, turn = compose(spectrum, noise, turn)  # (B, 2, F, 6L) complex
        tail = None if state is None else state.tail
        samples, tail = finish(frames, tail)
        return samples.clamp(-1, 1), AudioState(slow, fast, turn, tail, step + latents.shape[2])

    def describe(
        self, latents: Tensor, state: AudioState | None
    ) -> tuple[Spectrum, tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The nets' part of decoding, with their memories."""
        x, slow = self.slow(latents, None if state is None else state.slow)  # (B, C, L)
        x = self.spread(x).unflatten(1, (FRAMES, -1))  # (B, 6, C, L)
        x = x.permute(0, 2, 3, 1).flatten(2)  # (B, C, 6L)
        x, fast = self.fast(x, None if state is None else state.fast)
        out = self.head(x).float()  # (B, 5F + 3·40, 6L)
        tones, bands = out.split([5 * _BINS, _NOISES * self.config.noise_bands], 1)
        level, drift, offset, strike = tones.split([2 * _BINS, _BINS, _BINS, _BINS], 1)
        bands = bands.unflatten(1, (_NOISES, -1)).clamp(max=3).exp()  # (B, 3, 40, 6L)
        with torch.autocast(out.device.type, enabled=False):
            noise = self.noise.T @ bands  # (B, 3, F, 6L)
        spectrum = Spectrum(
            level=level.unflatten(1, (2, _BINS)).clamp(max=3),
            drift=math.pi * torch.tanh(drift),
            offset=offset,
            strike=torch.sigmoid(strike),
            noise=noise,
        )
        return spectrum, slow, fast


def compose(spectrum: Spectrum, noise: Tensor, turn: Tensor | None) -> tuple[Tensor, Tensor]:
    """Complex frames (B, 2, F, J), and the phases (B, F) after the last.

    ``noise``: complex (3, F, J) or (B, 3, F, J) of variance 1.
    """
    bins = torch.arange(_BINS, device=spectrum.drift.device)
    steady = (bins * HOP % FRAME) * (2 * math.pi / FRAME)  # what a tone on the bin gains a frame
    gain = spectrum.drift + steady[:, None]
    turning = torch.polar(1 - spectrum.strike, gain)  # (B, F, J)
    if turn is None:
        turn = torch.ones_like(turning[..., 0])
    turns = []
    for now, strike in zip(turning.unbind(-1), spectrum.strike.unbind(-1), strict=True):
        turn = turn * now + strike
        turns.append(turn)
    phase = torch.stack(turns, -1)  # (B, F, J)
    phase = phase / (phase.real.square() + phase.imag.square() + 1e-6).sqrt()
    phase = phase * torch.polar(torch.ones_like(spectrum.offset), spectrum.offset)
    tones = spectrum.level.exp() * phase[:, None]  # (B, 2, F, J)
    middle, left, right = noise.unbind(-3)
    common, wide = spectrum.noise[:, :2], spectrum.noise[:, 2:]
    hiss = common * middle[..., None, :, :] + wide * torch.stack([left, right], -3)
    return tones + hiss, turn


def finish(frames: Tensor, tail: Tensor | None) -> tuple[Tensor, Tensor]:
    """Complex (B, 2, F, J) to samples (B, 2, HOP·J), and what is left for later frames."""
    batch = frames.shape[0]
    samples = overlapped(frames.flatten(0, 1), size=FRAME, hop=HOP)  # (2B, HOP·J + 480)
    if tail is not None:
        samples = torch.cat([samples[:, : FRAME - HOP] + tail, samples[:, FRAME - HOP :]], 1)
    end = samples.shape[1] - (FRAME - HOP)
    return torch.unflatten(samples[:, :end], 0, (batch, 2)), samples[:, end:]


def noise_for(step: int, steps: int, seed: int) -> Tensor:
    """Complex (3, F, 6·steps) of variance 1: a function of the place in time and the seed alone."""
    parts = []
    for place in range(step, step + steps):
        # The generator uses 32 bits of its seed; this mixes both into them.
        mixed = int(np.random.SeedSequence([seed, place]).generate_state(1)[0])
        random = torch.Generator().manual_seed(mixed)
        parts.append(torch.randn(_NOISES, _BINS, FRAMES, dtype=torch.complex64, generator=random))
    return torch.cat(parts, 2)


def pad_sound(samples: Tensor) -> Tensor:
    """(B, 2, N) with silence at the end until the codec takes it."""
    return functional.pad(samples, (0, -samples.shape[2] % SAMPLES))


@torch.no_grad()
def _begin_quiet(head: nn.Conv1d) -> None:
    """Small weights; levels of −60 dB, noise of −60 dB, no strikes."""
    nn.init.normal_(head.weight, std=1e-2)
    bias = head.bias
    assert bias is not None
    bias.zero_()
    bias[: 2 * _BINS] = -7.0
    bias[4 * _BINS : 5 * _BINS] = -4.0
    bias[5 * _BINS :] = -7.0
