"""``python -m generators.training.audio_codec --out DIR``: train the audio codec."""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from generators.audio_codec import (
    FRAME,
    HOP,
    SAMPLE_RATE,
    SAMPLES,
    AudioCodec,
    AudioCodecConfig,
    Spectrum,
    compose,
    finish,
)
from generators.scenes import draw_scene, render_audio
from generators.spectrum import mel_bands, spectra
from generators.training.audio_codec_eval import evaluate
from generators.training.trainer import Figures, close, parse_run, start, work
from generators.training.trainer import finish as report
from generators.weight_file import load_weights
from provenance.programs import run_program

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_NOISE = 0.1
_SIZES = (128, 256, 512, 1024, 2048)
_MEL = ((512, 64), (1024, 80), (2048, 96))  # frame and bands
_SCENE_S = 6.0
_FLOOR = 1e-4  # of a magnitude, below which nothing is heard
_HEAD = 0.5  # weight of the head's own targets
_SPECTRAL, _BAND = 1.0, 1.0


class AudioTraining(nn.Module):
    """The codec with what only training needs: one call from sound to sound."""

    def __init__(self, codec: AudioCodec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, samples: Tensor) -> tuple[Tensor, Spectrum]:
        """(B, 2, N) → the same length, and what the decoder said of each frame."""
        device = samples.device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            latents = self.codec.encode(samples, noise=_NOISE)
            spectrum, _, _ = self.codec.describe(latents, None)
        shape = (len(samples), 3, *spectrum.drift.shape[1:])
        noise = torch.randn(shape, device=device, dtype=torch.complex64)
        frames, _ = compose(spectrum, noise, None)
        return finish(frames, None)[0], spectrum


