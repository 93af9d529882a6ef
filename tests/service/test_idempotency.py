"""One key, one scan: also when two come at once, or bodies differ, or the first one fails."""

from __future__ import annotations

import asyncio

import anyio

from tests.problems import problem

KEY = {"Idempotency-Key": "order-4711"}


def count(client):
    with client.services.database.reading() as transaction:
        return transaction.row("SELECT count(*) AS n FROM scans")["n"]


def test_the_same_request_gives_the_same_scan(client, clip):
    first, second = client.send(clip, **KEY), client.send(clip, **KEY)
    assert first.json()["id"] == second.json()["id"]
    assert second.status_code == 202
    assert second.headers["idempotency-replayed"] == "true"
    assert count(client) == 1
    assert len(list((client.settings.data / "uploads").iterdir())) == 1


def test_another_body_under_the_same_key_is_refused(client, clip):
    client.send(clip, **KEY)
    problem(client.send(clip + b"x", **KEY), 422, "idempotency.mismatch")
    answer = client.ask(
        "POST",
        "/v1/scans?depth=full",
        content=clip,
        headers={"Content-Type": "video/mp4", **KEY},
    )
    problem(answer, 422, "idempotency.mismatch")
    assert count(client) == 1


def test_of_many_at_once_one_is_carried_out(client, clip):
    async def slow():
        yield clip[:5000]
        await asyncio.sleep(0.3)
        yield clip[5000:]

    async def run():
        async with client.open() as one:
            headers = {"Content-Type": "video/mp4", **KEY}
            sent = [one.post("/v1/scans", content=slow(), headers=headers) for _ in range(8)]
            return await asyncio.gather(*sent)

    answers = anyio.run(run)
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "idempotency.in_flight")
            assert answer.headers["retry-after"]
    assert count(client) == 1


def test_a_request_that_failed_can_be_tried_again(client, clip):
    problem(client.send(b"no video", **KEY), 415, "media.unsupported")
    assert client.send(clip, **KEY).status_code == 202


def test_a_client_that_goes_away_leaves_the_key_free(client, clip):
    client.leave("POST", "/v1/scans", clip[:5000], **{"Content-Type": "video/mp4", **KEY})
    assert count(client) == 0
    assert client.send(clip, **KEY).status_code == 202
    assert list((client.settings.data / "incoming").iterdir()) == []


def test_a_key_whose_server_was_killed_is_free_after_a_while(client, clip, services, tenant):
    assert services.keys.take(tenant.id, "order-4711").state == "fresh"
    problem(client.send(clip, **KEY), 409, "idempotency.in_flight")
    with services.database.writing() as transaction:
        transaction.run("UPDATE idempotency SET until = 0")
    assert client.send(clip, **KEY).status_code == 202


def test_a_server_that_is_killed_after_it_stored_the_scan_has_answered_the_key(
    client, clip, services
):
    """However long it takes until the client comes back, within the day."""
    first = client.send(clip, **KEY).json()["id"]
    with services.database.reading() as transaction:
        (row,) = transaction.rows("SELECT until, scan FROM idempotency")
    # It was the same transaction, after which nothing had to be done.
    assert row["scan"] == first
    assert row["until"] > services.clock() + 86_000
    assert client.send(clip, **KEY).json()["id"] == first


def test_who_lost_the_key_while_it_was_silent_stores_nothing(client, clip, services, tenant):
    submit = services.scans.submit

    def late(new, **more):
        with services.database.writing() as transaction:
            transaction.run("UPDATE idempotency SET owner = 'another'")
        return submit(new, **more)

    services.scans.submit = late
    problem(client.send(clip, **KEY), 409, "idempotency.in_flight")
    services.scans.submit = submit
    assert count(client) == 0
    assert list((client.settings.data / "uploads").iterdir()) == []
    # The other one's key was not touched.
    assert services.keys.take(tenant.id, "order-4711").state == "in_flight"


def test_keys_of_different_tenants_are_different(client, clip, services):
    from service.accounts import SCOPES, Quota

    first = client.send(clip, **KEY).json()["id"]
    other = services.accounts.create_tenant("other", quota=Quota())
    client.key = services.accounts.create_key(other.id, SCOPES, actor="test")
    assert client.send(clip, **KEY).json()["id"] != first
