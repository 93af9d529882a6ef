"""The store of scans, and all that is written with it, on both engines."""

from __future__ import annotations

import threading
import time

import pytest

from service.accounts import Accounts, Quota, QuotaExceeded
from service.audit import entries
from service.idempotency import HeldKey, IdempotencyKeys, KeyLost
from service.object_events import is_news, read_events
from service.scans import Answer, NewScan, Scans
from service.uploads.resumable import Resumables
from service.webhooks import Outbox
from tests.service.test_object_events import record

ANSWER = Answer(verdict="ai_generated", action="label", document={"signals": []})


@pytest.fixture
def outbox(database):
    return Outbox(database, clock=time.time)


@pytest.fixture
def scans(database, queue, outbox):
    return Scans(database, queue, clock=time.time, on_finish=outbox.announce)


@pytest.fixture
def tenant(database):
    accounts = Accounts(database, clock=time.time)
    return accounts.create_tenant("acme", quota=Quota(), webhook_url="https://example.com/h").id


def submit(scans, tenant, *, quota=None, key=None):
    new = NewScan(
        id=scans.new_id(), tenant=tenant, source="upload", depth="full", bytes=5, sha256="a" * 64
    )
    return scans.submit(new, actor="test", quota=quota or Quota(), key=key)


def test_a_scan_goes_from_accepted_to_its_one_result(scans, queue, outbox, database, tenant):
    scan = submit(scans, tenant)
    assert scans.get(scan.id) == scan
    assert scans.get(scan.id, tenant="another") is None
    claim = queue.claim(30)
    assert claim.scan == scan.id
    running = scans.started(scan.id, 1)
    assert (running.state, running.progress, running.attempts) == ("running", 0, 1)
    scans.progressed(scan.id, 0.5)
    assert scans.get(scan.id).progress == 0.5
    assert scans.unfinished([scan.id, "scan_x"]) == {scan.id}
    assert scans.finish(scan.id, ANSWER, actor="worker")
    assert not scans.finish(scan.id, ANSWER, actor="worker")
    assert scans.started(scan.id, 2) is None
    done = scans.get(scan.id)
    assert (done.state, done.action, done.answer) == ("done", "label", {"signals": []})
    assert scans.unfinished([scan.id]) == set()
    message = outbox.claim(60)
    assert (message.scan, message.url) == (scan.id, "https://example.com/h")
    assert outbox.claim(60) is None
    outbox.settle(message, 204)
    assert outbox.again(done) == message.id
    actions = [entry["action"] for entry in entries(database, tenant, before=None, limit=9)]
    assert actions == ["scan.finished", "scan.accepted"]
    assert scans.delete(scan.id, tenant=tenant, actor="test")
    assert not scans.delete(scan.id, tenant=tenant, actor="test")
    assert outbox.claim(60) is None


def test_of_many_results_at_once_one_is_stored(scans, tenant, outbox):
    scan, won = submit(scans, tenant), []
    barrier = threading.Barrier(4)

    def finish(number):
        barrier.wait()
        if scans.finish(
            scan.id, Answer(verdict=str(number), action="allow", document={}), actor="w"
        ):
            won.append(str(number))

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [scans.get(scan.id).verdict] == won
    assert outbox.claim(60) is not None
    assert outbox.claim(60) is None


def test_a_refused_scan_leaves_neither_row_nor_job(scans, queue, tenant):
    few = Quota(daily_scans=1)
    submit(scans, tenant, quota=few)
    with pytest.raises(QuotaExceeded):
        submit(scans, tenant, quota=few)
    assert queue.waiting() == 1
    assert len(scans.page(tenant, before=None, limit=10)) == 1


def test_keys_of_repeated_requests(scans, database, tenant):
    keys = IdempotencyKeys(database, clock=time.time, lease_s=30)
    fresh = keys.take(tenant, "k")
    assert fresh.state == "fresh"
    assert keys.take(tenant, "k").state == "in_flight"
    with pytest.raises(KeyLost):
        submit(scans, tenant, key=HeldKey(key="k", owner="another"))
    scan = submit(scans, tenant, key=HeldKey(key="k", owner=fresh.owner))
    assert [one.id for one in scans.page(tenant, before=None, limit=10)] == [scan.id]
    taken = keys.take(tenant, "k")
    assert (taken.state, taken.scan) == ("answered", scan.id)
    scans.delete(scan.id, tenant=tenant, actor="test")
    assert keys.take(tenant, "k").scan == ""
    other = keys.take(tenant, "other")
    keys.renew(tenant, "other", other.owner)
    keys.release(tenant, "other", other.owner)
    assert keys.take(tenant, "other").state == "fresh"


def test_events_are_news_once(database):
    (event,) = read_events({"Records": [record()]})
    (later,) = read_events({"Records": [record(sequencer="99")]})
    with database.writing() as transaction:
        assert is_news(transaction, "t", event, "scan_1")
        assert not is_news(transaction, "t", event, "scan_2")
        assert is_news(transaction, "t", later, "scan_3")
        assert not is_news(transaction, "t", event, "scan_4")
        assert is_news(transaction, "another", event, "scan_5")


def test_resumable_uploads(database, tmp_path):
    kept = Resumables(database, tmp_path, clock=time.time, keep_s=60)
    upload = kept.create("t", 10, media_type="video/mp4", depth="early")
    assert kept.get(upload.id, tenant="t") == upload
    kept.received(upload.id, 5)
    assert kept.get(upload.id, tenant="t").received == 5
    assert kept.expired() == []
    late = Resumables(database, tmp_path, clock=lambda: time.time() + 61, keep_s=60)
    assert late.expired() == [upload.id]
    late.remove(upload.id)
    assert late.expired() == []
