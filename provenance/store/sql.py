"""A store in tables, whatever database they are in."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self

from provenance.errors import StoreError
from provenance.fingerprint import SoundFingerprint, VideoFingerprint
from provenance.store.labels import active_label
from provenance.store.records import Candidate, RetentionRule, StoredManifest, StoreFacts
from provenance.store.schema import VERSION
from provenance.store.subprints import sound_keys, video_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

RESERVED_FOR = timedelta(days=1)
_COMMON = 1_000  # of as many contents and more, a key says too little to be followed
_AT_ONCE = 200  # keys a query
_COLUMNS = (
    "content_id, manifest, mime, model, day, prompt_hash, created, width, height, duration_s, "
    "video_fingerprint, audio_fingerprint, keep_until"
)
_RULE = "COALESCE((SELECT days FROM retention r WHERE r.model = m.model), (SELECT days FROM "
_RULE += "retention r WHERE r.model = '*'))"


class Database(Protocol):
    """A connection, with ``?`` for parameters. ``name``: what messages call it."""

    @property
    def name(self) -> str: ...

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query; raises :class:`StoreError`."""

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Changes something, within :meth:`transaction`; the number of rows."""

    def change_many(self, statement: str, values: Iterable[Sequence[Any]]) -> None: ...

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, and one at a time with others that write the same rows."""

    def close(self) -> None: ...


def _now() -> datetime:
    return datetime.now(UTC)


