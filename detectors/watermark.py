"""The search for the mark over a file's luma."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from detectors.result import GeometryFacts, SegmentFacts, WatermarkFacts
from provenance.errors import UnknownModel
from provenance.payload import model_by_number
from provenance.video import open_media
from provenance.watermark import ClipDetector, too_small
from provenance.watermark.detection import Detection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from provenance.keys import CarrierKey
    from provenance.video import MediaReader


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
    progress: Callable[[float], None] | None = None,
) -> Search:
    """As :func:`find_mark` on an open file; ``progress`` is told the seconds that are done."""
    video = media.info.video
    if too_small(video.width, video.height):
        reason = f"{video.width}x{video.height} pixels are too few to carry a mark"
        return Search(detection=Detection(detected=False), complete=False, skipped=reason)
    detector = ClipDetector(keys=keys, width=video.width, height=video.height, fast=fast)
    start = media.info.start
    for picture in media.pictures():
        time_s = float(picture.time - start)
        detector.add(picture.luma, time_s=time_s, bits=picture.bits)
        if progress is not None:
            progress(time_s)
        if detector.decided:
            break
    return Search(
        detection=detector.finish(),
        complete=not detector.decided and media.damaged is None,
        damaged=media.damaged,
        start_s=float(start),
    )


def watermark_facts(detection: Detection) -> WatermarkFacts:
    """``detection`` as the report states it; a model number that we do not know gets a name."""
    payload, key = detection.payload, detection.key
    if not detection.detected or payload is None or key is None:
        return WatermarkFacts(
            detected=False,
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
        date=payload.day.isoformat(),
        content_id=payload.content_id_hex,
        prompt_hash_prefix=payload.prompt_prefix,
        confidence=confidence(detection.false_positive_bound),
        false_positive_bound=detection.false_positive_bound,
        frames_used=detection.frames_used,
        seconds_used=round(detection.seconds_used, 3),
        geometry=GeometryFacts(**asdict(detection.geometry)) if detection.geometry else None,
        segments=tuple(SegmentFacts(**asdict(segment)) for segment in detection.segments),
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
