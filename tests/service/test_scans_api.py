"""``/v1/scans`` from the outside: what is taken, what is refused and how, what is told to whom."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace

import anyio
import pytest

from service.accounts import SCOPES, Quota
from service.scans import Answer
from tests.full_disk import full_disk
from tests.problems import problem

ANSWER = Answer(verdict="no_evidence", action="allow", document={"signals": []})


def nothing_is_left(client):
    data = client.settings.data
    assert list((data / "incoming").iterdir()) == []
    assert list((data / "uploads").iterdir()) == []
    assert client.services.queue.waiting() == 0


def test_a_body_is_taken_and_is_there(client, clip):
    answer = client.send(clip)
    assert answer.status_code == 202
    scan = answer.json()
    assert answer.headers["location"] == f"/v1/scans/{scan['id']}"
    assert int(answer.headers["retry-after"]) > 0
    assert (scan["state"], scan["bytes"]) == ("queued", len(clip))
    assert scan["sha256"] == hashlib.sha256(clip).hexdigest()
    with client.services.storage.open(scan["id"]) as file:
        assert file.read() == clip
    assert client.services.queue.claim(5).scan == scan["id"]


def test_a_body_without_a_stated_length_is_taken(client, clip):
    async def pieces():
        for at in range(0, len(clip), 1000):
            yield clip[at : at + 1000]

    assert client.send(pieces()).json()["bytes"] == len(clip)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "media.empty"),
        (b"Dear diary\n" * 1000, 415, "media.unsupported"),
        (b"#EXTM3U\n#EXTINF:3,\nhttp://127.0.0.1/x.ts\n", 415, "media.unsupported"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", 415, "media.unsupported"),
    ],
)
def test_what_is_no_video_is_refused(client, body, status, code):
    problem(client.send(body), status, code)
    nothing_is_left(client)


def test_what_is_too_large_is_refused_whether_it_says_so_or_not(client, clip):
    most = client.settings.bounds.upload_bytes

    async def endless():
        yield clip
        for _ in range(most // 65536 + 1):
            yield bytes(65536)

    problem(client.send(clip + bytes(most)), 413, "media.too_large")
    problem(client.send(endless()), 413, "media.too_large")
    nothing_is_left(client)


def test_other_types_are_refused(client, clip):
    problem(client.send(clip, **{"Content-Type": "text/html"}), 415, "media.unsupported")
    problem(client.send(clip, **{"Content-Type": "multipart/form-data"}), 415, "media.unsupported")


def test_a_client_that_falls_silent_is_let_go(client, clip):
    async def slow():
        yield clip[:5000]
        await asyncio.sleep(30)
        yield clip[5000:]

    problem(client.send(slow()), 408, "request.timeout")
    nothing_is_left(client)


def test_a_full_disk_is_told_and_nothing_is_left(client, clip):
    # The database has its own pages to write: only the upload is too large for the "disk".
    async def send():
        async with client.open() as one:
            await one.get("/readyz")
            with full_disk(300_000):
                return await one.post(
                    "/v1/scans",
                    content=clip + bytes(600_000),
                    headers={"Content-Type": "video/mp4"},
                )

    answer = anyio.run(send)
    problem(answer, 503, "disk.full")
    assert answer.headers["retry-after"]
    nothing_is_left(client)
    assert client.send(clip).status_code == 202


def test_a_database_that_cannot_grow_accepts_nothing(client):
    client.settings = replace(client.settings, object_stores=("s3://videos/",))
    with full_disk(2000):
        answers = [
            client.ask("POST", "/v1/scans", json={"object": f"s3://videos/{index}"})
            for index in range(3)
        ]
    for answer in answers:
        problem(answer, 503, "service.unavailable")
        assert answer.headers["retry-after"]
    assert client.services.queue.waiting() == 0
    answer = client.ask("POST", "/v1/scans", json={"object": "s3://videos/a"})
    assert answer.status_code == 202


def test_objects_are_named_in_json(client):
    client.settings = replace(client.settings, object_stores=("s3://videos/in/",))
    answer = client.ask("POST", "/v1/scans", json={"object": "s3://videos/in/a.mp4"})
    assert answer.status_code == 202
    scan = answer.json()
    assert (scan["source"], scan["object"]) == ("object", "s3://videos/in/a.mp4")
    for address in (
        "s3://videos/out/a.mp4", "s3://videos/in/../out/a", "s3://videos/in/%2e%2e/out/a",
        "s3://videos/in/b%2F..%2F../out/a", "file:///etc/passwd",
    ):  # fmt: skip
        answer = client.ask("POST", "/v1/scans", json={"object": address})
        problem(answer, 422, "object.forbidden")
    # The name of a bucket is a whole one, whether the operator wrote a slash behind it or not.
    client.settings = replace(client.settings, object_stores=("s3://videos",))
    for address, status in (("s3://videos/a", 202), ("s3://videos-of-others/a", 422)):
        asked = client.ask("POST", "/v1/scans", json={"object": address})
        assert asked.status_code == status
    answer = client.ask("POST", "/v1/scans", json={"object": "s3://videos/in/a", "depht": "full"})
    assert problem(answer, 422, "request.invalid")["errors"][0]["at"] == "depht"
    answer = client.ask(
        "POST", "/v1/scans", content=b"{", headers={"Content-Type": "application/json"}
    )
    problem(answer, 400, "request.malformed")


def test_prefer_wait_answers_with_the_result(client, clip):
    async def run():
        async with client.open() as one:
            sent = one.post(
                "/v1/scans", content=clip, headers={"Content-Type": "video/mp4", "Prefer": "wait=5"}
            )
            task = asyncio.create_task(sent)
            claim = None
            while claim is None:
                await asyncio.sleep(0.02)
                claim = client.services.queue.claim(5)
            client.services.scans.finish(claim.scan, ANSWER, actor="test")
            return await task

    answer = anyio.run(run)
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait"
    assert "retry-after" not in answer.headers
    assert answer.json()["action"] == "allow"


def test_waiting_ends_when_the_time_is_up(client, clip):
    answer = client.send(clip, Prefer="respond-async, wait=0")
    assert answer.status_code == 202
    path = answer.headers["location"]
    answer = client.ask("GET", path, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    assert answer.headers["retry-after"]


def test_pages_show_each_scan_once_the_newest_first(client, clip):
    sent = [client.send(clip).json()["id"] for _ in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        more = {} if cursor is None else {"cursor": cursor}
        page = client.ask("GET", "/v1/scans", params={"limit": 2, **more}).json()
        seen += [scan["id"] for scan in page["scans"]]
        cursor = page["cursor"]
    assert seen == sent[::-1]
    assert cursor is None


def test_a_deleted_scan_leaves_nothing(client, clip):
    scan = client.send(clip).json()["id"]
    assert client.ask("DELETE", f"/v1/scans/{scan}").status_code == 204
    problem(client.ask("GET", f"/v1/scans/{scan}"), 404, "scan.not_found")
    problem(client.ask("DELETE", f"/v1/scans/{scan}"), 404, "scan.not_found")
    assert list((client.settings.data / "uploads").iterdir()) == []
    assert client.services.scans.started(scan, 1) is None


def test_what_belongs_to_others_is_not_there(client, clip, services):
    scan = client.send(clip).json()["id"]
    other = services.accounts.create_tenant("other", quota=Quota())
    client.key = services.accounts.create_key(other.id, SCOPES, actor="test")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/redeliver")):
        answer = client.ask(method, f"/v1/scans/{scan}{path}")
        problem(answer, 404, "scan.not_found")
    assert client.ask("GET", "/v1/scans").json()["scans"] == []


def test_keys_are_needed_and_have_scopes(client, clip, services, tenant):
    good = client.key
    client.key = None
    answer = client.send(clip)
    problem(answer, 401, "auth.missing")
    assert answer.headers["www-authenticate"] == "Bearer"
    client.key = good[:-1] + ("A" if good[-1] != "A" else "B")
    problem(client.send(clip), 401, "auth.invalid")
    client.key = services.accounts.create_key(tenant.id, ["scans:read"], actor="test")
    problem(client.send(clip), 403, "auth.forbidden")
    assert client.ask("GET", "/v1/scans").status_code == 200


def test_a_public_tenant_needs_no_key_and_sees_no_others(client, clip, services):
    services.accounts.create_tenant("everybody", quota=Quota())
    client.settings, client.key = replace(client.settings, public="everybody"), None
    answer = client.send(clip)
    assert answer.status_code == 202
    assert client.ask("GET", answer.headers["location"]).status_code == 200
    problem(client.ask("GET", "/v1/scans"), 403, "auth.forbidden")
    path = "/v1/scans?callback=https://example.com/hook"
    answer = client.ask("POST", path, content=clip, headers={"Content-Type": "video/mp4"})
    problem(answer, 403, "auth.forbidden")


def test_quotas_rates_and_a_full_queue_say_when_to_come_back(client, clip, services, settings):
    def tenant(name, **quota):
        made = services.accounts.create_tenant(name, quota=Quota(**quota))
        client.key = services.accounts.create_key(made.id, SCOPES, actor="test")

    tenant("few", daily_scans=1)
    assert client.send(clip).status_code == 202
    answer = client.send(clip)
    problem(answer, 429, "limit.quota")
    assert 0 < int(answer.headers["retry-after"]) <= 86_400
    tenant("small", daily_bytes=len(clip) + 1)
    assert client.send(clip).status_code == 202
    problem(client.send(clip), 429, "limit.quota")
    assert len(list((settings.data / "uploads").iterdir())) == 2
    tenant("slow", per_minute=2)
    assert [client.send(clip).status_code for _ in range(2)] == [202, 202]
    answer = client.send(clip)
    problem(answer, 429, "limit.rate")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    tenant("late")
    client.settings = replace(settings, bounds=replace(settings.bounds, waiting=4))
    answer = client.send(clip)
    problem(answer, 503, "queue.full")
    assert answer.headers["retry-after"]


def test_more_bodies_at_once_than_there_are_places_are_sent_away(client, clip, services):
    async def slow():
        yield clip[:5000]
        await asyncio.sleep(0.5)
        yield clip[5000:]

    async def run():
        async with client.open() as one:
            headers = {"Content-Type": "video/mp4"}
            sent = [one.post("/v1/scans", content=slow(), headers=headers) for _ in range(4)]
            return await asyncio.gather(*sent)

    client.services = replace(services, places=type(services.places)(2))
    answers = anyio.run(run)
    assert sorted(answer.status_code for answer in answers) == [202, 202, 429, 429]
    assert all(a.headers["retry-after"] for a in answers if a.status_code == 429)


def test_unknown_addresses_and_methods_are_problems_too(client):
    problem(client.ask("GET", "/v1/nothing"), 404, "route.not_found")
    problem(client.ask("PUT", "/v1/scans"), 405, "route.method")
    problem(client.ask("GET", "/v1/scans/x"), 422, "request.invalid")
    answer = client.ask("GET", "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_callbacks_to_private_places_are_refused(client, clip, settings):
    client.settings = replace(settings, private_targets=False)
    for url in ("http://example.com/", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.8/"):
        answer = client.ask(
            "POST",
            "/v1/scans",
            params={"callback": url},
            content=clip,
            headers={"Content-Type": "video/mp4"},
        )
        problem(answer, 422, "callback.forbidden")
    nothing_is_left(client)


def test_every_deed_is_in_the_audit_log(client, clip):
    scan = client.send(clip).json()["id"]
    client.services.scans.finish(scan, ANSWER, actor="worker")
    client.ask("DELETE", f"/v1/scans/{scan}")
    entries = client.ask("GET", "/v1/audit").json()["entries"]
    deeds = [entry["action"] for entry in entries if entry["object"] == scan]
    assert deeds == ["scan.deleted", "scan.finished", "scan.accepted"]
    assert json.dumps(entries).count("mp4") == 0
