"""Repeating a request without repeating its effect (draft-ietf-httpapi-idempotency-key-header).

A key is taken before the body is read, so that of two requests at once only one is carried out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.database import Database, Transaction

KEEP_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How it stands with a key: "fresh" (ours now), "in_flight", or "answered" by ``scan``.

    ``fingerprint`` is the answered request's; ``scan`` is empty when it was deleted since.
    """

    state: Literal["fresh", "in_flight", "answered"]
    owner: str = ""
    scan: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldKey:
    """A key that a request has taken, as its ``owner``."""

    key: str
    owner: str


class KeyLost(Exception):
    """Another request has the key by now: this one was silent for longer than the lease."""


def answered(
    transaction: Transaction, held: HeldKey, *, tenant: str, scan: str, fingerprint: str, now: float
) -> None:
    """Notes in the transaction that stores ``scan`` that it answers the key, as long as answers are
    promised to last: whatever is killed after it, a repeated request gets the same scan.

    Raises :class:`KeyLost`. ``fingerprint``: the fingerprint of the request.
    """
    changed = transaction.run(
        "UPDATE idempotency SET scan = ?, fingerprint = ?, until = ?"
        " WHERE tenant = ? AND key = ? AND owner = ? AND scan IS NULL",
        (scan, fingerprint, now + KEEP_S, tenant, held.key, held.owner),
    )
    if changed != 1:
        raise KeyLost


class IdempotencyKeys:
    """``lease_s``: after which a key is free again, unless its request renews it."""

    def __init__(self, database: Database, *, clock: Callable[[], float], lease_s: float) -> None:
        self._database = database
        self._clock = clock
        self.lease_s = lease_s

    def take(self, tenant: str, key: str) -> Taken:
        now, owner = self._clock(), secrets.token_hex(8)
        with self._database.writing() as transaction:
            transaction.run(
                "DELETE FROM idempotency WHERE tenant = ? AND key = ? AND until <= ?",
                (tenant, key, now),
            )
            fresh = transaction.run(
                "INSERT INTO idempotency (tenant, key, owner, until) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (tenant, key) DO NOTHING",
                (tenant, key, owner, now + self.lease_s),
            )
            if fresh:
                return Taken(state="fresh", owner=owner)
            row = transaction.row(
                "SELECT scan, fingerprint FROM idempotency WHERE tenant = ? AND key = ?",
                (tenant, key),
            )
        if row is None or row["scan"] is None:
            return Taken(state="in_flight")
        return Taken(state="answered", scan=row["scan"], fingerprint=row["fingerprint"])

    def renew(self, tenant: str, key: str, owner: str) -> None:
        """Keeps the key for a request that is still being carried out."""
        with self._database.writing() as transaction:
            transaction.run(
                "UPDATE idempotency SET until = ? WHERE tenant = ? AND key = ? AND owner = ?"
                " AND scan IS NULL",
                (self._clock() + self.lease_s, tenant, key, owner),
            )

    def release(self, tenant: str, key: str, owner: str) -> None:
        """Frees a key whose request came to nothing, so that it can be tried again."""
        with self._database.writing() as transaction:
            transaction.run(
                "DELETE FROM idempotency WHERE tenant = ? AND key = ? AND owner = ?"
                " AND scan IS NULL",
                (tenant, key, owner),
            )
