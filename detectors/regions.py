"""Regions of the picture that were replaced or covered: the mark is missing there, or what is shown
is not what was marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.order import span
from detectors.result import Check, Tampering, TamperMap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.altered import Altered
    from detectors.result import FileFacts
    from provenance.watermark.detection import AbsenceMap, Detection, MissingRegion

NAME = "picture_regions"
TOLD = 0.5  # share of picture and time of which something must be known for the check to count
MUCH = 0.15  # of the picture, without the mark
_GONE = 0.9
_SAME = 0.3  # of the smaller of two regions: so much in common makes them one
_STANDS_STILL = "covered by something drawn that stands still"
CONFIDENCE = 0.96
"""That a file which nobody tampered with has no such finding, whatever its size.

Of 90 files from five stretches that thresholds were not tuned on (two rules were made stricter
after a first run of them; see docs/measurements.md) none had one: no more than 3.3 % (95 %, rule of
three, were they independent). The likelihood ratio behind a finding is no probability: it decides,
and is not told.
"""


def regions_of(
    missing: tuple[MissingRegion, ...] | None,
    absence: AbsenceMap | None,
    file: FileFacts,
    altered: Sequence[Altered] = (),
) -> tuple[tuple[Tampering, ...], Check]:
    """Signs of changes to a part of the picture, and what was checked.

    What both the mark and the fingerprint tell is told once, where the mark says that it is.
    """
    if missing is None or absence is None or file.width is None or file.height is None:
        detail = "changes to a part of the picture are not looked for"
        return (), Check(name=NAME, state="skipped", detail=detail)
    size = (file.width, file.height)
    news = [place for place in altered if not any(_same_place(region, place) for region in missing)]
    found = (*(_sign(region, size) for region in missing), *(_altered(one, size) for one in news))
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


def _same_place(region: MissingRegion, other: Altered) -> bool:
    """Whether both are there at the same time, and one of them mostly where the other is."""
    if min(region.end_s, other.end_s) <= max(region.start_s, other.start_s):
        return False
    (x, y, w, h), (left, top, width, height) = region.box, other.box
    across = min(x + w, left + width) - max(x, left)
    down = min(y + h, top + height) - max(y, top)
    return max(0.0, across) * max(0.0, down) > _SAME * min(w * h, width * height)


def _sign(region: MissingRegion, size: tuple[int, int]) -> Tampering:
    when = span(region.start_s, region.end_s)
    what = _STANDS_STILL if region.still else "replaced, painted over or blurred"
    return Tampering(
        kind="overlay" if region.still else "region_replaced",
        start_s=round(region.start_s, 3),
        end_s=round(region.end_s, 3),
        region=_pixels(region.box, size),
        detail=f"the mark is missing in a part of the picture at {when}: {what}",
        confidence=CONFIDENCE,
    )


def _altered(place: Altered, size: tuple[int, int]) -> Tampering:
    when = span(place.start_s, place.end_s)
    what = _STANDS_STILL if place.still else "replaced or painted over"
    return Tampering(
        kind="overlay" if place.still else "region_replaced",
        start_s=round(place.start_s, 3),
        end_s=round(place.end_s, 3),
        region=_pixels(place.box, size),
        detail=f"a part of the picture at {when} is not what was marked: {what}",
    )


def _pixels(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    (x, y, w, h), (width, height) = box, size
    left, top = round(x * width), round(y * height)
    return left, top, round((x + w) * width) - left, round((y + h) * height) - top


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
