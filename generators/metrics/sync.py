"""Whether sound falls on what is seen: visual impacts against onsets of the sound, in milliseconds.

Neither side knows the scene. Seen: where the middle of what moves changes its velocity all at once,
to a fraction of a frame, from lines laid through its way before and after. Heard: where the level
rises out of what was there. Meant for clips with a still camera in which one thing strikes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Array = NDArray[np.float64]

FARTHEST_MS = 500.0
"""What counts where an impact is seen and no sound begins anywhere near."""
_SIDE = 3  # frames on each side through which a line is laid
_HOP_S = 0.002
_WINDOW_S = 0.006
_BANDS = (0.0, 0.05, 0.12, 0.25, 0.45, 0.7, 1.0)  # shares of the spectrum
_DEAD_DB = 2.0  # what noise rises by itself, in each band
_RISE_DB = 1.5  # over all bands
_APART_S = 0.08


def sync_error_ms(video: Tensor, audio: Tensor, *, rate: float, sample_rate: int) -> list[float]:
    """One error for each clip of (B, 3, T, H, W) and (B, channels, N), both in [-1, 1].

    The median distance from an impact that is seen to the nearest onset that is heard; NaN where
    no impact is seen.
    """
    errors = []
    for picture, sound in zip(video, audio, strict=True):
        seen = seen_impacts(picture, rate=rate)
        heard = np.array(heard_onsets(sound, sample_rate=sample_rate))
        distances = [
            min(FARTHEST_MS, 1000 * float(np.abs(heard - moment).min(initial=9.0)))
            for moment in seen
        ]
        errors.append(float(np.median(distances)) if distances else float("nan"))
    return errors


def heard_onsets(audio: Tensor, *, sample_rate: int) -> list[float]:
    """Seconds at which the sound (channels, N) begins anew, to about 2 ms."""
    hop, size = max(1, round(_HOP_S * sample_rate)), max(8, round(_WINDOW_S * sample_rate))
    mono = audio.double().mean(dim=0)
    # A window holds the time in front of its frame, so that nothing is heard before it sounds.
    padded = F.pad(mono, (size - hop, 0))
    windows = padded.unfold(0, size, hop) * torch.hann_window(size, dtype=torch.float64).to(mono)
    power = torch.fft.rfft(windows).abs().pow(2) / size  # (frames, bins)
    edges = [round(share * power.shape[1]) for share in _BANDS]
    bands = [power[:, low:high].mean(dim=1) for low, high in pairwise(edges)]
    level = (10 * torch.log10(torch.stack(bands) + 1e-8)).cpu().numpy()  # (bands, frames)
    before = round(0.03 / _HOP_S)
    # The beginning of the clip is no onset: as if it had gone on like this before.
    past = np.concatenate([np.repeat(level[:, :8].max(axis=1, keepdims=True), before, 1), level], 1)
    past = np.lib.stride_tricks.sliding_window_view(past, before, axis=1)[:, : level.shape[1]]
    rise = (level - past.max(axis=2) - _DEAD_DB).clip(0, 20).mean(axis=0)
    onsets: list[float] = []
    for index in np.argsort(-rise):
        if rise[index] < _RISE_DB:
            break
        time = index * hop / sample_rate
        if all(abs(time - other) > _APART_S for other in onsets):
            onsets.append(float(time))
    return sorted(onsets)


def seen_impacts(video: Tensor, *, rate: float) -> list[float]:
    """Seconds, from the first frame on, at which something in (3, T, H, W) is struck."""
    way, quick = _way(video)
    # What is struck was quick before or is after: at the top of a flight it is neither.
    enough = 0.4 * np.quantile(quick, 0.9)
    count = len(way)
    # A step belongs to the middle between two frames.
    times: Array = (np.arange(count, dtype=np.float64) + 0.5) / float(rate)
    found: list[tuple[float, float]] = []
    for index in range(_SIDE, count - _SIDE + 1):
        fit = _corner(
            times[index - _SIDE : index], way[index - _SIDE : index],
            times[index : index + _SIDE], way[index : index + _SIDE],
        )  # fmt: skip
        if max(quick[index - 2 : index + 2]) < enough:
            continue
        if fit is not None and -0.75 / rate <= fit[0] - times[index] + 0.5 / rate <= 0.75 / rate:
            found.append(fit)
    strongest = max((strength for _, strength in found), default=0.0)
    kept: list[float] = []
    for moment, strength in sorted(found, key=lambda f: -f[1]):
        if strength < max(0.35 * strongest, 0.5):
            break
        if all(abs(moment - other) > 1.5 * _APART_S for other in kept):
            kept.append(moment)
    return sorted(kept)


def _corner(t0: Array, before: Array, t1: Array, after: Array) -> tuple[float, float] | None:
    """Where two lines through the way (n, 2) meet, and the change of velocity, or None.

    The lines must fit much better than a parabola, which is how things turn that nothing strikes.
    """
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        return None
    (a0, b0), (a1, b1) = np.polyfit(t0, before, 1), np.polyfit(t1, after, 1)
    change = a1 - a0  # (2,)
    strength = float(np.hypot(*change))
    if strength < 1e-6:
        return None
    left = np.concatenate([before - t0[:, None] * a0 - b0, after - t1[:, None] * a1 - b1])
    off = float(np.sqrt((left**2).mean()))
    t, both = np.concatenate([t0, t1]), np.concatenate([before, after])
    bend = np.polyfit(t, both, 2)
    smooth = both - bend[0] * t[:, None] ** 2 - bend[1] * t[:, None] - bend[2]
    if off > 0.6 * float(np.sqrt((smooth**2).mean())):
        return None
    # Both axes say when: each as loud as its change of velocity.
    moment = float(((b0 - b1) * change).sum() / (change**2).sum())
    return moment, strength


def _way(video: Tensor) -> tuple[Array, Array]:
    """The middle of what changes from frame to frame, and how much does: (T - 1, 2) and (T - 1,).

    In units of the frame's height. What changes all the time in a place (waves, stars) is taken
    off; NaN where nothing moves, or where it leaves or enters the frame.
    """
    small = F.avg_pool2d(video.float().transpose(0, 1), 2)  # (T, 3, h, w)
    step = (small[1:] - small[:-1]).abs().amax(dim=1)
    steady = step.median(dim=0).values
    noise = step.flatten(1).median(dim=1).values.median()
    weight = (step - 1.5 * steady - 3 * noise - 0.02).clamp(min=0).double()
    total = weight.sum(dim=(1, 2))
    height, width = weight.shape[1:]
    y = torch.arange(height, device=video.device).double() / height
    x = torch.arange(width, device=video.device).double() / height
    place = torch.stack(
        [(weight.sum(dim=1) * x).sum(dim=1), (weight.sum(dim=2) * y).sum(dim=1)], dim=1
    )
    middle = place / total.clamp(min=1e-9)[:, None]
    edge = weight.clone()
    edge[:, 2:-2, 2:-2] = 0
    middle[(total < 0.5) | (edge.sum(dim=(1, 2)) > 0.1 * total)] = torch.nan
    return middle.cpu().numpy(), total.cpu().numpy()
