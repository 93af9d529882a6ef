"""Manifests of files that keep a mark: of edits, and of files that were signed again.

A content id belongs to the file that was marked with it. What is made of that file carries the same
mark, and has a manifest and a fingerprint of its own: an edition. Any number of them stand beside
the first manifest; they are found by their labels and fingerprints, and by the content id where no
manifest of the marked file itself was ever here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from provenance.errors import StoreError
from provenance.store.rows import COLUMNS, fingerprint_keys, label_of, record_of, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.store.database import Database
    from provenance.store.records import StoredManifest

_NUMBER_BITS = 56  # of a content id: the numbers of editions lie above all of them


def edition_number(manifest_id: str) -> int:
    """What stands for an edition beside the keys of its fingerprints."""
    digest = hashlib.sha256(manifest_id.encode()).digest()
    return 1 << _NUMBER_BITS | int.from_bytes(digest[: _NUMBER_BITS // 8], "big")


def is_edition(number: int) -> bool:
    """Whether ``number`` beside a key stands for an edition, or is a content id."""
    return number >> _NUMBER_BITS > 0


class Editions:
    """The editions in ``database``; what changes something belongs into a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, records: Sequence[StoredManifest]) -> list[StoredManifest]:
        """Keeps ``records``; those that were not here yet.

        Raises :class:`StoreError` where another manifest has the label of one.
        """
        fresh = [one for one in records if self._is_new(one)]
        self._database.change_many(
            f"INSERT INTO editions ({COLUMNS}, manifest_id, number) "  # noqa: S608 constants only
            f"VALUES ({', '.join('?' * 15)}) ON CONFLICT DO NOTHING",
            ((*values_of(one), edition_number(label_of(one.manifest))) for one in fresh),
        )
        return fresh

    def keys(self, records: Sequence[StoredManifest]) -> list[tuple[int, int]]:
        """(key, number) of the fingerprints of ``records``."""
        return [
            (key, edition_number(label_of(one.manifest)))
            for one in records
            for key in fingerprint_keys(one)
        ]

    def first(self, content_id: str) -> StoredManifest | None:
        """The first edition that carries the mark ``content_id``."""
        return self._one("content_id = ? ORDER BY created, manifest_id LIMIT 1", content_id)

    def labels(self, content_id: str, *, limit: int) -> list[str]:
        """What the editions that carry ``content_id`` are called, in the order of their making."""
        found = self._database.rows(
            "SELECT manifest_id FROM editions WHERE content_id = ? "
            "ORDER BY created, manifest_id LIMIT ?",
            (content_id, limit),
        )
        return [row[0] for row in found]

    def get(self, manifest_id: str) -> StoredManifest | None:
        """The edition that is called ``manifest_id``."""
        return self._one("manifest_id = ?", manifest_id)

    def named(self, number: int) -> tuple[str, str] | None:
        """(content id, label) of the edition with that number."""
        found = self._database.rows(
            "SELECT content_id, manifest_id FROM editions WHERE number = ?", (number,)
        )
        return found[0] if found else None

    def remove(self, manifest_id: str) -> None:
        """Takes an edition away, and all that leads to it."""
        number = edition_number(manifest_id)
        self._database.change("DELETE FROM bindings WHERE manifest_id = ?", (manifest_id,))
        self._database.change("DELETE FROM subprints WHERE content = ?", (number,))
        self._database.change("DELETE FROM editions WHERE number = ?", (number,))

    def _is_new(self, record: StoredManifest) -> bool:
        label = label_of(record.manifest)
        found = self._database.rows(
            "SELECT manifest FROM editions WHERE manifest_id = ? UNION ALL "
            "SELECT manifest FROM manifests WHERE manifest_id = ?",
            (label, label),
        )
        if any(bytes(row[0]) != record.manifest for row in found):
            raise StoreError(
                f"{self._database.name} already holds another manifest that is called {label}",
                hint="sign the file again: each signature has a label of its own",
            )
        return not found

    def _one(self, condition: str, value: str) -> StoredManifest | None:
        found = self._database.rows(
            f"SELECT {COLUMNS} FROM editions WHERE {condition}",  # noqa: S608 constants only
            (value,),
        )
        if not found:
            return None
        return record_of(found[0], keeps_mark=True, name=self._database.name)
