"""What the database knows of clips, in SQLite and in Postgres."""

from __future__ import annotations

from datetime import timedelta

import pytest

from generators.base import Request
from service.accounts import Accounts, Quota
from service.generation.records import Records
from service.generation.wishes import Wish

LEASE_S, KEEP_S = 30.0, 3600.0
WISH = Wish(
    model="helios-1.0",
    version="1",
    request=Request(prompt="a secret ball", width=192, height=128, duration_s=1.0),
    reduced=False,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tenant(database, clock):
    return Accounts(database, clock=clock).create_tenant("acme", quota=Quota()).id


@pytest.fixture
def records(database, clock):
    return Records(database, clock=clock, lease_s=LEASE_S)


def add(records, tenant, number, *, request="same"):
    one = f"gen_{number:032x}"
    records.add(one, WISH, tenant=tenant, actor="key", request=request, prompt_hash="hmac:1")
    return one


def end(records, one, state="done", **more):
    return records.finish(one, state, actor="key", keep_s=KEEP_S, **more)


def test_a_clip_from_its_wish_to_its_end(records, tenant, clock, database):
    one = add(records, tenant, 1)
    assert records.renew(one, state="running", progress=0.5)
    found = records.get(one, tenant=tenant)
    assert (found.state, found.progress, found.finished) == ("running", 0.5, None)
    assert records.get(one, tenant="another") is None
    assert records.made_before(tenant, "same") is None
    assert records.unfinished() == {one}
    clock.now += 1
    assert end(records, one, made={"content_id": "0" * 16, "parts": ["clip"]})
    assert not end(records, one, "cancelled")  # it has ended
    assert not records.renew(one, state="running", progress=0.6)
    found = records.made_before(tenant, "same")
    assert (found.id, found.state, found.progress) == (one, "done", 1.0)
    assert found.made == {"content_id": "0" * 16, "parts": ["clip"]}
    assert found.expires == clock.now + KEEP_S
    assert records.made_before("another", "same") is None
    assert records.made_before(tenant, "another") is None
    with database.reading() as transaction:
        kept = [dict(row) for row in transaction.rows("SELECT * FROM generations", ())]
    assert "secret" not in repr(kept)


def test_of_equal_clips_the_newest_counts_while_it_will_be_there(records, tenant, clock):
    ones = [add(records, tenant, number) for number in (1, 2, 3)]
    for one, state in zip(ones, ("done", "done", "failed"), strict=True):
        end(records, one, state)
    assert records.made_before(tenant, "same").id == ones[1]
    clock.now += KEEP_S - LEASE_S  # about to go
    assert records.made_before(tenant, "same") is None
    assert records.get(ones[0]) is not None
    assert records.expired() == []
    clock.now += timedelta(minutes=1).total_seconds()
    assert records.get(ones[0]) is None
    assert sorted(records.expired()) == ones
    records.forget(ones[0], actor="housekeeping")
    assert records.kept(ones) == set(ones[1:])
    assert records.kept([]) == set()


def test_a_clip_of_a_server_that_is_silent_has_failed(records, tenant, clock):
    one = add(records, tenant, 1)
    clock.now += LEASE_S - 1
    assert records.renew(one, state="queued", progress=0.0)
    clock.now += LEASE_S - 1
    assert records.get(one).state == "queued"
    assert records.abandoned() == []
    clock.now += 2
    found = records.get(one)
    assert (found.state, found.error) == ("failed", {"code": "generation.interrupted"})
    assert records.abandoned() == [one]
    assert end(records, one, "failed", error=found.error)
    assert records.abandoned() == []
