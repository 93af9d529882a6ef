"""What the mark's clock says: cuts, repetitions, another order, and parts changed in speed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from detectors.result import Check, Tampering

if TYPE_CHECKING:
    from detectors.result import ClockFacts, SegmentFacts, WatermarkFacts

CLOCK_TOLERANCE_S = 1.0  # two readings of runs that were found apart, each good to half a second
LEAP_TOLERANCE_S = 0.45  # within a run that goes on, whose leap was worth believing
CLOCK_COVERAGE = 0.8
SPEED_TOLERANCE = 0.02
PART_SPEED_TOLERANCE = 0.12  # of a part beside the rest: short parts tell less
ORDINARY_SPEED = 0.08  # what conversions of frame rates change; more is somebody's doing
_EDGE_S = 0.3
_HELD_S = 1.2  # a faint clock seems to stand still for about a second now and then
_HELD, _BACKWARDS = 0.25, -0.25  # speeds below which a picture is held, and runs backwards


def order_of(mark: WatermarkFacts, *, complete: bool) -> tuple[tuple[Tampering, ...], Check]:
    """Signs of another order in time, and what was checked."""
    name, runs = "order", mark.clock
    if mark.content_id is None:
        return (), Check(name=name, state="skipped", detail="no mark with a clock to read")
    if not complete:
        return (), Check(name=name, state="skipped", detail="the search stopped before the end")
    if not runs:
        detail = "the mark's clock is too weak here, so cuts and reordering cannot be seen"
        return (), Check(name=name, state="failed", detail=detail)
    read_s = sum(run.end_s - run.start_s for run in runs)
    runs = tuple(_trimmed(run, mark.segments) for run in runs)
    runs = tuple(run for index, run in enumerate(runs) if _is_beside(runs, index))
    usual = usual_speed(runs)
    if abs(usual - 1) > ORDINARY_SPEED:
        usual = 1.0
    found = [
        sign
        for index, run in enumerate(runs)
        if (sign := _changed(run, usual) or _break(runs[:index], run, mark.segments)) is not None
    ]
    marked_s = sum(part.end_s - part.start_s for part in mark.segments if part.state == "marked")
    if read_s < CLOCK_COVERAGE * marked_s and not found:
        detail = f"the mark's clock could be read in {read_s:.1f} of {marked_s:.1f} s"
        return (), Check(name=name, state="failed", detail=detail)
    detail = f"the mark's clock was read in {len(runs)} run{'s' if len(runs) > 1 else ''}"
    return _told_once(found), Check(name=name, state="done", detail=detail)


def _told_once(found: list[Tampering]) -> tuple[Tampering, ...]:
    """``found`` without cuts that only say that what was moved is missing where it was."""
    kept = []
    for index, sign in enumerate(found):
        moved = [later for later in found[index + 1 :] if later.kind == "reordered"]
        if sign.kind == "cut" and moved:
            at = found.index(moved[0])
            found[at] = replace(moved[0], start_s=sign.start_s)
            continue
        kept.append(sign)
    return tuple(kept)


def usual_speed(runs: tuple[ClockFacts, ...]) -> float:
    """The speed of most of the time, 1 where the clock was not read."""
    if not runs:
        return 1.0
    by_speed: dict[float, float] = {}
    for run in runs:
        if run.speed > _HELD:
            by_speed[run.speed] = by_speed.get(run.speed, 0.0) + run.end_s - run.start_s
    whole_s = sum(by_speed.values())
    if not by_speed or by_speed.get(1.0, 0.0) > whole_s / 4:
        return 1.0
    return max(by_speed, key=lambda speed: by_speed[speed])


def _trimmed(run: ClockFacts, segments: tuple[SegmentFacts, ...]) -> ClockFacts:
    """``run`` less what lies at its ends and carries no mark that can be seen."""
    for part in segments:
        if part.state == "marked" or part.end_s - part.start_s < LEAP_TOLERANCE_S:
            continue
        if run.start_s < part.start_s < run.end_s <= part.end_s + _EDGE_S:
            run = replace(run, end_s=part.start_s)
        elif part.start_s - _EDGE_S <= run.start_s < part.end_s < run.end_s:
            shown_s = run.original_start_s + run.speed * (part.end_s - run.start_s)
            run = replace(run, start_s=part.end_s, original_start_s=shown_s)
    return run


def _is_beside(runs: tuple[ClockFacts, ...], index: int) -> bool:
    """Whether a picture that seems to be held is what was shown just before or is shown just after.

    Else little was read there: where a scene stands still, a faint clock seems to stand still, too.
    """
    run = runs[index]
    if abs(run.speed) >= _HELD:
        return True
    shown_s = [run.original_start_s]
    if index:
        before = runs[index - 1]
        shown_s.append(before.original_start_s + before.speed * (before.end_s - before.start_s))
    if index + 1 < len(runs):
        shown_s.append(runs[index + 1].original_start_s)
    return any(abs(other_s - shown_s[0]) <= CLOCK_TOLERANCE_S for other_s in shown_s[1:])


def _changed(run: ClockFacts, usual: float) -> Tampering | None:
    """``run`` as a part that goes on in another way than most of the video."""
    sign = partial(Tampering, start_s=run.start_s, end_s=run.end_s)
    shown = span(run.start_s, run.end_s)
    if abs(run.speed - usual) <= PART_SPEED_TOLERANCE * abs(usual):
        return None
    if run.speed < _BACKWARDS:
        detail = f"{shown} runs backwards from second {run.original_start_s:.1f} of the original"
        return sign(kind="reversed", detail=detail)
    if run.speed < _HELD:
        if run.end_s - run.start_s < _HELD_S - 1e-3:
            return None
        detail = f"{shown} holds second {run.original_start_s:.1f} of the original"
        return sign(kind="frozen", detail=detail)
    detail = f"{shown} runs at {run.speed / usual:.2f} times the usual speed"
    return sign(kind="speed_changed", detail=detail)


def _break(
    earlier: tuple[ClockFacts, ...], run: ClockFacts, segments: tuple[SegmentFacts, ...]
) -> Tampering | None:
    """What happened between ``earlier`` runs and the next one, ``run``."""
    if not earlier:
        return None
    before = earlier[-1]
    gap_s = run.start_s - before.end_s
    # What was shown backwards was shown up to where it began.
    pace = max(before.speed, 0.0)
    expected_s = before.original_start_s + pace * (run.start_s - before.start_s)
    ahead_s = run.original_start_s - expected_s
    foreign_s = _overlap_s(segments, "unmarked", before.end_s, run.start_s)
    tolerance_s = LEAP_TOLERANCE_S if run.goes_on else CLOCK_TOLERANCE_S
    if before.speed < _BACKWARDS:
        tolerance_s += CLOCK_TOLERANCE_S  # where that ends is seen less well
    # Where foreign material lies between, the original may stand still meanwhile or run on.
    if -foreign_s * pace - tolerance_s <= ahead_s <= tolerance_s:
        return None
    sign = partial(Tampering, start_s=before.end_s, end_s=max(run.start_s, before.end_s))
    if gap_s > LEAP_TOLERANCE_S and abs(ahead_s + gap_s * pace) < tolerance_s:
        # Nothing of the original went by meanwhile.
        marked_s = _overlap_s(segments, "marked", before.end_s, run.start_s)
        kind = "frozen" if marked_s > gap_s / 2 else "inserted"
        what = "a picture is held" if kind == "frozen" else "something else is shown"
        return sign(kind=kind, detail=f"{what} at {span(before.end_s, run.start_s)}")
    if ahead_s > 0:
        detail = f"about {ahead_s:.1f} s of the original are missing"
        if gap_s > CLOCK_TOLERANCE_S:
            detail += " here, or lie elsewhere"
        return sign(kind="cut", detail=detail)
    first_s = run.original_start_s + tolerance_s
    last_s = run.original_start_s + run.speed * (run.end_s - run.start_s) - tolerance_s
    repeated = any(
        seen.original_start_s + seen.speed * (seen.end_s - seen.start_s) > first_s
        and seen.original_start_s < last_s
        for seen in earlier
    )
    shown = span(run.start_s, run.end_s)
    original = span(run.original_start_s, last_s + tolerance_s)
    if repeated:
        detail = f"{shown} shows {original} of the original again"
        return sign(kind="repeated", detail=detail)
    detail = f"{shown} shows {original} of the original, which came before"
    return sign(kind="reordered", detail=detail)


def _overlap_s(
    segments: tuple[SegmentFacts, ...], state: str, start_s: float, end_s: float
) -> float:
    """Seconds of ``segments`` in ``state`` between ``start_s`` and ``end_s``."""
    return sum(
        max(0.0, min(part.end_s, end_s) - max(part.start_s, start_s))
        for part in segments
        if part.state == state
    )


def span(start_s: float, end_s: float) -> str:
    """``3.0-4.5 s``"""
    return f"{start_s:.1f}-{end_s:.1f} s"
