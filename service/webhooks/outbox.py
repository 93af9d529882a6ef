"""Messages that must go out: written in the transaction that stores the result they tell of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.database import new_id
from service.documents import instant, scan_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.database import Database, Row, Transaction
    from service.scans import Scan

PAUSES_S = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800)
"""Pauses between attempts: about a day in all (Standard Webhooks, "retry schedule")."""

_DUE = "SELECT id FROM outbox WHERE state = 'pending' AND due <= ? ORDER BY due, id LIMIT 1"
_TAKE = "UPDATE outbox SET attempts = attempts + 1, due = ? WHERE id = ({}) RETURNING *"
_CLAIM = {
    "sqlite": _TAKE.format(_DUE),
    "postgres": _TAKE.format(f"{_DUE} FOR UPDATE SKIP LOCKED"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message on its way; ``attempts`` counts this one. ``id`` is the same in each attempt."""

    id: str
    tenant: str
    scan: str
    url: str
    body: str
    attempts: int


class Outbox:
    """``clock``: seconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def announce(self, transaction: Transaction, scan: Scan) -> str | None:
        """Adds the message that ``scan`` is done, if somebody wants to know; gives its id."""
        url = scan.callback
        if url is None:
            tenant = transaction.row("SELECT webhook_url FROM tenants WHERE id = ?", (scan.tenant,))
            url = None if tenant is None else tenant["webhook_url"]
        if url is None:
            return None
        now = self._clock()
        message = new_id("msg", now)
        body = {"type": "scan.done", "timestamp": instant(now), "data": scan_document(scan)}
        transaction.run(
            "INSERT INTO outbox (id, tenant, scan, url, body, created, due, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')",
            (message, scan.tenant, scan.id, url, json.dumps(body), now, now),
        )
        return message

    def again(self, scan: Scan) -> str | None:
        """Sends the scan's last message again under its id, or makes one; None: to nobody."""
        with self._database.writing() as transaction:
            row = transaction.row(
                "SELECT id FROM outbox WHERE scan = ? ORDER BY id DESC LIMIT 1", (scan.id,)
            )
            if row is None:
                return self.announce(transaction, scan)
            transaction.run(
                "UPDATE outbox SET state = 'pending', attempts = 0, due = ? WHERE id = ?",
                (self._clock(), row["id"]),
            )
        return str(row["id"])

    def claim(self, lease_s: float) -> Message | None:
        """The message that is due the longest; it is due again after ``lease_s`` unless settled."""
        now = self._clock()
        with self._database.writing() as transaction:
            row = transaction.row(_CLAIM[self._database.engine], (now + lease_s, now))
        return None if row is None else _message(row)

    def settle(self, message: Message, status: int | None) -> None:
        """Notes how the receiver answered; None: not at all. 2xx ends it, 410 too.

        No answer counts for all that the receiver should get now, so that each of those does not
        hold up what is for others.
        """
        delivered = status is not None and 200 <= status < 300
        over = status == 410 or message.attempts > len(PAUSES_S)
        state = "delivered" if delivered else "failed" if over else "pending"
        now = self._clock()
        due = now + PAUSES_S[min(message.attempts, len(PAUSES_S)) - 1]
        with self._database.writing() as transaction:
            transaction.run(
                "UPDATE outbox SET state = ?, answered = ?, due = ?"
                " WHERE id = ? AND state = 'pending'",
                (state, status, due, message.id),
            )
            if status is None:
                transaction.run(
                    "UPDATE outbox SET attempts = attempts + 1, due = ?,"
                    " state = CASE WHEN attempts >= ? THEN 'failed' ELSE state END"
                    " WHERE state = 'pending' AND due <= ? AND tenant = ? AND url = ?",
                    (due, len(PAUSES_S), now, message.tenant, message.url),
                )

    def secret(self, tenant: str) -> str | None:
        with self._database.reading() as transaction:
            row = transaction.row("SELECT webhook_secret FROM tenants WHERE id = ?", (tenant,))
        return None if row is None else row["webhook_secret"]


def _message(row: Row) -> Message:
    return Message(
        id=row["id"],
        tenant=row["tenant"],
        scan=row["scan"],
        url=row["url"],
        body=row["body"],
        attempts=row["attempts"],
    )
