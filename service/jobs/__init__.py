"""The queue of scans: leases in SQLite by default, procrastinate where the database is Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.jobs.queue import Claim, Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.database import Database

__all__ = ["Claim", "Queue", "open_queue"]


def open_queue(database: Database, address: str, *, clock: Callable[[], float]) -> Queue:
    """The queue that belongs to ``database``, which was opened at ``address``."""
    if database.engine == "postgres":
        from service.jobs.procrastinating import ProcrastinateQueue

        return ProcrastinateQueue(address)
    from service.jobs.lease import LeaseQueue

    return LeaseQueue(database, clock=clock)
