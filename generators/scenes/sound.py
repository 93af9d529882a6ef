"""Renders the sound of scenes from the same impacts and tracks that the picture shows.

Impacts ring in modes, as in J. O'Brien et al., "Synthesizing sounds from rigid-body simulations"
(2002): each material has ratios of frequencies and rates of decay, each size a pitch; speed gives
loudness and brightness. Everything is a function of absolute time, so that parts of a scene
rendered one after the other join without a seam.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from generators.scenes.ambience import ambience, filtered, white
from provenance.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from generators.scenes.motion import Array
    from generators.scenes.spec import SceneSpec


class Timbre(NamedTuple):
    """How a material rings: modes (ratio, level), decay of the first in 1/s, how much faster the
    others fade, base frequency in Hz of a body of size 0.3, and the level and length of its click.
    """

    modes: tuple[tuple[float, float], ...]
    decay: float
    damping: float
    hertz: float
    click: float
    click_decay: float


TIMBRES = {
    "wood": Timbre(
        ((1, 1), (2.57, 0.5), (4.05, 0.3), (6.4, 0.15), (8.9, 0.08)), 24, 0.6, 300, 0.35, 260
    ),
    "metal": Timbre(
        ((1, 0.8), (1.51, 0.6), (2.76, 0.6), (4.31, 0.45), (5.40, 0.35)), 4.5, 0.35, 520, 0.22, 500
    ),
    "glass": Timbre(
        ((1, 1), (2.32, 0.55), (4.25, 0.4), (6.63, 0.2), (9.38, 0.1)), 8, 0.25, 1250, 0.18, 700
    ),
    "rubber": Timbre(
        ((1, 1), (1.93, 0.35), (2.9, 0.12), (3.7, 0.05), (4.6, 0.02)), 30, 1.2, 150, 0.3, 120
    ),
    "stone": Timbre(
        ((1, 0.6), (1.8, 0.7), (3.1, 0.6), (4.7, 0.5), (7.3, 0.35)), 55, 0.5, 620, 0.75, 210
    ),
}
_RING_S = 1.1  # after this an impact is no longer computed: it has faded below -40 dB
_RISE_S = 0.0004
_LEVEL = 0.42
_STEP_S = 0.01  # of the loudness of what sounds all the time
# What a motion sounds like all the time: filter (see ambience), level, and the speed for it.
_STEADY = {
    "roll": ("low", 0.10, 1.2),
    "slide": ("scrape", 0.028, 1.4),
    "orbit": ("whoosh", 0.08, 2.0),
    "pendulum": ("whoosh", 0.09, 2.0),
    "float": ("breath", 0.05, 0.6),
}


class _Struck(NamedTuple):
    row: int
    time_s: float
    strength: float
    pan: float
    material: str
    size: float


@torch.no_grad()
def render_audio(
    specs: Sequence[SceneSpec],
    *,
    sample_rate: int = 24_000,
    samples: int,
    start_s: float = 0.0,
    device: torch.device | str,
) -> Tensor:
    """(B, 2, samples) float32 in [-1, 1], left and right; the first sample is at ``start_s``.

    Raises FrameError when there is nothing to sound.
    """
    if not specs or samples < 1 or sample_rate < 1:
        raise FrameError(
            f"{len(specs)} scenes of {samples} samples at {sample_rate} Hz",
            hint="ask for at least one scene and one sample",
        )
    device = torch.device(device)
    first = round(start_s * sample_rate)
    result = ambience(specs, sample_rate=sample_rate, samples=samples, first=first, device=device)
    result += _steady(specs, sample_rate, samples, first, device)
    _strike(result, specs, sample_rate, first)
    # What is loud is bent softly, so that no peak is cut.
    return torch.tanh(result)


def _strike(result: Tensor, specs: Sequence[SceneSpec], rate: int, first: int) -> None:
    """Add the ring of every impact that is heard in the samples from ``first`` on."""
    samples, device = result.shape[-1], result.device
    start_s, stop_s = first / rate - _RING_S, (first + samples) / rate
    struck = [
        _Struck(row, *impact, body.size)
        for row, spec in enumerate(specs)
        for body in spec.bodies
        for impact in body.impacts
        if start_s < impact.time_s < stop_s
    ]
    length = math.ceil(_RING_S * rate)
    each = max(1, (1 << 22) // length)
    for start in range(0, len(struck), each):
        some = struck[start : start + each]
        begins = np.array([math.ceil(s.time_s * rate) - first for s in some])
        late = np.array([b + first - s.time_s * rate for b, s in zip(begins, some, strict=True)])
        index = torch.arange(length, device=device)
        begin = torch.tensor(begins, device=device)[:, None]
        time = (index + torch.tensor(late, dtype=torch.float32, device=device)[:, None]) / rate
        wave = _ring(some, time)
        place = begin + index
        wave = wave * ((place >= 0) & (place < samples))
        place = place.clamp(0, samples - 1)
        rows = torch.tensor([s.row for s in some], device=device)[:, None]
        flat = result.view(-1)
        for channel, gains in enumerate(_pan(np.array([s.pan for s in some]))):
            gain = wave.new_tensor(gains)[:, None]
            flat.index_add_(
                0, ((rows * 2 + channel) * samples + place).flatten(), (wave * gain).flatten()
            )


def _ring(struck: Sequence[_Struck], time: Tensor) -> Tensor:
    """The sound (events, length) of each impact at ``time`` seconds after it."""

    def column(values: Sequence[float]) -> Tensor:
        return time.new_tensor(values)[:, None]

    timbres = [TIMBRES[s.material] for s in struck]
    strength = column([s.strength for s in struck])
    pitch = [t.hertz * (0.3 / s.size) ** 0.8 for t, s in zip(timbres, struck, strict=True)]
    wave = torch.zeros_like(time)
    for mode in range(5):
        hertz = column([p * t.modes[mode][0] for p, t in zip(pitch, timbres, strict=True)])
        level = column([t.modes[mode][1] for t in timbres]) * strength ** (0.25 * mode)
        decay = column([t.decay * (1 + t.damping * mode) for t in timbres])
        heard = hertz < 0.45 / (time[0, 1] - time[0, 0]).clamp(min=1e-6)
        wave += heard * level * torch.exp(-decay * time) * torch.sin(2 * math.pi * hertz * time)
    # A click: noise that depends on the time since the impact only, so each one is the same.
    keys = torch.arange(time.shape[1], dtype=torch.int32, device=time.device)
    click = white(keys) * column([t.click for t in timbres])
    wave += click * torch.exp(-column([t.click_decay for t in timbres]) * time)
    fade = ((_RING_S - time) / 0.1).clamp(0, 1)
    rise = (time / _RISE_S).clamp(0, 1)
    return wave * rise * fade * _LEVEL * (0.3 + 0.7 * strength) * strength.sqrt()


def _steady(
    specs: Sequence[SceneSpec], rate: int, samples: int, first: int, device: torch.device
) -> Tensor:
    """Rolling, scraping and the air around what swings: noise as loud as the body is quick."""
    result = torch.zeros((len(specs), 2, samples), device=device)
    steps = math.ceil(samples / rate / _STEP_S) + 2
    times = first / rate + np.arange(steps, dtype=np.float64) * _STEP_S
    kinds: dict[str, list[tuple[int, Array]]] = {}
    for row, spec in enumerate(specs):
        for body in spec.bodies:
            if body.motion not in _STEADY:
                continue
            kind, level, reference = _STEADY[body.motion]
            before, after = body.track.at(times - 0.004), body.track.at(times + 0.004)
            speed = np.hypot(after.x - before.x, after.y - before.y) / 0.008
            loud = level * np.minimum(speed / reference, 1.5) ** 1.5
            sides = np.stack(_pan(np.clip(before.x / spec.half_width, -1, 1))) * loud
            kinds.setdefault(kind, []).append((row, sides))
    for kind, parts in kinds.items():
        rows = [row for row, _ in parts]
        gains = torch.tensor(np.stack([sides for _, sides in parts]), dtype=torch.float32).to(
            device
        )
        place = torch.arange(samples, device=device) / (rate * _STEP_S)
        low = place.long()
        part = place - low
        gain = gains[..., low] * (1 - part) + gains[..., low + 1] * part
        seeds = [specs[row].seed for row in rows]
        sound = filtered(kind, seeds, rate=rate, samples=samples, first=first, device=device)
        result.index_add_(0, torch.tensor(rows, device=device), gain * sound)
    return result


def _pan(pan: Array) -> tuple[Array, Array]:
    """Gains of left and right of the same power at every place from -1 to 1."""
    turn = (pan + 1) * (math.pi / 4)
    return np.cos(turn) * 1.27, np.sin(turn) * 1.27
