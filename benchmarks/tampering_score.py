"""What was found beside what was done, and the tables of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tables import markdown
from benchmarks.tampering_controls import CONTROLS
from benchmarks.tampering_files import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.tampering_kinds import Box, Truth
    from detectors.result import Result, Tampering

OVERLAP, TIME_S = 0.5, 0.5
# What follows from a change is no second finding: what was added makes the file longer, and sound
# that was cut along with its pictures is cut, too.
CUT_FOLLOWS = frozenset({"lengthened", "audio_replaced", "audio_shifted", "audio_muted"})
# Where most of the picture is another one, it is not the one that was marked.
REPLACED_FOLLOWS = frozenset({"watermark_copied"})
MOST = 0.5


def score(result: Result, truth: Truth | None) -> dict[str, Any]:
    """What was found beside what was done; ``truth`` None: nothing was."""
    found = [
        [sign.kind, sign.start_s, sign.end_s, sign.region, sign.confidence]
        for sign in result.tampering
    ]
    line: dict[str, Any] = {"found": found, "tampered": result.tampered}
    line["read"] = result.mark.content_id is not None
    if truth is None:
        return line | {"clean": not found}
    kinds = {sign.kind for sign in result.tampering}
    line["kind"] = truth.kind in kinds and kinds <= _following(result, truth) | {truth.kind}
    line["named"] = truth.kind in kinds
    if truth.places:
        line["overlap"] = overlap(result.tampering, truth)
    if truth.cuts:
        line["error_s"] = [near(result.tampering, cut) for cut in truth.cuts]
    return line


def _following(result: Result, truth: Truth) -> frozenset[str]:
    """The kinds that a change as ``truth`` says brings along."""
    if truth.cuts:
        return CUT_FOLLOWS
    whole = (result.file.width or 0) * (result.file.height or 0)
    widest = max((box[2] * box[3] for _, _, box in truth.places), default=0)
    return REPLACED_FOLLOWS if widest > MOST * whole else frozenset()


def overlap(signs: Sequence[Tampering], truth: Truth) -> float:
    """Mean over the time that was changed of the intersection over union of what was found then.

    What was found is the box around all regions at that time; what was done, the box around all
    that was changed while they last.
    """
    start_s, end_s = truth.places[0][0], truth.places[-1][1]
    told = []
    for time in np.arange(start_s + 0.05, end_s - 0.05, 0.1).tolist():
        now = [
            (sign.start_s, sign.end_s, sign.region)
            for sign in signs
            if sign.region is not None and sign.start_s is not None and sign.end_s is not None
            if sign.start_s <= time < sign.end_s
        ]
        if not now:
            told.append(0.0)
            continue
        first, last = max(s for s, _, _ in now), min(e for _, e, _ in now)
        done = _around([box for s, e, box in truth.places if s < last and e > first])
        told.append(_iou(_around([box for _, _, box in now]), done))
    return float(np.mean(told))


def _around(boxes: Sequence[Box]) -> Box:
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    return left, top, right - left, bottom - top


def _iou(one: Box, other: Box) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0, width) * max(0, height)
    return common / (one[2] * one[3] + other[2] * other[3] - common)


def near(signs: Sequence[Tampering], cut_s: float) -> float:
    """Seconds from ``cut_s`` to the next beginning or end of a finding; 99 without one."""
    times = [t for sign in signs for t in (sign.start_s, sign.end_s) if t is not None]
    return round(min((abs(t - cut_s) for t in times), default=99.0), 2)


def report(lines: Sequence[dict[str, Any]]) -> str:
    """Tables by kind and by control, with the sums."""
    shown = [name for name in names() if any(line["name"] == name for line in lines)]
    done = {name: [line for line in lines if line["name"] == name] for name in shown}
    rows = [
        [name, str(len(done[name])), *(_share(each) for each in _told(done[name]))]
        for name in shown
        if name not in CONTROLS
    ]
    changed = [line for line in lines if "clean" not in line]
    if changed:
        rows.append(["all", str(len(changed)), *(_share(each) for each in _told(changed))])
    text = markdown(["tampering", "clips", "kind", "named", "overlap", "time"], rows)
    controls = [
        [name, str(len(done[name])), _share([line["clean"] for line in done[name]])]
        for name in shown
        if name in CONTROLS
    ]
    clean = [line["clean"] for line in lines if "clean" in line]
    if clean:
        controls.append(["all", str(len(clean)), _share(clean)])
    return text + "\n\n" + markdown(["no tampering", "clips", "no finding"], controls)


def _told(lines: Sequence[dict[str, Any]]) -> list[list[bool]]:
    return [
        [line["kind"] for line in lines],
        [line["named"] for line in lines],
        [line["overlap"] >= OVERLAP for line in lines if "overlap" in line],
        [max(line["error_s"]) <= TIME_S for line in lines if "error_s" in line],
    ]


def _share(told: Sequence[bool]) -> str:
    return f"{100 * sum(told) / len(told):.1f} %" if told else "-"