class SoundPool:
    """Sounds (N, 2, samples) on the device, renewed slowly; see :class:`.clips.PairPool`."""

    def __init__(self, *, size: int, seed: int, device: torch.device, share: float = 0.3) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._device, self._share = device, share
        self._sounds = torch.empty(size, 2, round(_SCENE_S * SAMPLE_RATE), device=device)
        self._batch = min(32, size)
        self._next, self._spent_s = 0, 0.0
        for _ in range(-(-size // self._batch)):
            self._renew()
        self._started, self._spent_s = time.monotonic(), 0.0

    def draw(self, count: int, samples: int) -> Tensor:
        """(count, 2, samples): parts of the sounds, some with the sides exchanged, at any level."""
        if self._spent_s < self._share * (time.monotonic() - self._started):
            self._renew()
        parts = []
        for row in self._random.choices(range(len(self._sounds)), k=count):
            first = self._random.randrange(self._sounds.shape[2] - samples + 1)
            part = self._sounds[row, :, first : first + samples]
            parts.append(part.flip(0) if self._random.random() < 0.5 else part)
        level = 10 ** (torch.rand(count, 1, 1, device=self._device) * 0.8 - 0.6)
        return (torch.stack(parts) * level).clamp(-1, 1)

    def _renew(self) -> None:
        begun = time.monotonic()
        specs = [draw_scene(self._random, duration_s=_SCENE_S) for _ in range(self._batch)]
        rows = [(self._next + index) % len(self._sounds) for index in range(self._batch)]
        self._sounds[rows] = render_audio(specs, samples=self._sounds.shape[2], device=self._device)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._next = (rows[-1] + 1) % len(self._sounds)
        self._spent_s += time.monotonic() - begun


class Bands(nn.Module):
    """The mel bands that errors are counted in."""

    def __init__(self) -> None:
        super().__init__()
        for size, count in _MEL:
            self.register_buffer(f"m{size}", mel_bands(count, size=size, rate=SAMPLE_RATE))

    def of(self, size: int) -> Tensor:
        return cast("Tensor", getattr(self, f"m{size}"))


def objective(
    net: nn.Module, pool: SoundPool, bands: Bands, batch: int, steps: int
) -> tuple[Tensor, Figures]:
    """Loss and figures of one batch of parts of ``steps`` latents."""
    wanted = pool.draw(batch, steps * SAMPLES)
    made, spectrum = cast("tuple[Tensor, Spectrum]", net(wanted))
    # The first frames that overlap the start are missing: what was before is not known.
    ours, truth = _sides(made[..., FRAME:]), _sides(wanted[..., FRAME:])
    spectral = _spectral(ours, truth)
    band = _band(ours, truth, bands)
    head, tone = _head(spectrum, wanted)
    loss = _SPECTRAL * spectral + _BAND * band + _HEAD * (head + tone)
    figures = {"spectral": spectral, "mel": band, "head": head, "tone": tone}
    figures["strike"] = spectrum.strike.mean()
    return loss, {name: value.detach() for name, value in figures.items()}


def _sides(samples: Tensor) -> Tensor:
    """(B, 2, N) → (B, 4, N): left, right, and their middle and difference."""
    left, right = samples.unbind(1)
    return torch.stack([left, right, (left + right) / 2, (left - right) / 2], 1)


def _spectral(made: Tensor, wanted: Tensor) -> Tensor:
    """Errors of magnitudes and of their logarithms at several sizes (Yamamoto et al. 2020)."""
    total = made.new_zeros(())
    for size in _SIZES:
        a = _magnitude(made, size)
        b = _magnitude(wanted, size)
        scale = b.square().mean((-2, -1), keepdim=True).sqrt() + 1e-3
        total = total + ((a - b) / scale).abs().mean() * 0.5
        total = total + 0.5 * (torch.log(a + _FLOOR) - torch.log(b + _FLOOR)).abs().mean()
    return total / len(_SIZES)


def _band(made: Tensor, wanted: Tensor, bands: Bands) -> Tensor:
    """Error of the logarithms of bands' powers: noise is compared by its mean power."""
    total = made.new_zeros(())
    for size, _ in _MEL:
        a = bands.of(size) @ _magnitude(made, size).square()
        b = bands.of(size) @ _magnitude(wanted, size).square()
        total = total + 0.5 * (torch.log(a + 1e-7) - torch.log(b + 1e-7)).abs().mean()
    return total / len(_MEL)


def _magnitude(samples: Tensor, size: int) -> Tensor:
    """(B, C, N) → (B, C, F, J); the square root is kept from nought, where it has no slope."""
    spectrum = spectra(samples, size=size, hop=size // 4)
    return (spectrum.real.square() + spectrum.imag.square() + 1e-10).sqrt()


def _head(spectrum: Spectrum, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """What the head says, against what the sound's own frames say: levels, and turns of phase.

    This tells the net what a frequency is at once; the errors of the sound would take long to.
    """
    with torch.no_grad():
        frames = spectra(wanted, size=FRAME, hop=HOP)  # (B, 2, F, J)
        target = torch.log(frames.abs() + _FLOOR)
        both = frames.sum(1)
        turn = both[..., 1:] * both[..., :-1].conj()  # (B, F, J − 1)
        bins = torch.arange(both.shape[1], device=both.device)
        steady = (bins * HOP % FRAME) * (2 * math.pi / FRAME)
        gain = turn.angle() - steady[:, None]
        weight = turn.abs().sqrt()
        weight = weight / (weight.mean((1, 2), keepdim=True) + 1e-4)
    tones = spectrum.level.exp()
    hiss = spectrum.noise[:, :2].square() + spectrum.noise[:, 2:].square()
    level = 0.5 * torch.log(tones.square() + hiss + _FLOOR**2)
    tone = ((1 - torch.cos(spectrum.drift[..., 1:] - gain)) * weight).mean()
    return (level - target).abs().mean(), tone


def main(arguments: Sequence[str] | None = None) -> None:
    def extra(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--latents", type=int, default=32, help="of a part, 25 a second")
        parser.add_argument("--pool", type=int, default=512, help="sounds that are kept")
        parser.add_argument("--scenes", type=int, default=64, help="held-out scenes at the end")

    run, options = parse_run("audio_codec", batch=48, rate=1.5e-3, extra=extra, given=arguments)
    codec = AudioCodec(AudioCodecConfig())
    training = start(codec, run)
    net = AudioTraining(codec)
    bands = Bands().to(run.device)
    pool = SoundPool(
        size=options.pool, seed=run.data_seed(training.step), device=run.device, share=options.renew
    )
    run.world.say(f"{options.pool} sounds drawn")
    work(training, run, lambda _, __: objective(net, pool, bands, run.batch, options.latents))
    if not close(training, run):
        return
    shipped = AudioCodec(AudioCodecConfig()).to(run.device).eval()
    load_weights(run.out / "average.safetensors", shipped)  # measured on what ships
    metrics = evaluate(shipped, run.out / "sheet.png", scenes=options.scenes, device=run.device)
    report(training, run, metrics)


if __name__ == "__main__":
    run_program(main)