class SqlStore:
    """A :class:`~provenance.store.Store` over ``database``. One object a thread."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._now = now

    def reserve(self, content_id: str) -> bool:
        with self._database.transaction():
            return (
                self._database.change(
                    "INSERT INTO manifests (content_id, reserved_at) VALUES (?, ?) "
                    "ON CONFLICT (content_id) DO NOTHING",
                    (content_id, _text(self._now())),
                )
                == 1
            )

    def release(self, content_id: str) -> None:
        with self._database.transaction():
            self._database.change(
                "DELETE FROM manifests WHERE content_id = ? AND manifest IS NULL "
                "AND retired_at IS NULL",
                (content_id,),
            )

    def put(self, *records: StoredManifest) -> None:
        with self._database.transaction():
            self._insert([record for record in records if self._is_new(record)])

    def replace(self, record: StoredManifest, *, announced: bytes) -> None:
        with self._database.transaction():
            found = self._database.rows(
                "SELECT manifest FROM manifests WHERE content_id = ?", (record.content_id,)
            )
            if not found or found[0][0] is None or bytes(found[0][0]) != announced:
                raise StoreError(
                    f"{self._database.name} does not hold what was announced for the content id "
                    f"{record.content_id}",
                    hint="announce a stream before it is complete, in the same store",
                )
            self._database.change(
                "DELETE FROM manifests WHERE content_id = ?", (record.content_id,)
            )
            self._insert([record])

    def _insert(self, fresh: list[StoredManifest]) -> None:
        self._database.change_many(
            f"INSERT INTO manifests ({_COLUMNS}, manifest_id) "  # noqa: S608 constants only
            f"VALUES ({', '.join('?' * 14)})",
            (_values(record) for record in fresh),
        )
        self._database.change_many(
            "INSERT INTO subprints (print_key, content) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (
                (key, int(record.content_id, 16))
                for record in fresh
                for key in fingerprint_keys(record)
            ),
        )

    def _is_new(self, record: StoredManifest) -> bool:
        """Whether there is room for it; a reservation makes room."""
        found = self._database.rows(
            "SELECT manifest, retired_at FROM manifests WHERE content_id = ?", (record.content_id,)
        )
        if not found:
            return True
        manifest, retired_at = found[0]
        if manifest is None and retired_at is None:
            self._database.change(
                "DELETE FROM manifests WHERE content_id = ?", (record.content_id,)
            )
            return True
        if manifest is not None and bytes(manifest) == record.manifest:
            return False
        raise StoreError(
            f"{self._database.name} already holds another manifest for the content id "
            f"{record.content_id}",
            hint="reserve an id before marking, and draw again when it is taken",
        )

    def get(self, content_id: str) -> StoredManifest | None:
        return self._one("content_id = ?", content_id)

    def get_manifest(self, manifest_id: str) -> StoredManifest | None:
        return self._one("manifest_id = ?", manifest_id)

    def _one(self, condition: str, value: str) -> StoredManifest | None:
        found = self._database.rows(
            f"SELECT {_COLUMNS} FROM manifests "  # noqa: S608 constants only
            f"WHERE {condition} AND manifest IS NOT NULL",
            (value,),
        )
        if not found:
            return None
        try:
            return _record(found[0])
        except (ValueError, TypeError) as error:
            raise StoreError(
                f"{self._database.name} holds a damaged record under {value}: {error}",
                hint="restore it from a backup",
            ) from error

    def manifest_id(self, content_id: str) -> str | None:
        found = self._database.rows(
            "SELECT manifest_id FROM manifests WHERE content_id = ? AND manifest IS NOT NULL",
            (content_id,),
        )
        return found[0][0] if found else None

    def contains(self, content_id: str) -> bool:
        return bool(
            self._database.rows("SELECT 1 FROM manifests WHERE content_id = ?", (content_id,))
        )

    def bind(self, manifest_id: str, algorithm: str, value: bytes) -> bool:
        with self._database.transaction():
            known = self._database.rows(
                "SELECT 1 FROM manifests WHERE manifest_id = ?", (manifest_id,)
            )
            if known:
                self._database.change(
                    "INSERT INTO bindings (algorithm, value, manifest_id) VALUES (?, ?, ?) "
                    "ON CONFLICT DO NOTHING",
                    (algorithm, value, manifest_id),
                )
        return bool(known)

    def bound(self, algorithm: str, value: bytes, *, limit: int) -> list[str]:
        found = self._database.rows(
            "SELECT manifest_id FROM bindings WHERE algorithm = ? AND value = ? "
            "ORDER BY manifest_id LIMIT ?",
            (algorithm, value, limit),
        )
        return [row[0] for row in found]

    def similar(self, keys: Sequence[int], *, limit: int) -> list[Candidate]:
        hits: Counter[int] = Counter()
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            found = self._database.rows(
                "SELECT print_key, content FROM subprints "  # noqa: S608 placeholders only
                f"WHERE print_key IN ({', '.join('?' * len(some))})",
                some,
            )
            common = Counter(key for key, _ in found)
            hits.update(content for key, content in found if common[key] < _COMMON)
        best = sorted(hits.items(), key=lambda item: (-item[1], item[0]))[:limit]
        return [Candidate(content_id=f"{content:014x}", hits=count) for content, count in best]

    def keep(self, content_id: str, until: datetime | None) -> bool:
        with self._database.transaction():
            return (
                self._database.change(
                    "UPDATE manifests SET keep_until = ? "
                    "WHERE content_id = ? AND manifest IS NOT NULL",
                    (None if until is None else _text(until), content_id),
                )
                == 1
            )

    def set_rule(self, rule: RetentionRule) -> None:
        with self._database.transaction():
            self._database.change(
                "INSERT INTO retention (model, days) VALUES (?, ?) "
                "ON CONFLICT (model) DO UPDATE SET days = excluded.days",
                (rule.model, rule.days),
            )

    def drop_rule(self, model: str) -> bool:
        with self._database.transaction():
            return self._database.change("DELETE FROM retention WHERE model = ?", (model,)) == 1

    def rules(self) -> list[RetentionRule]:
        found = self._database.rows("SELECT model, days FROM retention ORDER BY model")
        return [RetentionRule(model=model, days=days) for model, days in found]

    def purge(self, now: datetime, *, dry_run: bool = False) -> list[str]:
        with self._database.transaction():
            over = [*self._expired(now)]
            left = self._database.rows(
                "SELECT content_id FROM manifests WHERE manifest IS NULL AND retired_at IS NULL "
                "AND reserved_at < ? ORDER BY content_id",
                (_text(now - RESERVED_FOR),),
            )
            if not dry_run:
                for content_id in over:
                    self._retire(content_id, now)
                self._database.change_many("DELETE FROM manifests WHERE content_id = ?", left)
        return over + [row[0] for row in left]

    def _expired(self, now: datetime) -> list[str]:
        rows = self._database.rows(
            f"SELECT content_id, created, keep_until, {_RULE} "  # noqa: S608 constants only
            "FROM manifests m WHERE manifest IS NOT NULL ORDER BY content_id"
        )
        return [
            content_id
            for content_id, created, keep_until, days in rows
            if (
                datetime.fromisoformat(keep_until) <= now
                if keep_until is not None
                else days is not None
                and datetime.fromisoformat(created) + timedelta(days=days) <= now
            )
        ]

    def _retire(self, content_id: str, now: datetime) -> None:
        label = "(SELECT manifest_id FROM manifests WHERE content_id = ?)"
        self._database.change(
            f"DELETE FROM bindings WHERE manifest_id = {label}",  # noqa: S608 constants only
            (content_id,),
        )
        self._database.change("DELETE FROM subprints WHERE content = ?", (int(content_id, 16),))
        self._database.change("DELETE FROM manifests WHERE content_id = ?", (content_id,))
        self._database.change(
            "INSERT INTO manifests (content_id, retired_at) VALUES (?, ?)",
            (content_id, _text(now)),
        )

    def facts(self) -> StoreFacts:
        row = self._database.rows(
            "SELECT COUNT(manifest), COUNT(CASE WHEN manifest IS NULL AND retired_at IS NULL "
            "THEN 1 END), COUNT(retired_at), (SELECT COUNT(*) FROM subprints) FROM manifests"
        )[0]
        return StoreFacts(
            version=VERSION, manifests=row[0], reserved=row[1], retired=row[2], keys=row[3]
        )

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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


def label_of(manifest: bytes) -> str:
    """What a manifest is called in a store: its label, or its digest where it has none."""
    return active_label(manifest) or f"urn:sha256:{hashlib.sha256(manifest).hexdigest()}"


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()


def _values(record: StoredManifest) -> tuple[Any, ...]:
    return (
        record.content_id,
        record.manifest,
        record.mime,
        record.model,
        record.day.isoformat(),
        record.prompt_hash,
        _text(record.created),
        record.width,
        record.height,
        record.duration_s,
        record.video_fingerprint,
        record.audio_fingerprint,
        None if record.keep_until is None else _text(record.keep_until),
        label_of(record.manifest),
    )


def _record(row: tuple[Any, ...]) -> StoredManifest:
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
    )
