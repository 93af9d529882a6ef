"""How many scans ended how, and how long they took: counted with the results, for ever.

Results are deleted, and workers live on other machines: counters in memory would forget the one and
miss the other. Here each result counts once, in the transaction that stores it.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.database import Database, Transaction
    from service.scans import Scan

BOUNDS_S = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Upper bounds of the time from "accepted" to the result; one more bucket holds the rest."""
_SLOTS = 16
"""Rows for the same count, so that workers seldom wait for one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """``bucket``: an index to :data:`BOUNDS_S`; ``seconds``: of all ``scans`` together."""

    verdict: str
    action: str
    bucket: int
    scans: int
    seconds: float


class Tally:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, transaction: Transaction, scan: Scan) -> None:
        """Counts ``scan``, which is done, when ``transaction`` is committed."""
        took = max(0.0, (scan.finished or scan.created) - scan.created)
        transaction.run(
            "INSERT INTO tally (slot, verdict, action, bucket, scans, seconds)"
            " VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT (slot, verdict, action, bucket) DO UPDATE SET"
            " scans = tally.scans + 1, seconds = tally.seconds + excluded.seconds",
            (os.getpid() % _SLOTS, scan.verdict, scan.action, bisect_left(BOUNDS_S, took), took),
        )

    def counts(self) -> list[Count]:
        with self._database.reading() as transaction:
            rows = transaction.rows(
                "SELECT verdict, action, bucket, sum(scans) AS scans, sum(seconds) AS seconds"
                " FROM tally GROUP BY verdict, action, bucket ORDER BY verdict, action, bucket"
            )
        # Postgres adds BIGINT up as a decimal number.
        return [Count(**{**row, "scans": int(row["scans"])}) for row in rows]
