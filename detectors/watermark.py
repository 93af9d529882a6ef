"""The search for the mark over a file's luma."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from detectors.result import ClockFacts, GeometryFacts, SegmentFacts, WatermarkFacts
from provenance.errors import UnknownModel
from provenance.payload import model_by_number
from provenance.video import open_media
from provenance.watermark import ClipDetector, too_small
from provenance.watermark.detection import Detection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from provenance.keys import CarrierKey
    from provenance.payload import Payload
    from provenance.video import MediaReader, Picture
    from provenance.watermark.detection import Geometry, Segment

    Watcher: TypeAlias = Callable[[Picture, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search and how far it came.

    ``complete``: every picture was looked at. ``skipped`` says why nothing was searched at all.
    ``damaged`` says why decoding ended early. ``start_s``: time of the first picture.
    """

    detection: Detection
    complete: bool
    skipped: str | None = None
    damaged: str | None = None
    start_s: float = 0.0


def find_mark(path: Path, keys: Sequence[CarrierKey], *, fast: bool = False) -> Detection:
    """Searches the video at ``path`` for a mark under any of ``keys``.

    ``fast`` stops as soon as a tag verifies. Raises :class:`~provenance.errors.InputError`.
    """
    with open_media(path) as media:
        return search(media, keys, fast=fast).detection


def search(
    media: MediaReader,
    keys: Sequence[CarrierKey],
    *,
    fast: bool = False,
    regions: bool = True,
    known: Callable[[], Sequence[Payload]] | None = None,
    progress: Callable[[float], None] | None = None,
    watchers: Sequence[Watcher] = (),
) -> Search:
    """As :func:`find_mark` on an open file; ``progress`` is told the seconds that are done, each of
    ``watchers`` every picture that is looked at. ``regions``: parts of the picture without the mark
    are looked for. ``known``: marks to be held against what could not be read.
    """
    video = media.info.video
    if too_small(video.width, video.height):
        reason = f"{video.width}x{video.height} pixels are too few to carry a mark"
        return Search(detection=Detection(detected=False), complete=False, skipped=reason)
    detector = ClipDetector(
        keys=keys,
        width=video.width,
        height=video.height,
        fast=fast,
        regions=regions,
        known=known,
    )
    start, complete = media.info.start, True
    for picture in media.pictures():
        time_s = float(picture.time - start)
        detector.add(picture.luma, time_s=time_s, bits=picture.bits)
        for watch in watchers:
            watch(picture, time_s)
        if progress is not None:
            progress(time_s)
        if detector.decided:
            complete = False
            break
    return Search(
        detection=detector.finish(),
        complete=complete and media.damaged is None,
        damaged=media.damaged,
        start_s=float(start),
    )


def watermark_facts(detection: Detection) -> WatermarkFacts:
    """``detection`` as the report states it; a model number that we do not know gets a name."""
    payload, key = detection.payload, detection.key
    if not detection.detected or payload is None or key is None:
        return WatermarkFacts(
            detected=detection.detected,
            key=key.name if detection.detected and key is not None else None,
            presence_p=detection.presence_p,
            frames_used=detection.frames_used,
            seconds_used=round(detection.seconds_used, 3),
        )
    model, model_name = model_names(payload.model)
    return WatermarkFacts(
        detected=True,
        authenticated=not key.public,
        key=key.name,
        model=model,
        model_name=model_name,
        source=payload.source,
        date=payload.day.isoformat(),
        content_id=payload.content_id_hex,
        prompt_hash_prefix=payload.prompt_prefix,
        confidence=confidence(detection.false_positive_bound),
        false_positive_bound=detection.false_positive_bound,
        recognised_among=detection.recognised_among,
        frames_used=detection.frames_used,
        seconds_used=round(detection.seconds_used, 3),
        geometry=_geometry(detection.geometry),
        segments=tuple(
            SegmentFacts(
                start_s=round(s.start_s, 3),
                end_s=round(s.end_s, 3),
                state=s.state,
                content_id=_content_id(s, payload),
            )
            for s in detection.segments
        ),
        clock=tuple(
            ClockFacts(
                start_s=round(s.start_s, 3),
                end_s=round(s.end_s, 3),
                original_start_s=round(s.original_start_s, 2),
                speed=round(s.speed, 3),
                score=round(s.score, 1),
                goes_on=s.goes_on,
            )
            for s in detection.clock
        ),
    )


def _content_id(segment: Segment, payload: Payload) -> str | None:
    there = payload if segment.state == "marked" else segment.payload
    return None if there is None else there.content_id_hex


def _geometry(geometry: Geometry | None) -> GeometryFacts | None:
    """Rounded to what was measured, and in Python's own floats."""
    if geometry is None:
        return None
    x, y = geometry.offset
    return GeometryFacts(
        scale=round(float(geometry.scale), 4),
        rotation_deg=float(geometry.rotation_deg),
        flipped=bool(geometry.flipped),
        shown=round(float(geometry.shown), 4),
        offset=(round(float(x), 4), round(float(y), 4)),
    )


def model_names(number: int) -> tuple[str, str]:
    """Key and name of the model with this number on the wire, known or not."""
    try:
        model = model_by_number(number)
    except UnknownModel:
        return f"unknown-{number}", f"unknown model {number}"
    return model.key, model.name


def confidence(false_positive_bound: float) -> float:
    """1 − the bound, rounded down to four decimals (two of a percentage).

    Exact fractions: in floating point 1 − 1e-20 is 1, and a report must not say 100 %.
    """
    exact = 1 - Fraction(min(max(false_positive_bound, 0.0), 1.0))
    return min(int(exact * 10_000), 9_999) / 10_000
