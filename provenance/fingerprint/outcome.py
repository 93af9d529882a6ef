"""What a comparison of two fingerprints says: data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenance.fingerprint.geometry import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintMatch:
    """``score``: mean correlation over what was compared, −1…1. ``offset_s``: the time in the
    reference of the query's beginning, by the best run. ``matched_s``: seconds of the query that
    are found in the reference. ``false_match_bound``: how likely so good a best run is between
    different contents. ``same``: None where neither can be said.

    ``window`` (pictures): what part of the reference the query shows; ``mirrored``: left is right.
    ``scores``: the correlation of each second of the query (pictures), of each run (sound).
    """

    score: float
    offset_s: float
    matched_s: float
    false_match_bound: float
    same: bool | None
    window: Window | None = None
    mirrored: bool = False
    scores: tuple[float, ...] = ()


NOT_COMPARED = FingerprintMatch(
    score=0.0, offset_s=0.0, matched_s=0.0, false_match_bound=1.0, same=None
)
