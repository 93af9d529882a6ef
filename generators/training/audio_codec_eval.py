"""What the audio codec is held to: bands, levels, and when things are struck."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from generators.audio_codec import FRAME, SAMPLE_RATE, AudioCodec, pad_sound
from generators.scenes import draw_scene, impacts, render_audio
from generators.spectrum import log_mel, mel_bands
from generators.training.sheet import write_png

if TYPE_CHECKING:
    from pathlib import Path

    from generators.scenes import SceneSpec

_SECONDS = 4
_BATCH = 8
_MEL = (1024, 256, 80)
_STEP = 24  # samples of a step of the onset's envelope: 1 ms
_REACH_MS = 60  # how far from the truth an onset is looked for
_APART_S = 0.15  # an impact that is closer to another is not timed


@torch.no_grad()
def evaluate(
    codec: AudioCodec, sheet: Path | None, *, scenes: int, device: torch.device
) -> dict[str, float]:
    """All figures on held-out scenes, and mel pictures of some of them, the truth above."""
    rng = random.Random(404)  # noqa: S311
    mels, levels, ratios = [], [], []
    late: list[float] = []
    true_late: list[float] = []
    pictures: list[np.ndarray] = []
    bands = mel_bands(_MEL[2], size=_MEL[0], rate=SAMPLE_RATE).to(device)
    for _ in range(0, scenes, _BATCH):
        specs = [draw_scene(rng, duration_s=_SECONDS, split="held_out") for _ in range(_BATCH)]
        truth = render_audio(specs, samples=_SECONDS * SAMPLE_RATE, device=device)
        made = codec.decode(codec.encode(pad_sound(truth)))[..., : truth.shape[2]]
        a, b = (
            log_mel(sound[..., FRAME:], bands, size=_MEL[0], hop=_MEL[1]) for sound in (made, truth)
        )
        mels.append((a - b).abs().mean((1, 2, 3)))
        levels.append((a.exp().mean((1, 2, 3)) / b.exp().mean((1, 2, 3))).log().abs())
        ratios.append(si_sdr(made[..., FRAME:], truth[..., FRAME:]))
        for row, spec in enumerate(specs):
            for moment in _alone(spec):
                late.append(onset_ms(made[row], moment) - onset_ms(truth[row], moment))
                true_late.append(onset_ms(truth[row], moment))
        if len(pictures) < 3:
            pictures.append(_picture(torch.cat([b[:1], a[:1]])))
    if sheet is not None:
        write_png(sheet, np.concatenate(pictures, 0))
    errors = np.abs(np.array(late))
    figures = {
        "mel_l1": float(torch.cat(mels).mean()),
        "level_error": float(torch.cat(levels).mean()),
        "si_sdr_db": float(torch.cat(ratios).mean()),
        "onsets": float(len(errors)),
        "onset_median_ms": float(np.median(errors)) if len(errors) else float("nan"),
        "onset_p90_ms": float(np.quantile(errors, 0.9)) if len(errors) else float("nan"),
        "true_onset_median_ms": float(np.median(np.abs(true_late))) if len(errors) else 0.0,
    }
    return {name: round(value, 4) for name, value in figures.items()}


def onset_ms(samples: Tensor, moment_s: float) -> float:
    """When the sound (2, N) rises fastest around a moment, in milliseconds after it.

    The rise: logarithm of the power of the next 8 ms over that of the last 8 ms, by steps of 1 ms.
    """
    power = samples.float().square().sum(0)
    steps = power[: len(power) // _STEP * _STEP].view(-1, _STEP).mean(1).cpu().numpy()
    total = np.concatenate([[0.0], np.cumsum(steps, dtype=np.float64)])
    width = 8
    centre = round(moment_s * SAMPLE_RATE / _STEP)
    first = max(width, centre - _REACH_MS)
    last = min(len(steps) - width, centre + _REACH_MS)
    places = np.arange(first, last)
    after = total[places + width] - total[places]
    before = total[places] - total[places - width]
    floor = 1e-3 * (total[last] - total[first]) / max(1, last - first) * width + 1e-9
    rise = np.log(after + floor) - np.log(before + floor)
    return float((places[np.argmax(rise)] * _STEP / SAMPLE_RATE - moment_s) * 1000)


def si_sdr(made: Tensor, wanted: Tensor) -> Tensor:
    """(B, 2, N) each to (B,) decibels, scale-invariant (Le Roux et al. 2019).

    Phases are not coded, so this is low for whatever is not a slow, steady tone.
    """
    made, wanted = made.flatten(1), wanted.flatten(1)
    scale = (made * wanted).sum(1) / wanted.square().sum(1).clamp(min=1e-9)
    target = scale[:, None] * wanted
    ratio = target.square().sum(1) / (made - target).square().sum(1).clamp(min=1e-12)
    return 10 * torch.log10(ratio + 1e-6)


def _alone(spec: SceneSpec) -> list[float]:
    """Moments of loud impacts that have no other near them."""
    moments = [impact.time_s for impact in impacts(spec)]
    return [
        impact.time_s
        for impact in impacts(spec)
        if impact.strength > 0.3
        and 0.2 < impact.time_s < _SECONDS - 0.2
        and sum(abs(impact.time_s - other) < _APART_S for other in moments) == 1
    ]


def _picture(mels: Tensor) -> np.ndarray:
    """Mels (2, 2, M, J) to grey levels (4M, J, 3): left and right of the truth, then of ours."""
    rows = mels.flatten(0, 1).flip(1).flatten(0, 1)  # (4M, J), low bands at the bottom of each
    levels = ((rows + 9.2) / 9.2).clamp(0, 1) * 255
    return levels.byte().cpu().numpy()[..., None].repeat(3, 2)
