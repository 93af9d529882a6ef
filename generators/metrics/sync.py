"""Whether sound falls on what is seen: visual impacts against onsets of the sound, in milliseconds.

Neither side knows the scene. Seen: where the middle of what differs from the still background
changes its velocity all at once, to a fraction of a frame, wherever the way itself says when to
some milliseconds; what a codec made vague counts for nothing, so that errors of the measure are
not taken for errors of the sound. Heard: where the level rises out of what was there. Meant for
clips with a still camera in which one thing strikes.
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
_SIDE_S = 0.27  # on each side of an impact, through which its way is followed
_STEP = 0.25  # of a frame, between moments that are tried
_SURE = 10.0  # a change of velocity, in its own standard errors
_LEAST_CHANGE = 0.5  # frame heights a second
_OF_STRONGEST = 0.35
_HOP_S = 0.002
_WINDOW_S = 0.006
_AFTER_S, _GAP_S, _BEFORE_S = 0.012, 0.01, 0.05  # what is compared around an onset
_BANDS = (0.0, 0.05, 0.12, 0.25, 0.45, 0.7, 1.0)  # shares of the spectrum
_DEAD_DB = 0.5  # what noise rises by itself, in each band
_RISE_DB = 2.0  # over all bands
_START_S = 0.06  # of a sound: its beginning is no onset
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
    """Seconds at which the sound (channels, N) begins anew, to about 2 ms.

    Compared are the mean powers of the next 12 ms and of 50 ms that end 10 ms before, band by band:
    short enough for a click, and long enough that noise which a codec drew anew is even.
    """
    hop, size = max(1, round(_HOP_S * sample_rate)), max(8, round(_WINDOW_S * sample_rate))
    mono = audio.double().mean(dim=0)
    # A window holds the time in front of its frame, so that nothing is heard before it sounds.
    padded = F.pad(mono, (size - hop, 0))
    windows = padded.unfold(0, size, hop) * torch.hann_window(size, dtype=torch.float64).to(mono)
    power = torch.fft.rfft(windows).abs().pow(2) / size  # (frames, bins)
    edges = [round(share * power.shape[1]) for share in _BANDS]
    bands = [power[:, low:high].mean(dim=1) for low, high in pairwise(edges)]
    rise = _rise(torch.stack(bands).cpu().numpy())
    rise[: round(_START_S / _HOP_S)] = 0
    onsets: list[float] = []
    for index in np.argsort(-rise):
        if rise[index] < _RISE_DB:
            break
        time = index * hop / sample_rate
        if all(abs(time - other) > _APART_S for other in onsets):
            onsets.append(float(time))
    return sorted(onsets)


def _rise(power: Array) -> Array:
    """Decibels by which bands (bands, frames) rise at each frame: their mean; the ends are 0."""
    after, gap, before = (round(span / _HOP_S) for span in (_AFTER_S, _GAP_S, _BEFORE_S))
    frames = power.shape[1]
    rise = np.zeros(frames)
    at = np.arange(before + gap, frames - after)
    if len(at):
        total = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
        now = (total[:, at + after] - total[:, at]) / after
        past = (total[:, at - gap] - total[:, at - gap - before]) / before
        # Rounding can leave sums of silence a little below nought.
        change = 10 * np.log10((now.clip(0) + 1e-8) / (past.clip(0) + 1e-8))
        rise[at] = (change - _DEAD_DB).clip(0, 20).mean(axis=0)
    return rise


def seen_impacts(video: Tensor, *, rate: float) -> list[float]:
    """Seconds, from the first frame on, at which something in (3, T, H, W) is struck."""
    way = _way(video)
    times: Array = np.arange(len(way), dtype=np.float64) / float(rate)
    side = max(4.5, _SIDE_S * rate) / rate
    moments = np.arange(side, times[-1] - side, _STEP / rate)
    bends = [_bend(times, way, float(moment), side) for moment in moments]
    change, sure = np.array(bends).reshape(-1, 2).T
    near = round(1.5 / _STEP)
    found = [
        index
        for index in range(len(moments))
        if sure[index] > _SURE
        and change[index] > _LEAST_CHANGE
        and sure[index] == sure[max(0, index - near) : index + near + 1].max()
    ]
    strongest = max((change[index] for index in found), default=0.0)
    return [float(moments[index]) for index in found if change[index] >= _OF_STRONGEST * strongest]


def _bend(times: Array, way: Array, moment: float, side: float) -> tuple[float, float]:
    """The change of velocity at a moment (heights a second), and in its own standard errors.

    A parabola (things fall) with one more velocity from the moment on, through both axes.
    """
    inside = np.abs(times - moment) <= side
    place = way[inside]
    if not np.isfinite(place).all():
        return 0.0, 0.0
    since = (times[inside] - moment) / side
    terms = np.column_stack([np.ones_like(since), since, since**2, since.clip(0)])
    solution = np.linalg.lstsq(terms, place, rcond=None)[0]  # (4, 2)
    left = place - terms @ solution
    variance = float((left**2).sum()) / max(1, 2 * len(since) - 9) + 1e-9
    error = np.sqrt(variance * np.linalg.inv(terms.T @ terms)[3, 3])
    change = float(np.hypot(*solution[3]))
    return change / side, change / float(error)


def _way(video: Tensor) -> Array:
    """The middle of what stands before the background in each frame: (T, 2).

    In units of the frame's height. What changes all the time in a place (waves, stars) is taken
    off; NaN where nothing is there, or where it leaves or enters the frame.
    """
    small = F.avg_pool2d(video.float().transpose(0, 1), 2)  # (T, 3, h, w)
    off = (small - small.median(dim=0).values).abs().amax(dim=1)  # (T, h, w)
    steady = off.median(dim=0).values
    noise = off.flatten(1).median(dim=1).values[:, None, None]
    weight = (off - 2 * steady - 2 * noise - 0.1).clamp(min=0).double()
    total = weight.sum(dim=(1, 2))
    height, width = weight.shape[1:]
    y = torch.arange(height, device=video.device).double() / height
    x = torch.arange(width, device=video.device).double() / height
    place = torch.stack(
        [(weight.sum(dim=1) * x).sum(dim=1), (weight.sum(dim=2) * y).sum(dim=1)], dim=1
    )
    middle = place / total.clamp(min=1e-9)[:, None]
    edge = weight.clone()
    edge[:, 1:-1, 1:-1] = 0
    middle[(total < 0.5) | (edge.sum(dim=(1, 2)) > 0.1 * total)] = torch.nan
    way: Array = middle.cpu().numpy()
    return way
