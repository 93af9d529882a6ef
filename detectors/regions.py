"""Regions of the picture that were replaced or covered: the mark is missing there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.order import span
from detectors.result import Check, Tampering, TamperMap

if TYPE_CHECKING:
    from detectors.result import FileFacts
    from provenance.watermark.detection import AbsenceMap, Detection, MissingRegion

NAME = "picture_regions"
TOLD = 0.5  # share of picture and time of which something must be known for the check to count
MUCH = 0.15  # of the picture, without the mark
_GONE = 0.9
CONFIDENCE = 0.96
"""That a file which nobody tampered with has no such finding, whatever its size.

Of 90 files from five stretches that thresholds were not tuned on (two rules were made stricter
after a first run of them; see docs/measurements.md) none had one: no more than 3.3 % (95 %, rule of
three, were they independent). The likelihood ratio behind a finding is no probability: it decides,
and is not told.
"""


def regions_of(
    missing: tuple[MissingRegion, ...] | None, absence: AbsenceMap | None, file: FileFacts
) -> tuple[tuple[Tampering, ...], Check]:
    """Signs of changes to a part of the picture, and what was checked."""
    if missing is None or absence is None or file.width is None or file.height is None:
        detail = "changes to a part of the picture are not looked for"
        return (), Check(name=NAME, state="skipped", detail=detail)
    found = tuple(_sign(region, file.width, file.height) for region in missing)
    told = float((~np.isnan(absence.grid)).mean()) if absence.grid.size else 0.0
    if told < TOLD and not found:
        detail = f"the mark is too faint to tell in {100 * (1 - told):.0f} % of the picture"
        return (), Check(name=NAME, state="failed", detail=detail)
    detail = "the mark was looked for in every part of the picture; nothing can be told in "
    detail += (
        f"{100 * (1 - told):.0f} % of it, nor of white and black places, nor of what is smaller "
        "than about a seventh of it"
    )
    return found, Check(name=NAME, state="done", detail=detail)


def much_missing(detection: Detection) -> bool:
    """Whether the mark is missing in so much of the picture that other pictures are no surprise.

    A mark that was copied onto another video is everywhere in it.
    """
    boxes = [region.box for region in detection.missing or ()]
    if any(width * height >= MUCH for _, _, width, height in boxes):
        return True
    return _share_missing(detection.absence) >= MUCH


def _share_missing(absence: AbsenceMap | None) -> float:
    """Share of what can be told of the picture in which the mark rather is missing."""
    if absence is None:
        return 0.0
    told = absence.grid[~np.isnan(absence.grid)]
    return float((told > _GONE).mean()) if told.size else 0.0


def _sign(region: MissingRegion, width: int, height: int) -> Tampering:
    x, y, w, h = region.box
    left, top = round(x * width), round(y * height)
    right, bottom = round((x + w) * width), round((y + h) * height)
    when = span(region.start_s, region.end_s)
    if region.still:
        kind, what = "overlay", "covered by something drawn that stands still"
    else:
        kind, what = "region_replaced", "replaced, painted over or blurred"
    return Tampering(
        kind=kind,
        start_s=round(region.start_s, 3),
        end_s=round(region.end_s, 3),
        region=(left, top, right - left, bottom - top),
        detail=f"the mark is missing in a part of the picture at {when}: {what}",
        confidence=CONFIDENCE,
    )


def tamper_map(absence: AbsenceMap | None, file: FileFacts) -> TamperMap | None:
    """``absence`` as the result carries it; None where there is none."""
    if absence is None or file.width is None or file.height is None:
        return None
    return TamperMap(
        times_s=tuple(round(edge, 3) for edge in absence.times_s),
        grid=absence.grid,
        width=file.width,
        height=file.height,
    )
