"""Webhooks to a real server on loopback: signed, repeated under one id, never led elsewhere."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook

from provenance.errors import StoreError
from service.accounts import Quota
from service.scans import Answer, NewScan
from service.webhooks.delivery import Delivery
from service.webhooks.outbox import PAUSES_S, Outbox

ANSWER = Answer(verdict="ai_generated", action="label", document={"signals": [{"kind": "x"}]})


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@contextmanager
def receiver(*statuses, location=None):
    """A server that answers with each of ``statuses`` in turn, and notes what it gets."""
    got, answers = [], iter(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((dict(self.headers), body, self.path))
            self.send_response(next(answers, 200))
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield got, f"http://127.0.0.1:{server.server_port}/hook?a=b"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def outbox(services, clock):
    return Outbox(services.database, clock=clock)


@pytest.fixture
def delivery(outbox, clock):
    return Delivery(outbox, clock=clock, private=True)


@pytest.fixture
def scans(services, outbox, clock):
    from service.scans import Scans

    return Scans(services.database, services.queue, clock=clock, on_finish=outbox.announce)


def finish(scans, tenant, url):
    new = NewScan(
        id=scans.new_id(), tenant=tenant.id, source="upload", depth="early", callback=url, bytes=1
    )
    scans.submit(new, actor="test", quota=Quota())
    assert scans.finish(new.id, ANSWER, actor="worker")
    return new.id


def state(services):
    with services.database.reading() as transaction:
        return [row["state"] for row in transaction.rows("SELECT state FROM outbox ORDER BY id")]


def test_a_result_is_told_and_the_signature_holds(services, tenant, scans, delivery, clock):
    clock.now = time.time()  # the receiver's own clock is looked at, too
    with receiver() as (got, url):
        scan = finish(scans, tenant, url)
        assert delivery.send_one()
        assert not delivery.send_one()
    ((headers, body, path),) = got
    document = Webhook(tenant.webhook_secret).verify(body, headers)
    assert document["type"] == "scan.done"
    assert (document["data"]["id"], document["data"]["action"]) == (scan, "label")
    assert path == "/hook?a=b"
    assert headers["webhook-id"].startswith("msg_")
    assert state(services) == ["delivered"]
    with pytest.raises(Exception, match="signature"):
        Webhook(tenant.webhook_secret).verify(body + b" ", headers)


def test_failures_are_repeated_with_the_same_id_and_longer_pauses(
    services, tenant, scans, delivery, clock
):
    with receiver(500, 503, 200) as (got, url):
        finish(scans, tenant, url)
        for pause in (0, *PAUSES_S[:2]):
            clock.now += pause - 1
            if pause:
                assert not delivery.send_one()
            clock.now += 1
            assert delivery.send_one()
    assert len({headers["webhook-id"] for headers, _, _ in got}) == 1
    assert len({headers["webhook-timestamp"] for headers, _, _ in got}) == 3
    assert len({body for _, body, _ in got}) == 1
    assert state(services) == ["delivered"]


def test_it_is_given_up_after_a_day(services, tenant, scans, delivery, clock):
    finish(scans, tenant, "http://127.0.0.1:1/nobody")
    attempts, started = 0, clock.now
    while state(services) == ["pending"]:
        attempts += delivery.send_one()
        clock.now += 60
    assert attempts == len(PAUSES_S) + 1
    assert 0.8 < (clock.now - started) / 86_400 < 1.3
    assert state(services) == ["failed"]


def test_redirects_are_not_followed(services, tenant, scans, delivery):
    with receiver() as (inner, secret), receiver(302, location=secret) as (got, url):
        finish(scans, tenant, url)
        assert delivery.send_one()
    assert (len(got), inner) == (1, [])
    assert state(services) == ["pending"]


def test_gone_ends_it(services, tenant, scans, delivery):
    with receiver(410) as (_, url):
        finish(scans, tenant, url)
        delivery.send_one()
    assert state(services) == ["failed"]


def test_private_targets_hear_nothing(services, tenant, scans, outbox, clock):
    guarded = Delivery(outbox, clock=clock, private=False, resolve=lambda *_: ["127.0.0.1"])
    with receiver() as (got, url):
        port = url.split(":")[2].split("/")[0]
        finish(scans, tenant, url)
        finish(scans, tenant, f"https://inside.example:{port}/")
        finish(scans, tenant, "https://inside.example/")
        for _ in range(3):
            assert guarded.send_one()
    assert got == []
    assert state(services) == ["pending"] * 3


def test_proxies_of_the_environment_are_not_used(tenant, scans, delivery, monkeypatch):
    with receiver() as (proxied, proxy), receiver() as (got, url):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        finish(scans, tenant, url)
        delivery.send_one()
    assert (len(got), proxied) == (1, [])


def test_a_message_is_sent_again_on_demand(client, services, tenant, key):
    with receiver() as (got, url):
        scans, sender = (
            services.scans,
            Delivery(services.outbox, clock=services.clock, private=True),
        )
        scan = finish(scans, tenant, url)
        sender.send_one()
        answer = client.ask("POST", f"/v1/scans/{scan}/redeliver")
        assert answer.status_code == 202
        assert sender.send_one()
    assert [headers["webhook-id"] for headers, _, _ in got] == [answer.json()["message"]] * 2
    unheard = NewScan(id=scans.new_id(), tenant=tenant.id, source="upload", depth="early")
    scans.submit(unheard, actor="test", quota=Quota())
    path = f"/v1/scans/{unheard.id}/redeliver"
    assert client.ask("POST", path).json()["code"] == "scan.unfinished"
    scans.finish(unheard.id, ANSWER, actor="worker")
    assert client.ask("POST", path).json()["code"] == "scan.no_callback"


def still_works(delivery, *, until):
    """Whether the thread of ``delivery`` works on once something lies in ``until``."""
    stop = threading.Event()
    thread = threading.Thread(target=delivery.work, args=(stop,))
    thread.start()
    for _ in range(600):
        if until:
            break
        time.sleep(0.02)
    alive = thread.is_alive()
    stop.set()
    thread.join()
    return alive


def test_what_is_broken_for_one_does_not_hold_up_others(
    services, tenant, scans, delivery, clock, monkeypatch
):
    """A thread that must go on, whatever a tenant's address or secret are like."""
    broken = services.accounts.create_tenant("broken", quota=Quota())
    with services.database.writing() as transaction:
        transaction.run(
            "UPDATE tenants SET webhook_secret = ? WHERE id = ?", ("whsec_*", broken.id)
        )
    with receiver() as (got, url):
        for bad in ("http://a b/", "http://127.0.0.1:1/\x7f", "http://[", "http://xn--/", url):
            finish(scans, broken, bad)
        finish(scans, tenant, url)
        assert still_works(delivery, until=got)
    assert len(got) == 1
    assert "webhook-signature" in {name.lower() for name in got[0][0]}
    assert sorted(state(services)) == ["delivered"] + ["pending"] * 5


