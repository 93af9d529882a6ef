"""The facts about a file, reduced to the signals that a verdict depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.manifest import agreement_of, claim_of
from detectors.verdict import Signals

if TYPE_CHECKING:
    from detectors.result import ManifestFacts, WatermarkFacts
    from detectors.verdict import Claim, Content, Extent, Mark, Medium

_MARK_CLAIMS: dict[str, Claim] = {"generated": "generated", "edited": "edited"}


def signals_of(
    mark: WatermarkFacts,
    manifest: ManifestFacts,
    medium: Medium = "pictures",
    content: Content = "unknown",
) -> Signals:
    """The facts, reduced to what the verdict depends on.

    ``content``: what a fingerprint says of the pictures and the sound.
    """
    return Signals(
        medium=medium,
        mark=_mark_of(mark),
        mark_claim=_MARK_CLAIMS.get(mark.source or "", "other"),
        credentials=(manifest.state or "invalid") if manifest.present else "none",
        claim=claim_of(manifest),
        agreement=agreement_of(mark, manifest),
        content=content,
        extent=_extent_of(mark, manifest),
    )


def _extent_of(mark: WatermarkFacts, manifest: ManifestFacts) -> Extent:
    if manifest.state in {"valid", "trusted"} and manifest.binding_ok:
        return "unknown"  # the whole file, byte for byte, is what was signed
    seconds = {"marked": 0.0, "unmarked": 0.0, "unclear": 0.0}
    for part in mark.segments:
        seconds[part.state] += part.end_s - part.start_s
    if not seconds["marked"]:
        return "unknown"
    return "part" if seconds["marked"] < seconds["unmarked"] else "whole"


def _mark_of(mark: WatermarkFacts) -> Mark:
    if not mark.detected:
        return "none"
    if mark.content_id is None:
        return "unread"
    return "private" if mark.authenticated else "public"
