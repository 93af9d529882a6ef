"""Those who wait for results are told, and the database is asked once for all of them."""

from __future__ import annotations

import asyncio
import time

import pytest

from provenance.errors import StoreError
from service.accounts import Quota
from service.scans import Answer, NewScan
from service.watch import Watch

ANSWER = Answer(verdict="no_evidence", action="allow", document={})


@pytest.fixture
def scans(services, tenant):
    def new():
        scan = services.scans.new_id()
        wish = NewScan(id=scan, tenant=tenant.id, source="upload", depth="early")
        services.scans.submit(wish, actor="test", quota=Quota())
        return scan

    return [new() for _ in range(40)]


def test_done_and_deleted_scans_wake_those_who_wait_for_them(services, tenant, scans):
    done, deleted, left = scans[0], scans[1], scans[2:]

    async def wait():
        watch = Watch(services.scans)
        tasks = {scan: asyncio.create_task(watch.wait(scan, 60)) for scan in scans}
        tasks["again"] = asyncio.create_task(watch.wait(done, 60))
        await asyncio.sleep(0)
        services.scans.finish(done, ANSWER, actor="test")
        services.scans.delete(deleted, tenant=tenant.id, actor="test")
        await asyncio.gather(tasks[done], tasks["again"], tasks[deleted])
        assert not any(tasks[scan].done() for scan in left)
        for scan in left:
            tasks[scan].cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        # Nobody is left, so that nothing more is looked for.
        await asyncio.wait_for(watch._looking, 60)

    asyncio.run(wait())


def test_one_look_serves_all(services, scans, monkeypatch):
    asked = []
    unfinished = services.scans.unfinished
    monkeypatch.setattr(
        services.scans, "unfinished", lambda ids: (asked.append(len(ids)), unfinished(ids))[1]
    )

    services.scans.finish(scans[0], ANSWER, actor="test")

    async def wait():
        watch = Watch(services.scans)
        tasks = [asyncio.create_task(watch.wait(scan, 60)) for scan in scans]
        await tasks[0]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(wait())
    assert asked == [len(scans)]


def test_the_time_is_up_for_each_alone(services, scans):
    async def wait():
        watch = Watch(services.scans)
        began = time.monotonic()
        await asyncio.gather(watch.wait(scans[0], 0.05), watch.wait(scans[1], 0.3))
        return time.monotonic() - began

    assert asyncio.run(wait()) >= 0.3


def test_a_database_that_fails_is_told_to_all(services, scans, monkeypatch):
    def fail(_):
        raise StoreError("the database is gone")

    monkeypatch.setattr(services.scans, "unfinished", fail)

    async def wait():
        watch = Watch(services.scans)
        waits = (watch.wait(scan, 60) for scan in scans[:3])
        return await asyncio.gather(*waits, return_exceptions=True)

    assert [type(found) for found in asyncio.run(wait())] == [StoreError] * 3