def test_an_error_that_nobody_foresaw_does_not_end_delivery(
    services, tenant, scans, outbox, delivery, monkeypatch
):
    claim, failures = outbox.claim, [ZeroDivisionError(), StoreError("away")]

    def sometimes(lease_s):
        if failures:
            raise failures.pop()
        return claim(lease_s)

    monkeypatch.setattr(outbox, "claim", sometimes)
    with receiver() as (got, url):
        finish(scans, tenant, url)
        assert still_works(delivery, until=got)
    assert len(got) == 1


@contextmanager
def dripping():
    """A server that answers with a byte now and then, and never to the end of a head."""
    over = threading.Event()

    def drip(connection):
        with connection:
            while not over.wait(0.05):
                with suppress(OSError):
                    connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)


def test_a_receiver_that_never_ends_its_answer_is_left_and_holds_up_its_own(
    services, tenant, scans, outbox, clock
):
    delivery = Delivery(outbox, clock=clock, private=True, timeout_s=0.3)
    with receiver() as (got, url), dripping() as slow:
        for place in (slow, slow, slow, url, slow, url):
            finish(scans, tenant, place)
        assert [delivery.send_one() for _ in range(4)] == [True, True, True, False]
        assert len(got) == 2
        clock.now += PAUSES_S[0]
        assert [delivery.send_one() for _ in range(2)] == [True, False]
        clock.now += PAUSES_S[1]
        assert [outbox.claim(60).attempts for _ in range(4)] == [3] * 4
    assert sorted(state(services)) == ["delivered"] * 2 + ["pending"] * 4


def test_what_never_answers_is_given_up_for_all_of_its_messages(services, tenant, scans, delivery,
                                                                clock):  # fmt: skip
    for _ in range(3):
        finish(scans, tenant, "http://127.0.0.1:1/nobody")
    started, attempts = clock.now, 0
    while "pending" in state(services):
        attempts += delivery.send_one()
        clock.now += 60
    assert attempts == len(PAUSES_S) + 1
    assert 0.8 < (clock.now - started) / 86_400 < 1.3


def test_two_senders_do_not_send_the_same(services, tenant, scans, outbox, delivery):
    finish(scans, tenant, "http://127.0.0.1:1/")
    assert outbox.claim(60) is not None
    assert outbox.claim(60) is None


def test_a_message_exists_when_its_result_does(services, tenant, scans, outbox, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    new = NewScan(id=scans.new_id(), tenant=tenant.id, source="upload", depth="early", callback="x")
    scans.submit(new, actor="test", quota=Quota())
    monkeypatch.setattr(scans, "_on_finish", broken)
    with pytest.raises(ZeroDivisionError):
        scans.finish(new.id, ANSWER, actor="worker")
    assert scans.get(new.id).state == "queued"
    monkeypatch.setattr(scans, "_on_finish", outbox.announce)
    assert scans.finish(new.id, ANSWER, actor="worker")
    assert not scans.finish(new.id, ANSWER, actor="worker")
    message = outbox.claim(60)
    assert json.loads(message.body)["data"]["id"] == new.id
    assert outbox.claim(60) is None
