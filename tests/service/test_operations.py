"""What an operator sees: readiness, metrics, logs, draining, and the schema's steps."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.service_chaos import free_port
from benchmarks.service_process import ServiceProcess, running
from service.accounts import Quota
from service.database import open_database, schema
from service.housekeeping import tidy
from service.scans import Answer, NewScan, Scans
from service.tally import BOUNDS_S, Tally


def samples(client):
    answer = client.ask("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def submitted(services, tenant):
    new = NewScan(id=services.scans.new_id(), tenant=tenant.id, source="upload", depth="early")
    return services.scans.submit(new, actor="test", quota=Quota()).id


def answered(services, scan, verdict="ai_generated", action="label"):
    answer = Answer(verdict=verdict, action=action, document={"result": None})
    assert services.scans.finish(scan, answer, actor="test")


def test_ready_only_while_everything_answers(client, services, settings):
    assert client.ask("GET", "/readyz").json() == {"status": "ok", "waiting": 0}
    assert client.ask("HEAD", "/readyz").status_code == 200
    services.draining.set()
    assert client.ask("HEAD", "/readyz").status_code == 503
    for method, path in (("GET", "/readyz"), ("POST", "/v1/scans")):
        answer = client.ask(method, path, headers={"Content-Type": "video/mp4"}, content=b"x")
        assert (answer.status_code, answer.json()["code"]) == (503, "service.draining")
        assert "Retry-After" in answer.headers
    for method in ("GET", "HEAD"):
        assert client.ask(method, "/healthz").status_code == 200
    services.draining.clear()
    (settings.data / "uploads").rmdir()
    answer = client.ask("GET", "/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "service.unavailable")


def test_asking_often_looks_once(client, settings):
    async def ask():
        async with client.open() as opened:
            first = await opened.get("/readyz")
            (settings.data / "uploads").rmdir()
            return first.status_code, (await opened.get("/readyz")).status_code

    import anyio

    assert anyio.run(ask) == (200, 200)
    assert client.ask("GET", "/readyz").status_code == 503  # another server, which has not looked


def test_not_ready_without_the_manifest_store(client, settings):
    store = settings.data / "spoilt.sqlite"
    store.write_bytes(b"no database at all" * 100)
    client.settings = replace(settings, scan=replace(settings.scan, store=str(store)))
    assert client.ask("GET", "/readyz").status_code == 503


def test_metrics_count_results_rejections_and_what_waits(client, services, tenant):
    for _ in range(3):
        answered(services, submitted(services, tenant))
    answered(services, submitted(services, tenant), "unreadable", "review")
    waiting = submitted(services, tenant)
    found = samples(client)
    assert found["everyframe_scans_total", "ai_generated", "label"] == 3
    assert found["everyframe_scans_total", "review", "unreadable"] == 1
    assert found[("everyframe_scan_seconds_count",)] == 4
    assert found["everyframe_scan_seconds_bucket", "+Inf"] == 4
    assert found[("everyframe_queue_depth",)] == 5  # no worker took any job away
    assert found[("everyframe_database_up",)] == 1
    # Counters stay when results are deleted.
    services.scans.delete(waiting, tenant=tenant.id, actor="test")
    assert samples(client)["everyframe_scans_total", "ai_generated", "label"] == 3


def test_metrics_of_requests_name_routes_and_no_ids(client, services):
    from service.app import create_app

    app = create_app(client.settings, opened=services)
    headers = {"Authorization": f"Bearer {client.key}"}

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as opened:
            await opened.get("/v1/scans/scan_" + "0" * 32, headers=headers)
            await opened.get("/v1/scans", headers={"Authorization": "Bearer ltx_a_b"})
            await opened.request("BREW", "/v1/scans")
            return (await opened.get("/metrics", headers=headers)).text

    import anyio

    text = anyio.run(ask)
    assert 'route="/v1/scans/{scan}",status="404"' in text
    assert 'everyframe_rejections_total{code="scan.not_found"} 1.0' in text
    assert 'everyframe_rejections_total{code="auth.invalid"} 1.0' in text
    assert "scan_0000" not in text
    assert "BREW" not in text


def test_metrics_need_a_key_unless_opened(client, services, tenant, settings):
    client.key = services.accounts.create_key(tenant.id, ["scans:read"], actor="test")
    assert client.ask("GET", "/metrics").status_code == 403
    client.key = None
    assert client.ask("GET", "/metrics").status_code == 401
    client.settings = replace(settings, open_metrics=True)
    assert client.ask("GET", "/metrics").status_code == 200


def test_durations_fall_into_their_buckets(database, queue):
    now, tally = [1.8e9], Tally(database)
    scans = Scans(database, queue, clock=lambda: now[0], on_finish=tally.count)
    for took in (0.5, 0.51, 10_000):
        now[0] = 1.8e9
        new = NewScan(id=scans.new_id(), tenant="t", source="upload", depth="early")
        scans.submit(new, actor="test", quota=Quota())
        now[0] += took
        answer = Answer(verdict="no_evidence", action="allow", document={})
        assert scans.finish(new.id, answer, actor="test")
        assert not scans.finish(new.id, answer, actor="test")  # counted once
    counts = tally.counts()
    assert [(count.bucket, count.scans) for count in counts] == [(0, 1), (1, 1), (len(BOUNDS_S), 1)]
    assert sum(count.seconds for count in counts) == pytest.approx(10_001.01)


def test_a_database_of_the_first_version_is_brought_forward_with_what_is_in_it(
    address, monkeypatch
):
    steps = schema.STEPS
    monkeypatch.setattr(schema, "STEPS", steps[:1])
    old = open_database(address)
    with old.writing() as transaction:
        transaction.run("INSERT INTO tenants (id, name, created) VALUES ('ten_1', 'acme', 1)")
    old.close()
    monkeypatch.setattr(schema, "STEPS", steps)
    for _ in range(2):  # the second time there is nothing to do
        new = open_database(address)
        with new.reading() as transaction:
            assert transaction.row("SELECT name FROM tenants") == {"name": "acme"}
            assert transaction.rows("SELECT * FROM feedback") == []
            version = transaction.row("SELECT version FROM service_schema")
            assert version == {"version": len(steps)}
        new.close()


def test_results_of_visitors_end_with_their_time(services, settings, tenant):
    other = services.accounts.create_tenant("paying", quota=Quota())
    chosen = replace(settings, public="acme", public_hours=1.0)
    scans = [submitted(services, one) for one in (tenant, other)]
    for scan in scans:
        answered(services, scan)
    unfinished = submitted(services, tenant)
    for hours, left in ((0.9, True), (1.1, False)):
        later = services.clock() + hours * 3600
        tidy(replace(services, settings=chosen, clock=lambda at=later: at))
        assert (services.scans.get(scans[0]) is not None) is left
    assert services.scans.get(scans[1]) is not None
    assert services.scans.get(unfinished) is not None


@pytest.fixture
def process(tmp_path):
    options = ("--workers", "1", "--drain-seconds", "86400", "--public", "everybody")
    with running(ServiceProcess(tmp_path / "data", *options, port=free_port())) as service:
        yield service


def test_it_drains_ends_in_order_and_logs_nobody(process, clip, tmp_path):
    """SIGTERM: not ready, no new scans, what was accepted is kept; and the log of it all."""
    headers = {"Content-Type": "video/mp4", "X-Forwarded-For": "203.0.113.77"}
    headers |= {"Authorization": f"Bearer {process.key}", "User-Agent": "agent-007"}
    sent = httpx.post(
        f"{process.url}/v1/scans?callback=https://example.org/secret-callback",
        content=clip, headers={**headers, "Content-Disposition": 'filename="holiday-with-ann.mp4"'},
    )  # fmt: skip
    assert sent.status_code == 202
    httpx.get(f"{process.url}/v1/scans?cursor=secret-query", headers=headers)
    os.kill(process.server, signal.SIGTERM)
    while httpx.get(f"{process.url}/readyz", timeout=None).status_code != 503:
        time.sleep(0.01)
    refused = httpx.post(f"{process.url}/v1/scans", content=clip, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (503, "service.draining")
    os.kill(process.server, signal.SIGTERM)  # a second one ends the wait
    assert process._process.wait() == 0
    database = open_database(str(process.folder / "service.sqlite"))
    with database.reading() as transaction:
        # Finished, or waiting for the next worker with nobody's lease on it.
        row = transaction.row("SELECT state FROM scans")
        jobs = transaction.rows("SELECT * FROM jobs")
    database.close()
    assert row["state"] == "done" or len(jobs) == 1
    log = (process.folder / "log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert {line["status"] for line in requests} >= {202, 200, 503}
    for line in lines:
        at = datetime.fromisoformat(line["at"])
        assert abs((datetime.now(UTC) - at).total_seconds()) < 3600
        assert {"level", "logger"} <= line.keys()
    for told in ("203.0.113.77", process.key, "agent-007", "holiday", "secret"):
        assert told not in log
    others = [line for line in lines if "Uvicorn running" not in line["message"]]
    assert "127.0.0.1" not in json.dumps(others)
