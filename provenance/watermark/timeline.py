"""Where in time the mark is: each stretch compared with what its neighbours lead to expect.

An absolute threshold is not honest here: where the mark is loud, a stretch of which half was
exchanged still passes it, and where it is faint nothing ever does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from provenance.watermark import sync
from provenance.watermark.detection import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from provenance.watermark.evidence import Window

_LENGTHS_S = (0.25, 0.5, 1.0)
_LOUD_ENOUGH = 6.0  # usual score, in standard deviations, at which stretches get no longer
_PRESENT = 4.0  # standard deviations below which nothing is called marked
_ABSENT, _STILL_ABSENT = 1.5, 2.5  # and above which nothing is unmarked; the latter if much was due
_SHORTEST_S = 0.45  # what is unmarked for less may be a hiccup of the codec
_EXPECTED = 5.0  # a stretch of which less was to be expected is never called unmarked
_WHOLE, _NOTHING = 0.4, 0.25  # shares of the expected score: below, between and above
_PARTLY = 0.3  # share of the usual score from which a piece is partly marked
_NEIGHBOURS_S = 3.0
_TELLING = 0.25  # a stretch whose evidence is quieter than this share of the usual says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was heard from ``start_s`` to ``end_s``, folded where the mark lies.

    ``cells``: (32, 32) evidence for each cell. ``loudness``: how much most of the picture said.
    """

    start_s: float
    end_s: float
    cells: NDArray[np.float16]
    loudness: float


def heard(window: Window, level: int, placement: sync.Placement) -> Heard:
    """``window`` folded at ``placement``."""
    soft = window.maps[level].astype(np.float32)
    return Heard(
        start_s=window.start_s,
        end_s=window.end_s,
        # A fold sums some hundred tiles of values up to 3: far inside of what float16 holds.
        cells=sync.cells_at(sync.clipped(soft), placement).astype(np.float16),
        # The median: captions on black are loud, but in a few places only.
        loudness=float(np.median(np.abs(soft))),
    )


def segments(track: Sequence[Heard], pattern: NDArray[np.float32]) -> tuple[Segment, ...]:
    """Where the mark with the steady ``pattern`` (32, 32; ±1, 0 elsewhere) is in ``track``.

    Stretches are as short as the mark's loudness allows. One with far less than its neighbours is
    ``unmarked``; one in between, partly exchanged perhaps, is ``unclear``.
    """
    if not track:
        return ()
    best: tuple[Segment, ...] = ()
    for length_s in _LENGTHS_S:
        spans = _spans(track, length_s)
        scores = np.array([_score(span.cells, pattern) for span in spans])
        if np.median(scores) < _LOUD_ENOUGH and length_s < _LENGTHS_S[-1]:
            continue
        expected = _expected(spans, scores)
        audible = _audible(spans)
        found = _bordered(_judged(spans, scores, expected, audible), track, pattern)
        if not best or _unclear(found) < _unclear(best):
            best = found
        # Longer stretches even out a codec's ripple, and would hide what was exchanged.
        if not _unclear(found) or np.any((scores < _NOTHING * expected) | ~audible):
            break
    return best


def _bordered(
    found: tuple[Segment, ...], track: Sequence[Heard], pattern: NDArray[np.float32]
) -> tuple[Segment, ...]:
    """``found`` with the borders between marked and unmarked where single pieces say they are."""
    scores = np.array([_score(piece.cells, pattern) for piece in track])
    starts = np.array([piece.start_s for piece in track])
    moved = list(found)
    for index in range(len(moved) - 1):
        here, there = moved[index : index + 2]
        if {here.state, there.state} != {"marked", "unmarked"}:
            continue
        marked = here if here.state == "marked" else there
        inside = (starts >= marked.start_s) & (starts < marked.end_s)
        usual = float(np.median(scores[inside])) if inside.any() else 0.0
        near = np.flatnonzero(np.abs(starts - here.end_s) <= _LENGTHS_S[-1] + 1e-6)
        near = near[(starts[near] > here.start_s) & (starts[near] < there.end_s)]
        if usual <= 0 or not len(near):
            continue
        # For "marked" against "unmarked" of each piece; of what is both, nothing is accused.
        told = usual * scores - _PARTLY * usual * usual
        sign = 1 if here.state == "marked" else -1
        worth = [sign * (told[near[0] : w].sum() - told[w : near[-1] + 1].sum()) for w in near]
        border = float(starts[near[int(np.argmax(worth))]])
        moved[index] = replace(here, end_s=border)
        moved[index + 1] = replace(there, start_s=border)
    return tuple(moved)


