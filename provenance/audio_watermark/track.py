"""Where in time the mark is, and what of the original is heard there, once its payload is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from provenance.audio_watermark.softmap import (
    GRAIN,
    SPOT_S,
    SPOTS,
    Stretch,
    cells_of,
    folded,
    soft_map,
)
from provenance.audio_watermark.tile import COLUMNS, TILE_S
from provenance.watermark.detection import ClockSpan
from provenance.watermark.timeline import Heard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.audio_watermark.tile import SoundTile
    from provenance.watermark.detection import Segment

SLOTS = 1 << 13  # tiles whose clocks are known: nearly six hours
_PIECE_SPOTS = 12  # a quarter of a second
_RUN_SPOTS = 48  # a second: long enough to see where the tile lies
_UNCUT_SPOTS = 3 * _RUN_SPOTS  # between two cuts, to tell a clock from
_MOVED = 6.0  # standard deviations at which the tile is believed to lie elsewhere
_CLOCK_SCORE = 6.0  # over all slots: chance gives 4


class Followed(NamedTuple):
    """A section of sound: its pieces, and the clocks that were heard in it, one after each cut."""

    pieces: list[Heard]
    spans: list[ClockSpan]


class _Run(NamedTuple):
    """Spots ``first`` … ``last``, in which the tile begins at spot ``shift``."""

    first: int
    last: int
    shift: int


class Follower:
    """Follows a mark with a known ``pattern`` (44, 64; steady signs) at a known ``stretch``."""

    def __init__(self, tile: SoundTile, pattern: NDArray[np.float32], stretch: Stretch) -> None:
        self._tile = tile
        self._stretch = stretch
        self._spectrum = np.conj(np.fft.rfft(np.repeat(pattern, GRAIN, axis=1), axis=1))
        self._size = float(np.sqrt(GRAIN * np.abs(pattern).sum()))
        self._clocks: NDArray[np.float32] | None = None

    def follow(self, mono: NDArray[np.float32], rate: int, start_s: float) -> Followed:
        """``mono`` (N,), which begins at ``start_s``."""
        soft = soft_map(mono, rate, self._stretch)
        count = soft.shape[1]
        if not count:
            return Followed([], [])
        level = np.abs(mono[: count * (len(mono) // count)]).reshape(count, -1).mean(1)
        whole = int(self._scores(folded(soft)).argmax())
        pieces, runs = [], []
        for run in range(0, count, _RUN_SPOTS):
            end = count if count - run < 2 * _RUN_SPOTS else run + _RUN_SPOTS
            scores = self._scores(_alone(soft, run, end))
            best = int(scores.argmax())
            # A cut moves the tile; a guess does not.
            shift = best if scores[best] > max(_MOVED, 2 * scores[whole]) else whole
            runs.append(_Run(run, end, shift))
            for first in range(run, end, _PIECE_SPOTS):
                last = min(first + _PIECE_SPOTS, end)
                pieces.append(
                    Heard(
                        start_s=start_s + first * SPOT_S * self._stretch.time,
                        end_s=start_s + last * SPOT_S * self._stretch.time,
                        cells=cells_of(_alone(soft, first, last), shift).astype(np.float16),
                        loudness=float(level[first:last].mean()),
                    )
                )
            if end == count:
                break
        kept = _uncut(runs)
        if len(kept) < 2:
            kept = [_Run(0, count, whole)]
        spans = (
            self._clock(
                soft[:, run.first : run.last],
                (run.shift - run.first) % SPOTS,
                start_s + run.first * SPOT_S * self._stretch.time,
            )
            for run in kept
        )
        return Followed(pieces, [span for span in spans if span is not None])

    def _scores(self, spots: NDArray[np.float32]) -> NDArray[np.float64]:
        """(128,) standard deviations of the whole pattern at every shift."""
        deviation = float(spots.std()) or 1.0
        told = np.fft.irfft((np.fft.rfft(spots, axis=1) * self._spectrum).sum(0), n=SPOTS)
        return np.asarray(told / (deviation * self._size), np.float64)

    def _clock(self, soft: NDArray[np.float32], shift: int, start_s: float) -> ClockSpan | None:
        """The slot of the tile in which the section begins, if the clock cells agree on one.

        It may lie before the original's first: silence or other sound was put in front.
        """
        # Spots before the section begins, of the tile that it begins in.
        before = (SPOTS - shift) % SPOTS
        told = []
        for first in range(-before, soft.shape[1], SPOTS):
            part = soft[:, max(first, 0) : first + SPOTS]
            spots = np.zeros((soft.shape[0], SPOTS), np.float32)
            spots[:, max(-first, 0) : max(-first, 0) + part.shape[1]] = part
            told.append(cells_of(spots, 0).reshape(-1)[self._tile.clock])
        heard = np.stack(told)
        if self._clocks is None:
            blocks = range(SLOTS // len(self._tile.clock_block(0)))
            nothing = np.zeros_like(self._tile.clock_block(0))
            table = [nothing, *(self._tile.clock_block(number) for number in blocks)]
            self._clocks = np.concatenate(table)
        each = heard @ self._clocks.T  # (tiles, slots)
        summed = sum(np.roll(row, -index) for index, row in enumerate(each))
        energy = float(np.sqrt((heard**2).sum())) or 1.0
        scores = np.asarray(summed)[:SLOTS] / energy
        best = int(scores.argmax())
        if scores[best] < _CLOCK_SCORE:
            return None
        slot = best - (len(self._clocks) - SLOTS)
        original_s = slot * TILE_S + before * SPOT_S
        # Nothing was marked before the original began.
        late_s = max(0.0, -original_s)
        return ClockSpan(
            start_s=start_s + late_s * self._stretch.time,
            end_s=start_s + soft.shape[1] * SPOT_S * self._stretch.time,
            original_start_s=original_s + late_s,
            speed=1 / self._stretch.time,
            score=float(scores[best]),
        )


def _alone(soft: NDArray[np.float32], first: int, last: int) -> NDArray[np.float32]:
    """(44, 128) fold of the spots ``first`` … ``last`` alone."""
    spots = np.zeros((soft.shape[0], SPOTS), np.float32)
    for column in range(first, last):
        spots[:, column % SPOTS] += soft[:, column]
    return spots


def _uncut(runs: Sequence[_Run]) -> list[_Run]:
    """``runs`` put together where the tile stays, without what lies elsewhere for a moment."""
    long = [run for run in _together(runs) if run.last - run.first >= _UNCUT_SPOTS]
    return _together(long)


def _together(runs: Sequence[_Run]) -> list[_Run]:
    kept: list[_Run] = []
    for run in runs:
        if kept and (run.shift - kept[-1].shift + 1) % SPOTS <= 2:  # within one spot
            kept[-1] = kept[-1]._replace(last=run.last)
        else:
            kept.append(run)
    return kept


def own_spans(spans: Sequence[ClockSpan], parts: Sequence[Segment]) -> list[ClockSpan]:
    """``spans`` without those whose time the mark leaves out for the most part.

    All marks under a key have one clock: there it may be that of another one.
    """

    def share(span: ClockSpan, state: str) -> float:
        shared = [
            min(part.end_s, span.end_s) - max(part.start_s, span.start_s)
            for part in parts
            if part.state == state
        ]
        return sum(max(0.0, seconds) for seconds in shared)

    return [span for span in spans if share(span, "marked") >= share(span, "unmarked")]


def joined(spans: Sequence[ClockSpan]) -> tuple[ClockSpan, ...]:
    """``spans`` of consecutive sections, one for each stretch that runs on in the original."""
    runs: list[ClockSpan] = []
    for span in spans:
        if runs:
            last = runs[-1]
            due = last.original_start_s + (span.start_s - last.start_s) * last.speed
            if abs(due - span.original_start_s) < COLUMNS * SPOT_S / 4:
                runs[-1] = ClockSpan(
                    start_s=last.start_s,
                    end_s=span.end_s,
                    original_start_s=last.original_start_s,
                    speed=last.speed,
                    score=float(np.hypot(last.score, span.score)),
                )
                continue
        runs.append(span)
    return tuple(runs)
