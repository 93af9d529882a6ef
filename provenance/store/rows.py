"""Records as rows of a table, and back."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from provenance.errors import StoreError
from provenance.fingerprint import SoundFingerprint, VideoFingerprint
from provenance.store.labels import active_label
from provenance.store.records import Mark, StoredManifest
from provenance.store.subprints import sound_keys, video_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = (
    "content_id, manifest, mime, model, day, prompt_hash, created, width, height, duration_s, "
    "video_fingerprint, audio_fingerprint, keep_until"
)
"""What :func:`record_of` reads; :func:`values_of` gives the label after them."""


def label_of(manifest: bytes) -> str:
    """What a manifest is called in a store: its label, or its digest where it has none."""
    return active_label(manifest) or f"urn:sha256:{hashlib.sha256(manifest).hexdigest()}"


def text_of(time: datetime) -> str:
    """ISO 8601 in UTC, which sorts as text."""
    return time.astimezone(UTC).isoformat()


def values_of(record: StoredManifest) -> tuple[Any, ...]:
    """Values for :data:`COLUMNS` and ``manifest_id``."""
    return (
        record.content_id,
        record.manifest,
        record.mime,
        record.model,
        record.day.isoformat(),
        record.prompt_hash,
        text_of(record.created),
        record.width,
        record.height,
        record.duration_s,
        record.video_fingerprint,
        record.audio_fingerprint,
        None if record.keep_until is None else text_of(record.keep_until),
        label_of(record.manifest),
    )


def record_of(row: Sequence[Any], *, keeps_mark: bool, name: str) -> StoredManifest:
    """``row`` of :data:`COLUMNS`; raises :class:`StoreError` for a damaged one in the database
    ``name``.
    """
    try:
        return StoredManifest(
            content_id=row[0],
            manifest=bytes(row[1]),
            mime=row[2],
            model=row[3],
            day=date.fromisoformat(row[4]),
            prompt_hash=row[5],
            created=datetime.fromisoformat(row[6]),
            width=row[7],
            height=row[8],
            duration_s=row[9],
            video_fingerprint=None if row[10] is None else bytes(row[10]),
            audio_fingerprint=None if row[11] is None else bytes(row[11]),
            keep_until=None if row[12] is None else datetime.fromisoformat(row[12]),
            keeps_mark=keeps_mark,
        )
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"{name} holds a damaged record under {row[0]}: {error}",
            hint="restore it from a backup",
        ) from error


def mark_of(row: Sequence[Any]) -> Mark | None:
    """``row`` of content id, model and day; None for a damaged one: what is looked for among many
    marks is not to fail by one of them.
    """
    try:
        return Mark(content_id=str(row[0]), model=str(row[1]), day=date.fromisoformat(row[2]))
    except (ValueError, TypeError):
        return None


def fingerprint_keys(record: StoredManifest) -> list[int]:
    """The keys by which ``record``'s fingerprints are found; raises :class:`StoreError`."""
    try:
        keys = []
        if record.video_fingerprint is not None:
            keys += video_keys(VideoFingerprint.from_bytes(record.video_fingerprint))
        if record.audio_fingerprint is not None:
            keys += sound_keys(SoundFingerprint.from_bytes(record.audio_fingerprint))
    except ValueError as error:
        raise StoreError(
            f"the fingerprint of {record.content_id} cannot be kept: {error}",
            hint="give what to_bytes of a fingerprint made",
        ) from error
    return keys
