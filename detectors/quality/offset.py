"""Whether the sound comes with its pictures.

Where both carry a mark their clocks say it. Otherwise what moves and what is heard are compared:
where a clip has events that are seen and heard, the sudden changes of both fall together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.result import QualityFinding

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What viewers notice: ITU-R BT.1359-1, sound 45 ms early or 125 ms late.
EARLY_MS, LATE_MS = 45, 125
SLOT_S, REACH_S, LEAST_S = 0.02, 1.0, 5.0
# A correlation that stands out: high in itself and far above all that is not beside it.
CLEAR, ALONE, BESIDE_S = 0.5, 1.6, 0.16


def offset_finding(
    marked_ms: int | None,
    activity: tuple[NDArray[np.float64], NDArray[np.float64]],
    loudness: tuple[float, NDArray[np.float64]],
) -> QualityFinding | None:
    """The finding, if there is one.

    ``marked_ms``: how much later the sound comes by the marks. ``activity``: times in seconds and
    how much moved; ``loudness``: seconds of a slot and how loud each is.
    """
    offset_ms = heard_offset_ms(activity, loudness) if marked_ms is None else marked_ms
    if offset_ms is None or -EARLY_MS <= offset_ms <= LATE_MS:
        return None
    way = "after" if offset_ms > 0 else "before"
    by = "by the clocks of both marks" if marked_ms is not None else "by what is seen and heard"
    detail = f"the sound comes about {abs(offset_ms)} ms {way} its pictures, {by}"
    return QualityFinding(kind="audio_offset", detail=detail)


def heard_offset_ms(
    activity: tuple[NDArray[np.float64], NDArray[np.float64]],
    loudness: tuple[float, NDArray[np.float64]],
) -> int | None:
    """How much later the sound comes, to 20 ms; None where nothing stands out."""
    times, moves = activity
    slot_s, levels = loudness
    seconds = min(float(times[-1]), slot_s * len(levels))
    if seconds < LEAST_S:
        return None
    grid = np.arange(0, seconds, SLOT_S)
    seen = _onsets(np.interp(grid, times, moves))
    heard = _onsets(np.interp(grid, (np.arange(len(levels)) + 0.5) * slot_s, np.sqrt(levels)))
    if not seen.any() or not heard.any():
        return None
    reach = round(REACH_S / SLOT_S)
    scores = np.array([_correlation(seen, heard, lag) for lag in range(-reach, reach + 1)])
    best = int(scores.argmax())
    beside = round(BESIDE_S / SLOT_S)
    others = np.delete(
        scores, np.arange(max(0, best - beside), min(len(scores), best + beside + 1))
    )
    if scores[best] < CLEAR or scores[best] < ALONE * max(float(others.max()), 0.0):
        return None
    return round((best - reach) * SLOT_S * 1000)


def _onsets(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sudden rises alone, smoothed over three slots."""
    rises = np.maximum(np.diff(values, prepend=values[0]), 0)
    rises = np.convolve(rises, (0.25, 0.5, 0.25), mode="same")
    return np.asarray(np.where(rises > rises.mean() + rises.std(), rises, 0), np.float64)


def _correlation(seen: NDArray[np.float64], heard: NDArray[np.float64], lag: int) -> float:
    """Of ``seen`` with ``heard`` that comes ``lag`` slots later."""
    one, other = (seen[: len(seen) - lag], heard[lag:]) if lag >= 0 else (seen[-lag:], heard[:lag])
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / scale if scale else 0.0
