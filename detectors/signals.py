"""The facts about a file, reduced to the signals that a verdict depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.manifest import agreement_of, claim_of
from detectors.verdict import Signals

if TYPE_CHECKING:
    from detectors.result import ManifestFacts, WatermarkFacts
    from detectors.verdict import Claim, Mark, Medium

_MARK_CLAIMS: dict[str, Claim] = {"generated": "generated", "edited": "edited"}


def signals_of(
    mark: WatermarkFacts, manifest: ManifestFacts, medium: Medium = "pictures"
) -> Signals:
    """The facts, reduced to what the verdict depends on."""
    return Signals(
        medium=medium,
        mark=_mark_of(mark),
        mark_claim=_MARK_CLAIMS.get(mark.source or "", "other"),
        credentials=(manifest.state or "invalid") if manifest.present else "none",
        claim=claim_of(manifest),
        agreement=agreement_of(mark, manifest),
    )


def _mark_of(mark: WatermarkFacts) -> Mark:
    if not mark.detected:
        return "none"
    if mark.content_id is None:
        return "unread"
    return "private" if mark.authenticated else "public"
