"""The queue of many machines: procrastinate, in the same Postgres as the scans (extra ``scale``).

A job is deferred in the transaction that makes its scan. Each worker has an entry with a heartbeat;
a job whose worker's heartbeat is old, or whose worker is gone, is given back by whoever looks next
(procrastinate, "Retry stalled jobs"): after ``kill -9`` another machine goes on with it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import ProcrastinateException
from procrastinate.jobs import Status

from provenance.errors import StoreError
from service.jobs.queue import Claim

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from service.database import Transaction

T = TypeVar("T")
TASK, NAME = "everyframe.scan", "scans"
_LOOK_S = 5.0
"""Pause between looks for jobs whose workers are gone."""


class ProcrastinateQueue:
    """``url``: of the database. procrastinate's tables are made when they are missing."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        # Its job manager is asynchronous and the workers are not: it gets a thread of its own.
        self._thread = threading.Thread(target=self._loop.run_forever, name="jobs", daemon=True)
        self._thread.start()
        self._app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=3))
        # For putting alone, which happens on the transaction's connection: it opens none itself.
        self._putting = App(connector=SyncPsycopgConnector(conninfo=url))
        self._worker: int | None = None
        self._looked = float("-inf")
        try:
            with _explained():
                _make_tables(url)
                self._wait(self._app.open_async())
        except BaseException:
            self._stop()
            raise

    def put(self, transaction: Transaction, scan: str) -> None:
        with _explained():
            self._putting.configure_task(
                TASK, queue=NAME, connection=transaction.native, queueing_lock=scan
            ).defer(scan=scan)

    def claim(self, lease_s: float) -> Claim | None:
        with _explained():
            return self._wait(self._claim(lease_s))

    def renew(self, claim: Claim, lease_s: float) -> bool:
        """Renews the worker's heartbeat, and so the leases of all that it holds."""
        worker, job = _parts(claim)
        with _explained():
            return self._wait(self._renew(worker, job, lease_s))

    def done(self, claim: Claim) -> None:
        with _explained():
            self._wait(self._if_held(claim, self._finish))

    def again(self, claim: Claim, delay_s: float) -> None:
        async def give_back(job: int) -> None:
            await self._app.job_manager.retry_job_by_id_async(
                job, retry_at=datetime.now(UTC) + timedelta(seconds=delay_s)
            )

        with _explained():
            self._wait(self._if_held(claim, give_back))

    def waiting(self) -> int:
        query = (
            "SELECT count(*) AS jobs FROM procrastinate_jobs"
            " WHERE queue_name = %(queue)s AND status IN ('todo', 'doing')"
        )
        with _explained():
            found = self._wait(self._app.connector.execute_query_one_async(query, queue=NAME))
        return int(found["jobs"])

    def close(self) -> None:
        with suppress(ProcrastinateException, psycopg.Error):
            if self._worker is not None:
                self._wait(self._app.job_manager.unregister_worker(self._worker))
        with suppress(ProcrastinateException, psycopg.Error):
            self._wait(self._app.close_async())
        self._stop()

    async def _claim(self, lease_s: float) -> Claim | None:
        manager = self._app.job_manager
        if self._worker is None:
            self._worker = await manager.register_worker()
        elif not await self._beat(self._worker):
            # Somebody took us for dead.
            self._worker = await manager.register_worker()
        if time.monotonic() - self._looked > min(_LOOK_S, lease_s / 2):
            self._looked = time.monotonic()
            await self._give_back_stalled(lease_s)
        job = await manager.fetch_job(queues=[NAME], worker_id=self._worker)
        if job is None:
            return None
        scan = str(job.task_kwargs["scan"])
        return Claim(scan=scan, token=f"{self._worker}:{job.id}", attempt=job.attempts + 1)

    async def _give_back_stalled(self, lease_s: float) -> None:
        manager = self._app.job_manager
        stalled = await manager.get_stalled_jobs(
            queue=NAME, task_name=TASK, seconds_since_heartbeat=lease_s
        )
        for job in stalled:
            # Two may see the same: the second finds it waiting already.
            with suppress(ProcrastinateException):
                await manager.retry_job(job)
        await manager.prune_stalled_workers(2 * lease_s)

    async def _renew(self, worker: int, job: int, _lease_s: float) -> bool:
        return await self._beat(worker) and await self._held(worker, job)

    async def _beat(self, worker: int) -> bool:
        await self._app.job_manager.update_heartbeat(worker)
        found = await self._app.connector.execute_query_all_async(
            "SELECT 1 AS one FROM procrastinate_workers WHERE id = %(worker)s", worker=worker
        )
        return bool(found)

    async def _held(self, worker: int, job: int) -> bool:
        found = await self._app.connector.execute_query_all_async(
            "SELECT 1 AS one FROM procrastinate_jobs"
            " WHERE id = %(job)s AND worker_id = %(worker)s AND status = 'doing'",
            job=job,
            worker=worker,
        )
        return bool(found)

    async def _if_held(self, claim: Claim, deed: Any) -> None:
        worker, job = _parts(claim)
        if await self._held(worker, job):
            await deed(job)

    async def _finish(self, job: int) -> None:
        await self._app.job_manager.finish_job_by_id_async(
            job_id=job, status=Status.SUCCEEDED, delete_job=True
        )

    def _wait(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(waited(), self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _make_tables(url: str) -> None:
    app = App(connector=SyncPsycopgConnector(conninfo=url))
    with app.open(), psycopg.connect(url) as alone:
        # Held until the end of the block: of several processes that start at once one makes them.
        alone.execute("SELECT pg_advisory_xact_lock(%s)", (0x4546_504A,))
        if not app.check_connection():
            app.schema_manager.apply_schema()


def _parts(claim: Claim) -> tuple[int, int]:
    worker, _, job = claim.token.partition(":")
    return int(worker), int(job)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (ProcrastinateException, psycopg.Error) as error:
        raise StoreError(
            f"the queue in Postgres cannot be used: {error}", hint="check that the database runs"
        ) from error
