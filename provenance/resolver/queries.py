"""From a soft binding to the manifests that it leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from provenance.fingerprint import (
    SoundFingerprint,
    VideoFingerprint,
    match,
)
from provenance.fingerprint.sound import ALGORITHM as SOUND
from provenance.fingerprint.video import ALGORITHM as VIDEO
from provenance.store.subprints import sound_queries, video_queries

if TYPE_CHECKING:
    from provenance.fingerprint import Fingerprint
    from provenance.resolver.content import ContentReading
    from provenance.store import ManagedStore

MARK: Final = "org.everyframe.mark.1"
WATERMARKS, FINGERPRINTS = (MARK,), (VIDEO, SOUND)
ID_BYTES = 7
_COMPARED = 12  # candidates of the index that are put side by side with what was asked
_NEAR = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A manifest and how well it fits: 0 … 100."""

    manifest_id: str
    score: int


def by_binding(store: ManagedStore, algorithm: str, value: bytes, *, limit: int) -> list[Match]:
    """The manifests that ``value`` leads to, best first.

    Raises :class:`ValueError` for a value that the algorithm does not have.
    """
    if algorithm == MARK:
        return by_mark(store, content_id_of(value), limit=limit)
    if algorithm == VIDEO:
        return by_fingerprint(store, VideoFingerprint.from_bytes(value), limit=limit)
    if algorithm == SOUND:
        return by_fingerprint(store, SoundFingerprint.from_bytes(value), limit=limit)
    return [
        Match(manifest_id=found, score=100) for found in store.bound(algorithm, value, limit=limit)
    ]


def by_content(store: ManagedStore, reading: ContentReading, *, limit: int) -> list[Match]:
    """By the mark where one was read, else by what is seen and heard."""
    if reading.content_id is not None and (
        found := by_mark(store, reading.content_id, limit=limit)
    ):
        return found
    best: dict[str, int] = {}
    for one in (reading.prints.video, reading.prints.sound):
        for hit in [] if one is None else by_fingerprint(store, one, limit=limit):
            best[hit.manifest_id] = max(hit.score, best.get(hit.manifest_id, 0))
    ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:limit]
    return [Match(manifest_id=name, score=score) for name, score in ranked]


def by_mark(store: ManagedStore, content_id: str, *, limit: int) -> list[Match]:
    """The manifest of the file that was marked, then those of what was made of it."""
    found = store.manifest_ids(content_id, limit=limit)
    return [Match(manifest_id=name, score=100) for name in found]


def by_fingerprint(store: ManagedStore, fingerprint: Fingerprint, *, limit: int) -> list[Match]:
    """Those that the index names and that are, side by side, the same content."""
    is_video = isinstance(fingerprint, VideoFingerprint)
    keys = (
        video_queries(fingerprint)
        if isinstance(fingerprint, VideoFingerprint)
        else sound_queries(fingerprint)
    )
    found: list[Match] = []
    candidates = store.similar(keys, limit=_COMPARED)
    for candidate in candidates:
        # One was found, and the others share so little that chance explains it.
        if found and candidate.hits < _NEAR * candidates[0].hits:
            break
        record = store.get_manifest(candidate.manifest_id)
        data = None
        if record is not None:
            data = record.video_fingerprint if is_video else record.audio_fingerprint
        if data is None:
            continue
        kept = (VideoFingerprint if is_video else SoundFingerprint).from_bytes(data)
        result = match(fingerprint, kept)
        if result.same:
            score = round(100 * max(0.0, result.score))
            found.append(Match(manifest_id=candidate.manifest_id, score=score))
    return sorted(found, key=lambda hit: -hit.score)[:limit]


def content_id_of(value: bytes) -> str:
    """14 hex digits; raises :class:`ValueError` for other than seven bytes."""
    if len(value) != ID_BYTES:
        raise ValueError(f"a content id has {ID_BYTES} bytes, not {len(value)}")
    return value.hex()
