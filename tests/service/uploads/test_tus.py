"""Resumable uploads as tus 1.0 says, and what becomes of those that nobody finishes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from dataclasses import replace

import anyio
import pytest

from service.housekeeping import tidy
from tests.problems import problem

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = {**TUS, "Content-Type": "application/offset+octet-stream"}


def encoded(**pairs):
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in pairs.items())


def create(client, size, **headers):
    headers = {**TUS, "Upload-Length": str(size), **headers}
    return client.ask("POST", "/v1/uploads", headers=headers)


def patch(client, path, data, offset, **headers):
    headers = {**CHUNK, "Upload-Offset": str(offset), **headers}
    return client.ask("PATCH", path, content=data, headers=headers)


def test_what_it_can_is_said(client):
    answer = client.ask("OPTIONS", "/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,termination,expiration,checksum"
    assert int(answer.headers["tus-max-size"]) == client.settings.bounds.upload_bytes
    assert answer.headers["tus-checksum-algorithm"].split(",") == ["sha256", "sha1"]


def test_pieces_become_a_scan(client, clip):
    made = create(
        client, len(clip), **{"Upload-Metadata": encoded(filetype="video/mp4", filename="me.mp4")}
    )
    assert made.status_code == 201
    assert made.headers["upload-expires"].endswith("GMT")
    path = made.headers["location"]
    half = len(clip) // 2
    answer = patch(client, path, clip[:half], 0)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(half))
    assert "scan-location" not in answer.headers
    head = client.ask("HEAD", path, headers=TUS)
    assert head.headers["upload-offset"] == str(half)
    assert head.headers["upload-length"] == str(len(clip))
    assert head.headers["cache-control"] == "no-store"
    answer = patch(client, path, clip[half:], half)
    where = answer.headers["scan-location"]
    scan = client.ask("GET", where).json()
    assert (scan["state"], scan["bytes"]) == ("queued", len(clip))
    with client.services.storage.open(scan["id"]) as file:
        assert file.read() == clip
    again = client.ask("HEAD", path, headers=TUS)
    assert again.headers["scan-location"] == where
    assert client.services.queue.waiting() == 1


def test_what_arrived_before_the_connection_broke_stays(client, clip):
    path = create(client, len(clip)).headers["location"]
    client.leave("PATCH", path, clip[:5000], **{**CHUNK, "Upload-Offset": "0"})
    head = client.ask("HEAD", path, headers=TUS)
    assert head.headers["upload-offset"] == "5000"
    assert "scan-location" in patch(client, path, clip[5000:], 5000).headers


def test_bytes_that_were_never_confirmed_are_written_over(client, clip):
    path = create(client, len(clip)).headers["location"]
    patch(client, path, clip[:5000], 0)
    (part,) = client.settings.incoming.glob("*.tus")
    with part.open("ab") as file:  # as a process leaves it that is killed while it writes
        file.write(b"x" * 777)
    assert client.ask("HEAD", path, headers=TUS).headers["upload-offset"] == "5000"
    where = patch(client, path, clip[5000:], 5000).headers["scan-location"]
    with client.services.storage.open(where.rpartition("/")[2]) as file:
        assert file.read() == clip


def test_a_crash_between_the_last_byte_and_the_scan_is_made_good(client, clip, monkeypatch):
    path = create(client, len(clip)).headers["location"]
    patch(client, path, clip[:5000], 0)
    with monkeypatch.context() as crash:
        crash.setattr("service.routes.uploads._completed", _killed)
        with pytest.raises(KeyboardInterrupt):
            patch(client, path, clip[5000:], 5000)
    assert "scan-location" in client.ask("HEAD", path, headers=TUS).headers
    assert client.services.queue.waiting() == 1


def _killed(*_):
    raise KeyboardInterrupt


def test_checksums_are_kept_to(client, clip):
    path = create(client, len(clip)).headers["location"]
    good = base64.b64encode(hashlib.sha256(clip[:5000]).digest()).decode()
    answer = patch(client, path, clip[:4999] + b"!", 0, **{"Upload-Checksum": f"sha256 {good}"})
    problem(answer, 460, "upload.checksum")
    assert client.ask("HEAD", path, headers=TUS).headers["upload-offset"] == "0"
    answer = patch(client, path, clip[:5000], 0, **{"Upload-Checksum": f"sha256 {good}"})
    assert answer.headers["upload-offset"] == "5000"
    for wrong in ("md5 AAAA", "sha256 *"):
        answer = patch(client, path, b"x", 5000, **{"Upload-Checksum": wrong})
        problem(answer, 400, "request.malformed")


def test_offsets_versions_and_lengths_are_kept_to(client, clip):
    path = create(client, len(clip)).headers["location"]
    problem(patch(client, path, clip[:10], 5), 409, "upload.offset")
    problem(patch(client, path, clip + b"x", 0), 413, "media.too_large")
    problem(create(client, 1 << 40), 413, "media.too_large")
    problem(create(client, 0), 422, "media.empty")
    answer = client.ask("POST", "/v1/uploads", headers=TUS)
    problem(answer, 411, "request.length_required")
    answer = client.ask("POST", "/v1/uploads", headers={"Upload-Length": "5"})
    problem(answer, 412, "tus.version")
    assert answer.headers["tus-version"] == "1.0.0"
    answer = patch(client, path, b"x", 0, **{"Content-Type": "video/mp4"})
    problem(answer, 415, "media.unsupported")
    answer = create(client, 5, **{"Upload-Metadata": encoded(filetype="text/html")})
    problem(answer, 415, "media.unsupported")


def test_lengths_that_come_later_or_are_none_are_refused(client, services):
    later = {**TUS, "Upload-Defer-Length": "1"}
    answer = client.ask("POST", "/v1/uploads", headers=later)
    problem(answer, 411, "request.length_required")
    assert "Upload-Length" in answer.json()["detail"]
    for more in ({"Upload-Defer-Length": "2"}, {"Upload-Defer-Length": "1", "Upload-Length": "5"}):
        answer = client.ask("POST", "/v1/uploads", headers={**TUS, **more})
        problem(answer, 400, "request.malformed")
    problem(create(client, 1 << 70), 413, "media.too_large")
    for wrong in ("-1", "x", "1.5", "9" * 5000):
        answer = create(client, wrong)
        problem(answer, 422, "request.invalid")
    assert services.resumables.expired() == []
    with services.database.reading() as transaction:
        assert transaction.rows("SELECT id FROM resumable") == []


def test_an_offset_must_be_stated_and_right(client, clip):
    path = create(client, len(clip)).headers["location"]
    problem(client.ask("PATCH", path, content=b"x", headers=CHUNK), 400, "request.malformed")
    for wrong in ("1", str(1 << 70)):
        problem(patch(client, path, clip[:10], wrong), 409, "upload.offset")
    problem(patch(client, path, clip[:10], "-1"), 422, "request.invalid")
    assert client.ask("HEAD", path, headers=TUS).headers["upload-offset"] == "0"
    where = patch(client, path, clip, 0).headers["scan-location"]
    # A client that heard no answer to its last piece sends it again, or asks.
    problem(patch(client, path, clip[10:], 10), 409, "upload.offset")
    problem(patch(client, path, b"x", len(clip)), 413, "media.too_large")
    assert client.ask("HEAD", path, headers=TUS).headers["scan-location"] == where


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_what_was_never_begun_or_was_given_up_is_not_there(client, clip, method):
    ended = create(client, len(clip)).headers["location"]
    client.ask("DELETE", ended, headers=TUS)
    headers = {**CHUNK, "Upload-Offset": "0"}
    for path in (ended, "/v1/uploads/upl_" + "0" * 32, "/v1/uploads/nonsense", "/v1/uploads/%00"):
        answer = client.ask(method, path, headers=headers)
        assert answer.status_code == 404, path
        assert answer.headers["tus-resumable"] == "1.0.0"
    assert list(client.settings.incoming.iterdir()) == []


def test_errors_speak_the_version_of_tus(client, clip):
    path = create(client, len(clip)).headers["location"]
    nobody = type(client)(client.settings, client.services, "ltx_wrong")
    answers = [
        patch(client, path, clip, 7),
        create(client, "x"),
        client.ask("PATCH", path, headers={}),
        nobody.ask("POST", "/v1/uploads", headers=TUS),
    ]
    assert [answer.status_code for answer in answers] == [409, 422, 412, 401]
    assert {answer.headers["tus-resumable"] for answer in answers} == {"1.0.0"}


def test_what_is_no_video_is_refused_at_its_first_bytes(client):
    path = create(client, 100_000).headers["location"]
    problem(patch(client, path, b"Dear diary\n" * 1000, 0), 415, "media.unsupported")
    assert client.ask("HEAD", path, headers=TUS).status_code == 404
    assert list(client.settings.incoming.iterdir()) == []


def test_two_that_send_at_once_do_not_mix(client, clip):
    path = create(client, len(clip)).headers["location"]

    async def slow():
        yield clip[:5000]
        await asyncio.sleep(0.4)
        yield clip[5000:]

    async def run():
        async with client.open() as one:
            headers = {**CHUNK, "Upload-Offset": "0"}
            first = asyncio.create_task(one.patch(path, content=slow(), headers=headers))
            await asyncio.sleep(0.2)
            second = await one.patch(path, content=b"z" * 100, headers=headers)
            return await first, second

    first, second = anyio.run(run)
    assert first.status_code == 204
    problem(second, 409, "upload.offset")


def test_an_upload_can_be_given_up(client, clip):
    path = create(client, len(clip)).headers["location"]
    patch(client, path, clip[:5000], 0)
    assert client.ask("DELETE", path, headers=TUS).status_code == 204
    assert client.ask("HEAD", path, headers=TUS).status_code == 404
    assert list(client.settings.incoming.iterdir()) == []


def test_uploads_expire(client, clip, services, settings):
    path = create(client, len(clip)).headers["location"]
    patch(client, path, clip[:5000], 0)
    with services.database.writing() as transaction:
        transaction.run("UPDATE resumable SET expires = ?", (time.time() - 1,))
    problem(patch(client, path, clip[5000:], 5000), 410, "upload.expired")
    tidy(services)
    assert list(settings.incoming.iterdir()) == []
    assert client.ask("HEAD", path, headers=TUS).status_code == 404


def test_uploads_of_others_are_not_there(client, clip, services):
    from service.accounts import SCOPES, Quota

    path = create(client, len(clip)).headers["location"]
    other = services.accounts.create_tenant("other", quota=Quota())
    client.key = services.accounts.create_key(other.id, SCOPES, actor="test")
    problem(patch(client, path, clip, 0), 404, "upload.not_found")


def test_a_full_quota_ends_it_without_a_trace(client, clip, services, settings):
    from service.accounts import SCOPES, Quota

    few = services.accounts.create_tenant("few", quota=Quota(daily_bytes=10))
    client.key = services.accounts.create_key(few.id, SCOPES, actor="test")
    path = create(client, len(clip)).headers["location"]
    problem(patch(client, path, clip, 0), 429, "limit.quota")
    assert list(settings.incoming.iterdir()) == []
    assert list((settings.data / "uploads").iterdir()) == []


def test_tidying_removes_what_is_left_and_nothing_that_is_needed(services, tenant, settings, clip):
    import os

    from service.accounts import Quota
    from service.scans import Answer, NewScan

    scans = services.scans
    names = [scans.new_id() for _ in range(3)]
    old = time.time() - 7200
    for name in names:
        part = settings.incoming / f"{name}.part"
        part.write_bytes(clip)
        services.storage.keep(part, name)
        os.utime(settings.data / "uploads" / name, (old, old))
    left = settings.incoming / f"{names[0]}.part"
    left.write_bytes(b"x")
    os.utime(left, (old, old))
    for name in names[:2]:
        new = NewScan(id=name, tenant=tenant.id, source="upload", depth="early")
        scans.submit(new, actor="test", quota=Quota())
    scans.finish(names[1], Answer(verdict="x", action="allow", document={}), actor="test")
    tidy(replace(services))
    assert [path.name for path in (settings.data / "uploads").iterdir()] == [names[0]]
    assert not left.exists()


def test_a_method_that_does_not_pass_is_named_in_a_field(client, clip):
    def post(path, method, data=b"", **headers):
        headers = {"X-HTTP-Method-Override": method, **headers}
        return client.ask("POST", path, content=data, headers=headers)

    path = create(client, len(clip)).headers["location"]
    answer = post(path, "PATCH", clip[:5000], **CHUNK, **{"Upload-Offset": "0"})
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "5000")
    assert post(path, "HEAD", **TUS).headers["upload-offset"] == "5000"
    assert post(path, "delete", **TUS).status_code == 204
    assert client.ask("HEAD", path, headers=TUS).status_code == 404
    # Nothing else can be named so, and nowhere else.
    problem(post(path, "GET", **TUS), 405, "route.method")
    assert post("/v1/scans/scan_" + "0" * 32, "DELETE").status_code == 405
