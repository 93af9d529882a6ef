"""A store in tables, whatever database they are in."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from provenance.errors import StoreError
from provenance.store.editions import Editions, is_edition
from provenance.store.records import Candidate, RetentionRule, StoredManifest, StoreFacts
from provenance.store.rows import (
    COLUMNS,
    fingerprint_keys,
    mark_of,
    record_of,
    text_of,
    values_of,
)
from provenance.store.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provenance.store.database import Database
    from provenance.store.records import Mark

RESERVED_FOR = timedelta(days=1)
_COMMON = 1_000  # of as many contents and more, a key says too little to be followed
_AT_ONCE = 200  # keys a query
_TABLES = ("manifests", "editions")
_RULE = "COALESCE((SELECT days FROM retention r WHERE r.model = m.model), (SELECT days FROM "
_RULE += "retention r WHERE r.model = '*'))"


def _now() -> datetime:
    return datetime.now(UTC)


class SqlStore:
    """A :class:`~provenance.store.Store` over ``database``. One object a thread."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._editions = Editions(database)
        self._now = now

    def reserve(self, content_id: str) -> bool:
        with self._database.transaction():
            return (
                not self._editions.labels(content_id, limit=1)
                and self._database.change(
                    "INSERT INTO manifests (content_id, reserved_at) VALUES (?, ?) "
                    "ON CONFLICT (content_id) DO NOTHING",
                    (content_id, text_of(self._now())),
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
            kept = self._editions.insert([record for record in records if record.keeps_mark])
            self._index(self._editions.keys(kept))
            own = [record for record in records if not record.keeps_mark]
            self._insert([record for record in own if self._is_new(record)])

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
            f"INSERT INTO manifests ({COLUMNS}, manifest_id) "  # noqa: S608 constants only
            f"VALUES ({', '.join('?' * 14)})",
            (values_of(record) for record in fresh),
        )
        self._index(
            (key, int(record.content_id, 16))
            for record in fresh
            for key in fingerprint_keys(record)
        )

    def _index(self, keys: Iterable[tuple[int, int]]) -> None:
        self._database.change_many(
            "INSERT INTO subprints (print_key, content) VALUES (?, ?) ON CONFLICT DO NOTHING", keys
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
        found = self._one("content_id = ?", content_id)
        # An id that was given here and purged, or is in the making, leads to nothing.
        if found is None and not self._given(content_id):
            return self._editions.first(content_id)
        return found

    def get_manifest(self, manifest_id: str) -> StoredManifest | None:
        return self._one("manifest_id = ?", manifest_id) or self._editions.get(manifest_id)

    def _one(self, condition: str, value: str) -> StoredManifest | None:
        found = self._database.rows(
            f"SELECT {COLUMNS} FROM manifests "  # noqa: S608 constants only
            f"WHERE {condition} AND manifest IS NOT NULL",
            (value,),
        )
        if not found:
            return None
        return record_of(found[0], keeps_mark=False, name=self._database.name)

    def manifest_id(self, content_id: str) -> str | None:
        return next(iter(self.manifest_ids(content_id, limit=1)), None)

    def manifest_ids(self, content_id: str, *, limit: int) -> list[str]:
        found = self._database.rows(
            "SELECT manifest_id, manifest IS NULL FROM manifests WHERE content_id = ?",
            (content_id,),
        )
        if found and found[0][1]:
            return []
        own = [row[0] for row in found if row[0] is not None]
        if len(own) < limit:
            own += self._editions.labels(content_id, limit=limit - len(own))
        return own

    def contains(self, content_id: str) -> bool:
        return self._given(content_id) or bool(self._editions.labels(content_id, limit=1))

    def _given(self, content_id: str) -> bool:
        return bool(
            self._database.rows("SELECT 1 FROM manifests WHERE content_id = ?", (content_id,))
        )

    def bind(self, manifest_id: str, algorithm: str, value: bytes) -> bool:
        with self._database.transaction():
            known = self._database.rows(
                "SELECT 1 FROM manifests WHERE manifest_id = ? "
                "UNION ALL SELECT 1 FROM editions WHERE manifest_id = ?",
                (manifest_id, manifest_id),
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
        return [
            Candidate(content_id=named[0], manifest_id=named[1], hits=count)
            for number, count in best
            if (named := self._named(number)) is not None
        ]

    def _named(self, number: int) -> tuple[str, str] | None:
        """(content id, label) of what ``number`` stands for beside keys."""
        if is_edition(number):
            return self._editions.named(number)
        content_id = f"{number:014x}"
        found = self._database.rows(
            "SELECT manifest_id FROM manifests WHERE content_id = ?", (content_id,)
        )
        return (content_id, found[0][0]) if found and found[0][0] is not None else None

    def marks(self, *, limit: int) -> list[Mark]:
        found = self._database.rows(
            "SELECT content_id, model, day FROM manifests "
            "WHERE manifest IS NOT NULL ORDER BY created DESC LIMIT ?",
            (limit,),
        )
        return [mark for row in found if (mark := mark_of(row)) is not None]

    def keep(self, content_id: str, until: datetime | None) -> bool:
        end = None if until is None else text_of(until)
        with self._database.transaction():
            changed = [
                self._database.change(
                    f"UPDATE {table} SET keep_until = ? "  # noqa: S608 constants only
                    "WHERE content_id = ? AND manifest IS NOT NULL",
                    (end, content_id),
                )
                for table in _TABLES
            ]
        return any(changed)

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
            over, editions = (list(self._expired(table, now)) for table in _TABLES)
            left = self._database.rows(
                "SELECT content_id FROM manifests WHERE manifest IS NULL AND retired_at IS NULL "
                "AND reserved_at < ? ORDER BY content_id",
                (text_of(now - RESERVED_FOR),),
            )
            if not dry_run:
                for content_id, _ in over:
                    self._retire(content_id, now)
                for _, manifest_id in editions:
                    self._editions.remove(manifest_id)
                self._database.change_many("DELETE FROM manifests WHERE content_id = ?", left)
        return [
            *(content_id for content_id, _ in over),
            *(manifest_id for _, manifest_id in editions),
            *(row[0] for row in left),
        ]

    def _expired(self, table: str, now: datetime) -> Iterator[tuple[str, str]]:
        """(content id, label) of the manifests whose time is over."""
        rows = self._database.rows(
            f"SELECT content_id, manifest_id, created, keep_until, {_RULE} "  # noqa: S608 constants
            f"FROM {table} m WHERE manifest IS NOT NULL ORDER BY content_id, manifest_id"
        )
        for content_id, manifest_id, created, keep_until, days in rows:
            if keep_until is not None:
                over = datetime.fromisoformat(keep_until) <= now
            else:
                # The age, because the end may lie behind the last date that there is.
                over = days is not None and (now - datetime.fromisoformat(created)).days >= days
            if over:
                yield content_id, manifest_id

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
            (content_id, text_of(now)),
        )

    def facts(self) -> StoreFacts:
        row = self._database.rows(
            "SELECT COUNT(manifest), COUNT(CASE WHEN manifest IS NULL AND retired_at IS NULL "
            "THEN 1 END), COUNT(retired_at), (SELECT COUNT(*) FROM subprints), "
            "(SELECT COUNT(*) FROM editions) FROM manifests"
        )[0]
        return StoreFacts(
            version=VERSION,
            manifests=row[0],
            reserved=row[1],
            retired=row[2],
            keys=row[3],
            editions=row[4],
        )

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