def _audible(spans: Sequence[Heard]) -> NDArray[np.bool_]:
    """Which of ``spans`` say enough for the mark's absence to mean something."""
    loudness = np.array([span.loudness for span in spans])
    return np.asarray((loudness >= _TELLING * np.median(loudness)) & (loudness > 0), np.bool_)


def _unclear(found: Sequence[Segment]) -> float:
    return sum(part.end_s - part.start_s for part in found if part.state == "unclear")


def _judged(
    spans: Sequence[Heard],
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    audible: NDArray[np.bool_],
) -> tuple[Segment, ...]:
    found = [
        Segment(
            start_s=span.start_s,
            end_s=span.end_s,
            state=_state(float(score), float(usual), audible=bool(heard_there)),
        )
        for span, score, usual, heard_there in zip(spans, scores, expected, audible, strict=True)
    ]
    return tuple(
        _merged(
            replace(part, state="unclear")
            if part.state == "unmarked" and part.end_s - part.start_s < _SHORTEST_S
            else part
            for part in _merged(found)
        )
    )


def _merged(found: Iterable[Segment]) -> list[Segment]:
    merged: list[Segment] = []
    for part in found:
        if merged and merged[-1].state == part.state:
            merged[-1] = replace(merged[-1], end_s=part.end_s)
        else:
            merged.append(part)
    return merged


def _state(
    score: float, usual: float, *, audible: bool
) -> Literal["marked", "unmarked", "unclear"]:
    if score >= max(_PRESENT, _WHOLE * usual):
        return "marked"
    absent = max(_ABSENT, min(_NOTHING * usual, _STILL_ABSENT))
    if audible and usual >= _EXPECTED and score < absent:
        return "unmarked"
    return "unclear"


def _score(cells: NDArray[np.float16], pattern: NDArray[np.float32]) -> float:
    """Standard deviations of the correlation of ``cells`` with ``pattern``."""
    values = cells.astype(np.float32)
    noise = float(values.std()) or 1.0
    return float((values * pattern).sum()) / noise / float(np.sqrt(np.abs(pattern).sum()))


def _expected(spans: Sequence[Heard], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each span's score should be: the lower one of the usual and of its surroundings'."""
    middles = np.array([(span.start_s + span.end_s) / 2 for span in spans])
    usual = float(np.median(scores))
    around = [
        float(np.median(scores[np.abs(middles - middle) <= _NEIGHBOURS_S])) for middle in middles
    ]
    # Many foreign stretches would pull the median down to themselves: half of the best holds it.
    floor = 0.5 * float(np.quantile(scores, 0.9))
    return np.asarray(np.maximum(np.minimum(usual, np.array(around)), floor), np.float64)


def _spans(track: Sequence[Heard], length_s: float) -> list[Heard]:
    """``track`` in stretches of ``length_s`` or more."""
    spans: list[Heard] = []
    last_s = track[-1].end_s
    for piece in track:
        # A frame's time is rounded in the file: a tenth of a frame is no reason to wait.
        too_short = spans and spans[-1].end_s - spans[-1].start_s < length_s - 0.01
        leftover = spans and last_s - piece.start_s < length_s - 0.01
        if too_short or leftover:
            before = spans[-1]
            spans[-1] = Heard(
                start_s=before.start_s,
                end_s=piece.end_s,
                cells=before.cells + piece.cells,
                loudness=max(before.loudness, piece.loudness),
            )
        else:
            spans.append(piece)
    return spans
