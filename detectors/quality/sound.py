"""Silence, and sound that was cut off at full scale."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from detectors.quality.spans import spans_of
from detectors.result import QualityFinding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.result import QualityKind

SOUND_KINDS: tuple[QualityKind, ...] = ("silence", "clipped")

SLOT_S = 0.01
# As FFmpeg's silencedetect: below -60 dB of full scale for two seconds.
SILENT, SILENT_S = 1e-3, 2.0
# (from, to, many): samples above ``from`` beside those between ``to`` and it. A sine that reaches
# full scale has 2.4 times as many, music fewer, what was cut off there many times as many. Codecs
# smear the edge: then it shows in the wide bands alone.
BANDS = ((0.97, 0.94, 5.0), (0.88, 0.76, 4.0))
PILE_SHARE = 0.002
CLIP_SLOTS = 50  # half a second


class SoundWatch:
    """Takes in the blocks of one track; keeps a few numbers of each hundredth of a second."""

    def __init__(self, rate: int) -> None:
        self._slot = max(1, round(rate * SLOT_S))
        self._slot_s = self._slot / rate
        self._left = np.zeros((0, 1), np.float32)
        self._loudness = array("f")
        self._piles = [(array("L"), array("L")) for _ in BANDS]

    @property
    def seconds(self) -> float:
        return len(self._loudness) * self._slot_s

    def add(self, block: NDArray[np.float32]) -> None:
        """Takes in the next samples, (N, channels) in −1…1."""
        if len(self._left):
            block = np.concatenate([self._left, block])
        count = len(block) // self._slot
        whole = block[: count * self._slot]
        # A copy: a view would keep the decoder's block.
        self._left = block[count * self._slot :].copy()
        if not count:
            return
        slots = np.abs(whole).reshape(count, -1)
        self._loudness.extend(np.sqrt((slots**2).mean(axis=1)).tolist())
        for (high, low, _), (tops, belows) in zip(BANDS, self._piles, strict=True):
            top = slots >= high
            tops.extend(top.sum(axis=1).tolist())
            belows.extend(((slots >= low) & ~top).sum(axis=1).tolist())

    def loudness(self) -> tuple[float, NDArray[np.float64]]:
        """Seconds of a slot, and the root mean square of each."""
        return self._slot_s, np.array(self._loudness, np.float64)

    def findings(self) -> list[QualityFinding]:
        starts = np.arange(len(self._loudness), dtype=np.float64) * self._slot_s
        ends = np.asarray(starts + self._slot_s, np.float64)
        quiet = spans_of(np.array(self._loudness) < SILENT, starts, ends, least_s=SILENT_S)
        found = [
            QualityFinding(
                kind="silence", start_s=start, end_s=end, detail=f"{end - start:.1f} s of silence"
            )
            for start, end in quiet
        ]
        if quiet and quiet[0][1] - quiet[0][0] >= 0.999 * self.seconds:
            found = [QualityFinding(kind="silence", detail="the sound is silent throughout")]
        clipped = self._clipped()
        found += [
            QualityFinding(
                kind="clipped",
                start_s=start,
                end_s=end,
                detail="peaks are cut off at full scale",
            )
            for start, end in spans_of(clipped, starts, ends, least_s=SLOT_S)
        ]
        return found

    def _clipped(self) -> NDArray[np.bool_]:
        """For each slot whether the half second that it is in has cut off peaks."""
        parts = np.arange(len(self._loudness)) // CLIP_SLOTS
        size = np.bincount(parts) * self._slot
        clipped = np.zeros(len(size), np.bool_)
        for (*_, many), both in zip(BANDS, self._piles, strict=True):
            tops, belows = (np.bincount(parts, np.array(counts, np.float64)) for counts in both)
            clipped |= (tops >= PILE_SHARE * size) & (tops >= many * np.maximum(belows, 1))
        return np.asarray(clipped[parts], np.bool_)
