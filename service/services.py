"""The parts of a running service, opened together: the same in the server and in every worker."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.accounts import Accounts
from service.database import open_database
from service.feedback import Feedback
from service.generation.parts import Clips, clips_of
from service.generation.records import Records
from service.idempotency import IdempotencyKeys
from service.jobs import open_queue
from service.limits import Beginnings, Places, RateLimits
from service.scans import Scans
from service.storage import open_storage
from service.tally import Tally
from service.uploads.resumable import Resumables
from service.visitors import Visitors
from service.watch import Watch
from service.webhooks import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.database import Database, Transaction
    from service.jobs import Queue
    from service.scans import Scan
    from service.settings import Settings
    from service.storage import Storage


CLIP_LEASE_S = 60.0
"""After which a clip whose server is silent counts as given up."""

AT_ONCE = 16
"""Bodies that begin to be read: enough for the threads that write them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """``clock`` gives seconds since 1970. ``draining`` is set once the process is to end."""

    settings: Settings
    clock: Callable[[], float]
    database: Database
    queue: Queue
    scans: Scans
    watch: Watch
    accounts: Accounts
    keys: IdempotencyKeys
    storage: Storage
    resumables: Resumables
    outbox: Outbox
    tally: Tally
    feedback: Feedback
    clips: Clips
    rates: RateLimits
    places: Places
    beginnings: Beginnings = field(default_factory=lambda: Beginnings(AT_ONCE))
    visitors: Visitors = field(default_factory=Visitors)
    draining: threading.Event = field(default_factory=threading.Event)


@contextmanager
def open_services(
    settings: Settings, *, clock: Callable[[], float] = time.time
) -> Iterator[Services]:
    """Opens, and at the end closes, database, queue and storage.

    Raises :class:`~provenance.errors.StoreError`, :class:`~provenance.errors.OutputError` or
    :class:`~provenance.errors.OptionError` for what cannot be used.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.incoming.mkdir(exist_ok=True, mode=0o700)
    settings.making.mkdir(exist_ok=True, mode=0o700)
    database = open_database(settings.database_address)
    try:
        queue = open_queue(database, settings.database_address, clock=clock)
        try:
            outbox, tally = Outbox(database, clock=clock), Tally(database)

            def finished(transaction: Transaction, scan: Scan) -> None:
                tally.count(transaction, scan)
                outbox.announce(transaction, scan)

            scans = Scans(database, queue, clock=clock, on_finish=finished)
            yield Services(
                settings=settings,
                clock=clock,
                database=database,
                queue=queue,
                scans=scans,
                watch=Watch(scans),
                accounts=Accounts(database, clock=clock),
                keys=IdempotencyKeys(database, clock=clock, lease_s=settings.scan.lease_s),
                storage=open_storage(settings.storage_address, scratch=settings.incoming),
                resumables=Resumables(
                    database,
                    settings.incoming,
                    clock=clock,
                    keep_s=settings.bounds.tus_days * 86_400,
                ),
                outbox=outbox,
                tally=tally,
                feedback=Feedback(database, clock=clock),
                clips=clips_of(
                    settings,
                    Records(database, clock=clock, lease_s=CLIP_LEASE_S),
                    open_storage(settings.clips_address, scratch=settings.making),
                    clock,
                ),
                rates=RateLimits(clock=time.monotonic),
                places=Places(settings.bounds.uploads),
            )
        finally:
            queue.close()
    finally:
        database.close()
