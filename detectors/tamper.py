"""What was done to a video since it was marked and signed, as far as that can be known today.

Tampering and ordinary handling are kept apart: cropping, resizing or trimming is what platforms do
and is reported as ``modified``. What was not checked is said, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from detectors.order import ORDINARY_SPEED, SPEED_TOLERANCE, order_of, span, usual_speed
from detectors.regions import NAME as REGIONS
from detectors.regions import regions_of
from detectors.result import Check, Tampering

if TYPE_CHECKING:
    from detectors.altered import Altered
    from detectors.result import FileFacts, ManifestFacts, SegmentFacts, WatermarkFacts
    from provenance.watermark.detection import AbsenceMap, MissingRegion

LINES_AT_SCALE_1 = 480
"""``GeometryFacts.scale`` counts pixels in hand per pixel of an original with so many lines; the
mark gets no finer below that."""
SIZE_TOLERANCE = 0.02
OFFSET_TOLERANCE = 0.02
LENGTH_TOLERANCE_S = 0.5
LENGTH_TOLERANCE = 0.02

# C2PA status codes that say that what was signed is no longer what is here.
BROKEN_CODES = (
    "claimSignature.mismatch",
    "assertion.hashedURI.mismatch",
    "assertion.dataHash.mismatch",
    "assertion.bmffHash.mismatch",
    "assertion.boxesHash.mismatch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The video as it was stamped, from the store; ``duration_s`` None where it was not noted."""

    width: int
    height: int
    duration_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the examination looks at. ``complete``: the mark was searched in every picture.

    ``missing`` and ``absence``: as :class:`provenance.watermark.detection.Detection` says.
    ``altered``: places that are not what was marked, by its fingerprint.
    """

    file: FileFacts
    watermark: WatermarkFacts
    manifest: ManifestFacts
    complete: bool
    original: Original | None = None
    missing: tuple[MissingRegion, ...] | None = None
    absence: AbsenceMap | None = None
    altered: tuple[Altered, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """``tampered``: True, False, or None where too little could be checked to say either.

    ``as_signed``: somebody trusted signed these very bytes, so nothing was changed since.
    """

    tampered: bool | None
    tampering: tuple[Tampering, ...]
    modified: tuple[str, ...]
    checks: tuple[Check, ...]
    as_signed: bool = False


def examine(evidence: Evidence) -> Examination:
    """Signs of tampering and of ordinary handling in ``evidence``, and what was not checked."""
    binding, binding_check = _binding(evidence.manifest)
    if is_as_signed(evidence.manifest):
        # What looks like a cut, a caption or a part without the mark is in the video that was
        # signed. Anybody else may have signed what he changed.
        return Examination(
            tampered=False, tampering=(), modified=(), checks=(binding_check,), as_signed=True
        )
    parts, parts_check = _parts(evidence)
    order, order_check = order_of(evidence.watermark, complete=evidence.complete)
    handling = _handling(evidence)
    regions, regions_check = regions_of(
        evidence.missing, evidence.absence, evidence.file, evidence.altered
    )
    if regions and {"padded", "rotated"} & set(handling):
        # Filmed off a screen, or put into another picture: what is around it has no mark.
        regions, regions_check = (), _SURROUNDED
    length, modified_length, length_check = _length(evidence)
    tampering = (*binding, *regions, *parts, *order, *length)
    # Credentials that are there and cannot be used may be what was tampered with.
    unusable = evidence.manifest.present and evidence.manifest.state == "invalid"
    # Where pictures were not asked (there are none, or they are not marked), time is all.
    told = parts_check.state == "done" and regions_check.state != "failed"
    covered = told and not unusable
    return Examination(
        tampered=True if tampering else (False if covered else None),
        tampering=tampering,
        modified=(*handling, *modified_length),
        checks=(
            binding_check,
            parts_check,
            order_check,
            length_check,
            regions_check,
            *_UNCHECKED,
        ),
    )


def is_as_signed(manifest: ManifestFacts) -> bool:
    """Whether the bytes are those that somebody trusted signed."""
    binding, check = _binding(manifest)
    return check.state == "done" and not binding and manifest.state == "trusted"


_SURROUNDED = Check(
    name=REGIONS,
    state="failed",
    detail="the picture was turned, or lies in another: what has no mark may be around it",
)
_UNCHECKED = (
    Check(
        name="short_replacements",
        state="skipped",
        detail="footage of less than about a second that was exchanged or cut out can go unseen",
    ),
    Check(
        name="transcoding",
        state="skipped",
        detail="re-encoding alone leaves no trace that is looked for",
    ),
)


def _binding(manifest: ManifestFacts) -> tuple[tuple[Tampering, ...], Check]:
    name = "binding"
    if not manifest.present:
        detail = "no credentials whose hash could be compared with the file"
        return (), Check(name=name, state="skipped", detail=detail)
    # Codes of ingredients are among them, and do not make a valid file a changed one.
    codes = manifest.codes if manifest.state == "invalid" else ()
    broken = [code for code in codes if code.startswith(BROKEN_CODES)]
    if manifest.source == "recovered" and not manifest.binding_ok:
        detail = "the credentials come from the store: their hash is that of the original file"
        return (), Check(name=name, state="skipped", detail=detail)
    if manifest.binding_ok is False:
        detail = "the file was changed after it was signed: its hash is not the signed one"
        found = Tampering(kind="binding_broken", detail=detail)
        return (found,), Check(name=name, state="done", detail="compared: differs")
    if broken:
        detail = f"the credentials were changed after they were signed ({', '.join(broken)})"
        found = Tampering(kind="credentials_changed", detail=detail)
        return (found,), Check(name=name, state="done", detail="verified: fails")
    if manifest.binding_ok is None:
        detail = "the credentials do not say what file they belong to"
        return (), Check(name=name, state="skipped", detail=detail)
    detail = "the file is byte for byte what was signed"
    return (), Check(name=name, state="done", detail=detail)


def _parts(evidence: Evidence) -> tuple[tuple[Tampering, ...], Check]:
    name = "time_coverage"
    segments = evidence.watermark.segments
    if not evidence.watermark.detected:
        return (), Check(name=name, state="skipped", detail="no mark to follow through the video")
    if not evidence.complete:
        detail = "the search stopped before the end"
        return (), Check(name=name, state="skipped", detail=detail)
    if not segments:
        detail = "the mark was found in the video as a whole, not followed through time"
        return (), Check(name=name, state="skipped", detail=detail)
    found = tuple(
        _foreign(segment, segments) for segment in segments if segment.state == "unmarked"
    )
    unclear = [segment for segment in segments if segment.state == "unclear"]
    if unclear and not found:
        spans = ", ".join(span(part.start_s, part.end_s) for part in unclear)
        detail = f"the mark is too weak to follow at {spans}"
        return (), Check(name=name, state="failed", detail=detail)
    parts = "one part" if len(segments) == 1 else f"{len(segments)} parts"
    detail = f"the mark was followed through {parts} of the video"
    return found, Check(name=name, state="done", detail=detail)


def _foreign(part: SegmentFacts, segments: tuple[SegmentFacts, ...]) -> Tampering:
    marked = [segment for segment in segments if segment.state == "marked"]
    before = any(segment.end_s <= part.start_s for segment in marked)
    after = any(segment.start_s >= part.end_s for segment in marked)
    if part.content_id is not None:
        when = span(part.start_s, part.end_s)
        return Tampering(
            kind="spliced",
            start_s=part.start_s,
            end_s=part.end_s,
            detail=f"{when} comes from another marked video, {part.content_id}",
        )
    if before and after:
        kind, where = "inserted", "between marked parts"
    elif after:
        kind, where = "added_before", "before the marked video"
    else:
        kind, where = "added_after", "after the marked video"
    return Tampering(
        kind=kind,
        start_s=part.start_s,
        end_s=part.end_s,
        detail=f"{span(part.start_s, part.end_s)} carries no mark: inserted or replaced {where}",
    )


def _length(evidence: Evidence) -> tuple[tuple[Tampering, ...], tuple[str, ...], Check]:
    name, original, now = "length", evidence.original, evidence.file.duration_s
    if original is None or original.duration_s is None or now is None:
        detail = "the length of the original is not known here"
        return (), (), Check(name=name, state="skipped", detail=detail)
    then = original.duration_s
    tolerance = max(LENGTH_TOLERANCE_S, LENGTH_TOLERANCE * then)
    check = Check(name=name, state="done", detail=f"{now:.1f} s, the original {then:.1f} s")
    if now > then + tolerance:
        detail = (
            f"the file runs {now:.1f} s, the original {then:.1f} s: "
            "material was added, repeated or slowed down"
        )
        return (Tampering(kind="lengthened", detail=detail),), (), check
    return (), ("trimmed",) if now < then - tolerance else (), check


def _handling(evidence: Evidence) -> tuple[str, ...]:
    mark, manifest = evidence.watermark, evidence.manifest
    if not mark.detected:
        return ()
    found = list(_geometry(evidence))
    if SPEED_TOLERANCE < abs(usual_speed(mark.clock) - 1) <= ORDINARY_SPEED:
        found.append("speed_changed")
    # A picture of another shape or size cannot have been copied without encoding it again. Turning
    # by quarter turns can: that may be a note in the file.
    if {"cropped", "padded", "resized", "mirrored"} & set(found):
        found.append("transcoded")
    if manifest.source == "recovered":
        found.append("credentials_removed")
    return tuple(found)


def _geometry(evidence: Evidence) -> tuple[str, ...]:
    geometry, file, original = evidence.watermark.geometry, evidence.file, evidence.original
    if geometry is None or file.width is None or file.height is None:
        return ()
    found = []
    turned = geometry.rotation_deg % 180 != 0
    width, height = (file.height, file.width) if turned else (file.width, file.height)
    cropped = geometry.shown < 1 - SIZE_TOLERANCE or any(
        min(part % 1, -part % 1) > OFFSET_TOLERANCE for part in geometry.offset
    )
    padded = geometry.shown > 1 + SIZE_TOLERANCE
    if original is not None:
        # Pixels in hand for each pixel of the original: known only with the original's size.
        as_marked = max(1.0, min(original.width, original.height) / LINES_AT_SCALE_1)
        zoom = geometry.scale / as_marked
        shares = (width / zoom / original.width, height / zoom / original.height)
        cropped = cropped or min(shares) < 1 - SIZE_TOLERANCE
        padded = padded or max(shares) > 1 + SIZE_TOLERANCE
        if abs(zoom - 1) > SIZE_TOLERANCE:
            found.append("resized")
    if padded:
        found.insert(0, "padded")
    if cropped:
        found.insert(0, "cropped")
    if geometry.flipped:
        found.append("mirrored")
    if geometry.rotation_deg % 360:
        found.append("rotated")
    return tuple(found)
