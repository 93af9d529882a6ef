"""What a store holds: data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredManifest:
    """A manifest and what a search wants to know of its file.

    ``content_id`` is 14 hex digits. ``mime`` is the signed file's type, ``model`` its registry
    key, ``day`` its generation date, ``created`` (aware) when it was signed.
    ``video_fingerprint`` and ``audio_fingerprint``: what ``to_bytes`` of
    :mod:`provenance.fingerprint` gave for the marked file. ``keep_until`` (aware): from then on
    :meth:`Store.purge` takes it away; None: as the rule for its model says. ``keeps_mark``: the
    file's mark was in it before, because it is an edit or was signed again: ``content_id`` is that
    of the file that was marked, and any number of such manifests stand beside its own.
    """

    content_id: str
    manifest: bytes
    mime: str
    model: str
    day: date
    prompt_hash: str | None
    created: datetime
    width: int
    height: int
    duration_s: float
    video_fingerprint: bytes | None = None
    audio_fingerprint: bytes | None = None
    keep_until: datetime | None = None
    keeps_mark: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the store knows of a mark that was written: fields as in :class:`StoredManifest`."""

    content_id: str
    model: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """Manifests of ``model`` ("*": of all that have no rule of their own) are kept for ``days``."""

    model: str
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A manifest whose fingerprint has ``hits`` keys in common with the one in hand."""

    content_id: str
    manifest_id: str
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """How much is in a store: manifests of marked files, ``editions`` (of files that keep a mark),
    ids reserved for files being made, ids whose manifest was purged, and keys of fingerprints.
    ``version``: of the schema.
    """

    version: int
    manifests: int
    editions: int
    reserved: int
    retired: int
    keys: int
