"""What stores can do: every one, and those whose tables are at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from types import TracebackType

    from provenance.store.records import Candidate, Mark, RetentionRule, StoredManifest, StoreFacts


class Store(Protocol):
    """Where manifests are kept. All methods raise :class:`~provenance.errors.StoreError` when it
    does not work, or cannot do what was asked.
    """

    def reserve(self, content_id: str) -> bool:
        """Takes ``content_id`` for a file about to be made; False when it is taken already."""

    def release(self, content_id: str) -> None:
        """Gives a reserved id back when its file was not made; what was put stays."""

    def put(self, *records: StoredManifest) -> None:
        """Keeps ``records``, all or none; one that is there already is no matter, another one under
        its id an error, but for files that keep a mark (``keeps_mark``).
        """

    def replace(self, record: StoredManifest, *, announced: bytes) -> None:
        """Keeps ``record`` in place of the manifest ``announced`` under its id, of a stream that is
        complete now; an error where another manifest, or none, stands there.
        """

    def get(self, content_id: str) -> StoredManifest | None:
        """The manifest under ``content_id``: that of the file that was marked with it, or the first
        of one that keeps the mark where that is not from here. None when there is none, or only a
        reservation.
        """

    def get_manifest(self, manifest_id: str) -> StoredManifest | None:
        """The manifest whose active manifest is labelled ``manifest_id`` (urn:c2pa:…), or None."""

    def manifest_id(self, content_id: str) -> str | None:
        """The label of what :meth:`get` gives for ``content_id``, or None."""

    def contains(self, content_id: str) -> bool:
        """Whether ``content_id`` is taken: put, reserved, or put and purged."""

    def marks(self, *, limit: int) -> list[Mark]:
        """The marks of the newest manifests, at most ``limit``, the newest first, less what is
        damaged; none where the store is one that cannot be listed.
        """

    def bind(self, manifest_id: str, algorithm: str, value: bytes) -> bool:
        """Lets ``value`` of a soft-binding algorithm lead to a manifest; False: it is not here."""

    def bound(self, algorithm: str, value: bytes, *, limit: int) -> list[str]:
        """The manifest ids that ``value`` was bound to."""

    def close(self) -> None:
        """Ends the use of the store."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


class ManagedStore(Store, Protocol):
    """A store at hand, which can be searched by fingerprint and told what to keep."""

    def manifest_ids(self, content_id: str, *, limit: int) -> list[str]:
        """The labels of all manifests of files that carry ``content_id``, the marked file's first
        and those of edits after it.
        """

    def similar(self, keys: Sequence[int], *, limit: int) -> list[Candidate]:
        """The manifests that share most of ``keys`` (:mod:`provenance.store.subprints`)."""

    def keep(self, content_id: str, until: datetime | None) -> bool:
        """Changes how long the manifests under ``content_id`` are kept; False: none is here."""

    def set_rule(self, rule: RetentionRule) -> None:
        """Sets how long manifests of a model are kept."""

    def drop_rule(self, model: str) -> bool:
        """Takes a rule back; False when there is none."""

    def rules(self) -> list[RetentionRule]:
        """The rules in force."""

    def purge(self, now: datetime, *, dry_run: bool = False) -> list[str]:
        """Takes away all whose time is over at ``now``, and reservations older than a day; their
        ids stay taken. Returns the ids; of files that keep a mark the labels of their manifests.
        """

    def facts(self) -> StoreFacts:
        """How much is in it."""
