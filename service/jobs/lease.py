"""The queue of one machine: a table of leases, in the same file as the scans.

``due`` is when a job may be claimed: for a waiting job the time it was put or is to be tried again,
for a claimed one the end of its lease. So a job whose worker died is an ordinary due job.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from service.jobs.queue import Claim

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.database import Database, Transaction


class LeaseQueue:
    """``clock``: seconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def put(self, transaction: Transaction, scan: str) -> None:
        transaction.run(
            "INSERT INTO jobs (scan, due) VALUES (?, ?) ON CONFLICT (scan) DO NOTHING",
            (scan, self._clock()),
        )

    def claim(self, lease_s: float) -> Claim | None:
        now, token = self._clock(), secrets.token_hex(8)
        with self._database.writing() as transaction:
            row = transaction.row(
                "UPDATE jobs SET lease = ?, due = ?, attempts = attempts + 1 WHERE scan ="
                " (SELECT scan FROM jobs WHERE due <= ? ORDER BY due, scan LIMIT 1)"
                " RETURNING scan, attempts",
                (token, now + lease_s, now),
            )
        if row is None:
            return None
        return Claim(scan=row["scan"], token=token, attempt=row["attempts"])

    def renew(self, claim: Claim, lease_s: float) -> bool:
        with self._database.writing() as transaction:
            changed = transaction.run(
                "UPDATE jobs SET due = ? WHERE scan = ? AND lease = ?",
                (self._clock() + lease_s, claim.scan, claim.token),
            )
        return changed == 1

    def done(self, claim: Claim) -> None:
        with self._database.writing() as transaction:
            transaction.run(
                "DELETE FROM jobs WHERE scan = ? AND lease = ?", (claim.scan, claim.token)
            )

    def again(self, claim: Claim, delay_s: float) -> None:
        with self._database.writing() as transaction:
            transaction.run(
                "UPDATE jobs SET lease = NULL, due = ? WHERE scan = ? AND lease = ?",
                (self._clock() + delay_s, claim.scan, claim.token),
            )

    def waiting(self) -> int:
        with self._database.reading() as transaction:
            row = transaction.row("SELECT count(*) AS jobs FROM jobs")
        return 0 if row is None else int(row["jobs"])

    def close(self) -> None:
        pass
