"""Scans and their results: each accepted scan ends in exactly one stored result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from service.audit import note
from service.database import new_id
from service.idempotency import answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.accounts import Quota
    from service.database import Database, Row, Transaction
    from service.idempotency import HeldKey
    from service.jobs import Queue

State: TypeAlias = Literal["queued", "running", "done"]
Depth: TypeAlias = Literal["early", "full"]
Action: TypeAlias = Literal["allow", "label", "review", "block"]
_AT_ONCE = 1000
"""Of one query: both engines take more parameters than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewScan:
    """A scan to be. ``source``: "upload" (its bytes are in the storage under ``id``) or "object"
    (at the address ``object``). ``depth``: "early" stops at the first signal that decides.
    """

    id: str
    tenant: str
    source: Literal["upload", "object"]
    depth: Depth
    object: str | None = None
    callback: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan as stored. Times in seconds since 1970; ``progress`` 0…1.

    ``answer``: what the result says, a JSON document, when ``state`` is "done".
    """

    id: str
    tenant: str
    state: State
    created: float
    finished: float | None
    source: Literal["upload", "object"]
    object: str | None
    depth: Depth
    callback: str | None
    bytes: int | None
    sha256: str | None
    media_type: str | None
    progress: float | None
    attempts: int
    verdict: str | None
    action: Action | None
    answer: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a scan found: the verdict, the action by the policy, and all that explains them."""

    verdict: str
    action: Action
    document: dict[str, Any]


class Scans:
    """``queue`` gets a job with every scan. ``on_finish`` joins the transaction of each result."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        *,
        clock: Callable[[], float],
        on_finish: Callable[[Transaction, Scan], object],
    ) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock
        self._on_finish = on_finish

    def new_id(self) -> str:
        return new_id("scan", self._clock())

    def submit(self, new: NewScan, *, actor: str, quota: Quota, key: HeldKey | None = None) -> Scan:
        """Stores the scan and its job; when it returns, both survive whatever happens.

        ``key`` is the idempotency key whose request this answers, for a day from now on. Raises
        :class:`service.accounts.QuotaExceeded` and :class:`service.idempotency.KeyLost`.
        """
        with self._database.writing() as transaction:
            return self.submit_in(transaction, new, actor=actor, quota=quota, key=key)

    def submit_in(
        self,
        transaction: Transaction,
        new: NewScan,
        *,
        actor: str,
        quota: Quota,
        key: HeldKey | None = None,
    ) -> Scan:
        """As :meth:`submit`, in a transaction of the caller's."""
        now = self._clock()
        quota.take(transaction, new.tenant, now, new.bytes or 0)
        row = transaction.row(
            "INSERT INTO scans (id, tenant, state, created, source, object, depth, callback,"
            " bytes, sha256, media_type) VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?)"
            " RETURNING *",
            (
                new.id,
                new.tenant,
                now,
                new.source,
                new.object,
                new.depth,
                new.callback,
                new.bytes,
                new.sha256,
                new.media_type,
            ),
        )
        assert row is not None
        self._queue.put(transaction, new.id)
        if key is not None:
            answered(
                transaction,
                key,
                tenant=new.tenant,
                scan=new.id,
                fingerprint=fingerprint(new),
                now=now,
            )
        note(transaction, now, tenant=new.tenant, actor=actor, action="scan.accepted", item=new.id)
        return _scan(row)

    def get(self, scan: str, *, tenant: str | None = None) -> Scan | None:
        """The scan; with ``tenant``, only if it is theirs."""
        with self._database.reading() as transaction:
            row = transaction.row("SELECT * FROM scans WHERE id = ?", (scan,))
        if row is None or (tenant is not None and row["tenant"] != tenant):
            return None
        return _scan(row)

    def page(self, tenant: str, *, before: str | None, limit: int) -> list[Scan]:
        """Up to ``limit`` scans, the newest first, older than the scan ``before``."""
        with self._database.reading() as transaction:
            rows = transaction.rows(
                "SELECT * FROM scans WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?",
                (tenant, before or "~", limit),
            )
        return [_scan(row) for row in rows]

    def started(self, scan: str, attempt: int) -> Scan | None:
        """Notes that a worker has it; None when there is nothing left to do."""
        with self._database.writing() as transaction:
            row = transaction.row(
                "UPDATE scans SET state = 'running', attempts = ?, progress = 0"
                " WHERE id = ? AND state <> 'done' RETURNING *",
                (attempt, scan),
            )
        return None if row is None else _scan(row)

    def progressed(self, scan: str, fraction: float) -> None:
        with self._database.writing() as transaction:
            transaction.run(
                "UPDATE scans SET progress = ? WHERE id = ? AND state = 'running'",
                (fraction, scan),
            )

    def finish(self, scan: str, answer: Answer, *, actor: str) -> bool:
        """Stores the result and all that follows from it, once: False when it was not the first."""
        now = self._clock()
        with self._database.writing() as transaction:
            row = transaction.row(
                "UPDATE scans SET state = 'done', finished = ?, progress = 1, verdict = ?,"
                " action = ?, answer = ? WHERE id = ? AND state <> 'done' RETURNING *",
                (now, answer.verdict, answer.action, json.dumps(answer.document), scan),
            )
            if row is None:
                return False
            note(
                transaction,
                now,
                tenant=row["tenant"],
                actor=actor,
                action="scan.finished",
                item=scan,
                detail=answer.action,
            )
            self._on_finish(transaction, _scan(row))
        return True

    def delete(self, scan: str, *, tenant: str, actor: str) -> bool:
        """Forgets a scan and its result; its worker, if any, finds nothing left to do."""
        with self._database.writing() as transaction:
            gone = transaction.run("DELETE FROM scans WHERE id = ? AND tenant = ?", (scan, tenant))
            if gone:
                transaction.run("DELETE FROM outbox WHERE scan = ?", (scan,))
                transaction.run("UPDATE idempotency SET scan = '' WHERE scan = ?", (scan,))
                now = self._clock()
                note(transaction, now, tenant=tenant, actor=actor, action="scan.deleted", item=scan)
        return gone == 1

    def finished_before(self, until: float, *, tenant: str, limit: int = 1000) -> list[str]:
        """Up to ``limit`` of the tenant's scans whose results are older than ``until``."""
        with self._database.reading() as transaction:
            rows = transaction.rows(
                "SELECT id FROM scans WHERE tenant = ? AND state = 'done' AND finished < ?"
                " ORDER BY id LIMIT ?",
                (tenant, until, limit),
            )
        return [row["id"] for row in rows]

    def unfinished(self, scans: list[str]) -> set[str]:
        """Those of ``scans`` that are there and not done: their uploads are still needed."""
        found: set[str] = set()
        with self._database.reading() as transaction:
            for at in range(0, len(scans), _AT_ONCE):
                some = scans[at : at + _AT_ONCE]
                marks = ", ".join("?" * len(some))
                rows = transaction.rows(
                    f"SELECT id FROM scans WHERE id IN ({marks}) AND state <> 'done'",  # noqa: S608 marks alone
                    some,
                )
                found |= {row["id"] for row in rows}
        return found


def fingerprint(new: NewScan) -> str:
    """What must be the same in a repeated request."""
    return json.dumps([new.source, new.sha256, new.object, new.depth, new.callback])


def _scan(row: Row) -> Scan:
    answer = row["answer"]
    return Scan(**{**row, "answer": None if answer is None else json.loads(answer)})
