"""Reading the mark's clock: which second of the original each moment in hand comes from.

96 cells of the tile change their signs every second of the original. Once payload and placement
are known, the signs of every second are compared with every window of evidence, and the most
likely course through them (Viterbi; a jump costs the logarithm of where it may lead) is cut into
runs without a jump. In each run the best line, position against time, says where it starts and how
fast it goes.

A run is reported only if chance cannot have made it. For cells that do not depend on the key, signs
are fair coins, and a sum of fair coins is sub-Gaussian whatever the picture (Hoeffding 1963):
P(score ≥ t) ≤ exp(-t²/2). With all seconds, beginnings, ends and courses that were to choose from,
the threshold keeps the probability of any false run in a file below ``FALSE_RUNS``.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from provenance.watermark.clock_windows import (
    Windows,
    beside,
    clock_cells,
    line_gain,
    line_through,
    score_of,
)
from provenance.watermark.course import SPEEDS, STEP_S, Piece, pieces
from provenance.watermark.detection import ClockSpan
from provenance.watermark.tile import CLOCK_CELLS, SLOT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.watermark.detection import ClockCells
    from provenance.watermark.tile import Tile
    from provenance.watermark.timeline import Heard

SLOTS = 7_200  # two hours of original are searched
_NEARBY_S = 10
_EARLY_S = 0.4  # how far before its beginning a codec that is slow to follow may seem to be
_MOST_AGAIN = 0.4
# Speeds times positions in a second that are tried: for a run of one line, and for each piece.
_LINES, _COURSES = (25 + len(SPEEDS)) * SLOT_S / STEP_S, (1 + len(SPEEDS)) * SLOT_S / STEP_S
FALSE_RUNS = 1e-3  # probability of any run that is not there, in a file
_BLOCK = 512  # windows that are searched at once: bounds the memory for hours of video
_BACK_NATS = 6.0  # for going back by a second: what runs backwards does so again and again
_JUMP_MARGIN = 4.0  # nats on top of ln(slots) for a jump: what a cut has to be worth
_LEAST_GAP_S = 1.0
_PHASES = 10  # positions within a second at which the whole is tried as one run


def clock_table(tile: Tile, slots: int = SLOTS) -> NDArray[np.float32]:
    """(slots, 96) signs of the clock in each second, as :meth:`Tile.clock_signs` gives them."""
    prefix = hashlib.shake_256(b"everyframe tile\0clock ")
    ending = b"\0" + tile.key.secret
    words = bytearray()
    for slot in range(slots):
        state = prefix.copy()
        state.update(str(slot).encode() + ending)
        words += state.digest(4 * CLOCK_CELLS)
    low = np.frombuffer(bytes(words), np.uint8).reshape(slots, CLOCK_CELLS, 4)[:, :, 0] & 1
    return np.asarray(1.0 - 2.0 * low, np.float32)


def read_clock(
    tile: Tile, track: Sequence[Heard], pattern: NDArray[np.float32]
) -> tuple[ClockSpan, ...]:
    """The runs of the original that ``track`` shows, in order of time; empty if none is certain.

    ``pattern`` (32, 32) is the steady part of the mark, from which its loudness is known.
    """
    if not track:
        return ()
    signs = clock_table(tile)
    cells = _cells(track)
    found = _spans(tile, track, cells, pattern, signs)
    # What a cut file shows comes mostly from nearby: there, less is enough.
    first, last = _nearby(found, track[-1].end_s - track[0].start_s)
    if last - first < SLOTS // 2:
        near = _spans(tile, track, cells, pattern, signs[first:last])
        if near:
            moved_s = first * SLOT_S
            found = [replace(s, original_start_s=s.original_start_s + moved_s) for s in near]
    return tuple(_joined(found))


def told_cells(
    tile: Tile, track: Sequence[Heard], pattern: NDArray[np.float32]
) -> ClockCells | None:
    """What :func:`read_clock` reads; None where that is nothing, or more than it reads at once."""
    if not 0 < len(track) <= _BLOCK:
        return None
    return clock_cells(tile, track, _cells(track), pattern)


def _cells(track: Sequence[Heard]) -> NDArray[np.float32]:
    return np.stack([piece.cells for piece in track]).reshape(len(track), -1).astype(np.float32)


def _nearby(found: Sequence[ClockSpan], length_s: float) -> tuple[int, int]:
    """First and last + 1 of the seconds that a file of this length shows, by what was found."""
    if not found:
        return 0, min(SLOTS, int(length_s) + _NEARBY_S)
    low = min(span.original_start_s for span in found) - length_s - _NEARBY_S
    high = max(span.original_start_s for span in found) + 2 * length_s + _NEARBY_S
    return max(0, int(low)), min(SLOTS, int(high) + 1)


def _spans(
    tile: Tile,
    track: Sequence[Heard],
    cells: NDArray[np.float32],
    pattern: NDArray[np.float32],
    signs: NDArray[np.float32],
) -> list[ClockSpan]:
    """The runs through the seconds of ``signs``, counted from the first of them."""
    found: list[ClockSpan] = []
    whole: ClockSpan | None = None
    for first in range(0, len(track), _BLOCK):
        part = slice(first, first + _BLOCK)
        windows = beside(clock_cells(tile, track[part], cells[part], pattern), signs)
        for begin, end, slots in _runs(windows):
            found += _read_run(windows, begin, end, slots, signs, len(track))
        if len(track) <= _BLOCK:
            whole = _read_whole(windows, signs)
            if found:
                found += _read_gaps(windows, found, signs)
    return [whole] if not found and whole is not None else sorted(found, key=lambda s: s.start_s)


def _read_gaps(
    windows: Windows, found: Sequence[ClockSpan], signs: NDArray[np.float32]
) -> list[ClockSpan]:
    """What lies between and beside the runs ``found``, each as one run at the original's speed.

    That is one question for each gap, so less is enough than for runs that could lie anywhere.
    """
    middles = (windows.start + windows.end) / 2
    read = np.zeros(len(middles), bool)
    for span in found:
        read |= (span.start_s <= middles) & (middles < span.end_s)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], read, [True]])))
    spans = []
    for begin, end in edges.reshape(-1, 2).tolist():
        if windows.end[end - 1] - windows.start[begin] < _LEAST_GAP_S:
            continue
        gap = replace(
            windows,
            start=windows.start[begin:end],
            end=windows.end[begin:end],
            values=windows.values[begin:end],
            fit=windows.fit[begin:end],
        )
        read_as_one = _read_whole(gap, signs, choices=len(middles))
        if read_as_one is not None:
            spans.append(read_as_one)
    return spans


def _runs(windows: Windows) -> list[tuple[int, int, list[int]]]:
    """(first window, last + 1, second of each) of the runs of the most likely course."""
    count, slots = windows.fit.shape
    gain = windows.level * windows.fit - windows.level**2 / 2
    jump = float(np.log(slots)) + _JUMP_MARGIN
    # State ``slots`` is "no clock here", and costs nothing to stay in.
    value = np.append(gain[0] - jump, 0.0)
    back = np.empty((count, slots + 1), np.int8)
    origin = np.zeros(count, np.intp)
    for w in range(1, count):
        best = int(value.argmax())
        origin[w] = best
        choices = np.stack(
            [
                value[:-1],
                np.concatenate([[-np.inf], value[:-2]]),
                np.full(slots, value[best] - jump),
                np.concatenate([value[1:-1] - _BACK_NATS, [-np.inf]]),
            ]
        )
        back[w, :-1] = choices.argmax(0)
        back[w, -1] = 0 if value[-1] >= value[best] - 1 else 2
        value = np.append(choices.max(0) + gain[w], max(value[-1], value[best] - 1))
    state = int(value.argmax())
    course, jumped = [state], []
    for w in range(count - 1, 0, -1):
        step = int(back[w, state])
        jumped.append(step == 2)
        state = int(origin[w]) if step == 2 else state + (0, -1, 0, 1)[step]
        course.append(state)
    course.reverse()
    jumped.reverse()
    edges = [0, *(w + 1 for w, jump_here in enumerate(jumped) if jump_here), count]
    return [(a, b, course[a:b]) for a, b in pairwise(edges) if course[a] != slots]


def _read_run(
    windows: Windows,
    begin: int,
    end: int,
    slots: list[int],
    signs: NDArray[np.float32],
    total: int,
) -> list[ClockSpan]:
    """The run from window ``begin`` to ``end``: one span for each way in which it goes on."""
    position, speed = line_through(windows, begin, end, slots)
    start, stop = windows.start[begin:end], windows.end[begin:end]

    news = news_of(windows.values[begin:end], signs[slots])

    def gains(speed: float, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
        gain = news * line_gain(windows, start - start[0], stop - start[0], begin, speed, offsets)
        # Nothing was shown before the original began.
        early = offsets[:, None] + speed * (start - start[0]) < -_EARLY_S
        return np.where(early, -1e6, gain)

    parts = pieces(start, slots, gains, usual=speed)
    if len(parts) == 1 and parts[0].speed == speed:
        parts = [Piece(0, end - begin, position, speed)]
    shown = np.concatenate(
        [
            part.position_s
            + part.speed * ((start + stop)[part.first : part.last] / 2 - start[part.first])
            for part in parts
        ]
    )
    seconds = np.clip(np.floor(shown / SLOT_S), 0, len(signs) - 1).astype(int)
    score = score_of(windows.values[begin:end], seconds.tolist(), signs)
    # What there was to choose from: every second to start in, every pair of windows to begin and
    # end with, and every line through them (digital lines of n points are fewer than n³, and not
    # more than were tried), anew for every piece.
    count = end - begin
    lines = min(2.0 ** (count - 1), float(count) ** 3, _LINES if len(parts) == 1 else _COURSES)
    candidates = len(signs) * (total * (total + 1) / 2) * lines ** len(parts)
    if score < _threshold(candidates):
        return []
    return [
        ClockSpan(
            start_s=float(start[part.first]),
            end_s=float(stop[part.last - 1]),
            original_start_s=max(0.0, part.position_s),
            speed=part.speed,
            score=score,
            goes_on=part.first > 0,
        )
        for part in parts
    ]


def news_of(values: NDArray[np.float32], signs: NDArray[np.float32]) -> float:
    """How much of what each of ``values`` (W, 96) says was not said by the one before.

    A picture that stands still disturbs every window in the same way: windows that are correlated
    by r count (1 - r) / (1 + r) each, as samples of an autoregressive process do.
    """
    if len(values) < 3:
        return 1.0
    rest = values - (values * signs).mean(1, keepdims=True) * signs
    again = float((rest[1:] * rest[:-1]).sum() / ((rest * rest).sum() + 1e-9))
    again = min(max(again, 0.0), _MOST_AGAIN)
    return (1 - again) / (1 + again)


def _threshold(candidates: float) -> float:
    """The score that the best of so many passes with a quarter of ``FALSE_RUNS``."""
    return float(np.sqrt(2 * np.log(candidates / (FALSE_RUNS / 4))))


def _read_whole(
    windows: Windows, signs: NDArray[np.float32], *, choices: int = 1
) -> ClockSpan | None:
    """All of ``windows`` as one run at the original's speed: few candidates, so the faintest.

    ``choices``: how many beginnings there were to choose from.
    """
    middles = (windows.start + windows.end) / 2 - windows.start[0]
    which = np.arange(len(middles))[:, None]
    best: tuple[float, float] = (-np.inf, 0.0)
    lasts = len(signs) - int(middles[-1] / SLOT_S) - 1
    if lasts < 1:
        return None
    for phase in np.arange(_PHASES) / _PHASES:
        ahead = np.floor(middles / SLOT_S + phase).astype(np.intp)
        sums = windows.fit[which, ahead[:, None] + np.arange(lasts)].sum(0)
        top = int(sums.argmax())
        best = max(best, (float(sums[top]), top + float(phase)))
    seconds = np.floor(middles / SLOT_S + best[1]).astype(int).tolist()
    score = score_of(windows.values, seconds, signs)
    if score < _threshold(len(signs) * _PHASES * choices):
        return None
    position, speed = line_through(windows, 0, len(middles), seconds, speeds=False)
    return ClockSpan(
        start_s=float(windows.start[0]),
        end_s=float(windows.end[-1]),
        original_start_s=position,
        speed=speed,
        score=score,
    )


def _joined(spans: list[ClockSpan]) -> list[ClockSpan]:
    """``spans`` with those made one that blocks of the search have parted."""
    joined: list[ClockSpan] = []
    for span in spans:
        before = joined[-1] if joined else None
        if before is not None and not span.goes_on and abs(before.speed - span.speed) < 0.02:
            expected = before.original_start_s + before.speed * (span.start_s - before.start_s)
            if abs(expected - span.original_start_s) < 0.5 and span.start_s - before.end_s < 1:
                joined[-1] = ClockSpan(
                    start_s=before.start_s,
                    end_s=span.end_s,
                    original_start_s=before.original_start_s,
                    speed=before.speed,
                    score=float(np.hypot(before.score, span.score)),
                    goes_on=before.goes_on,
                )
                continue
        joined.append(span)
    return joined
