"""Keys: hashed, scoped, rotated, ended; quotas that hold over all processes."""

from __future__ import annotations

import pytest

from provenance.errors import OptionError
from service.accounts import Accounts, Quota, QuotaExceeded
from tests.problems import problem


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def accounts(database, clock):
    return Accounts(database, clock=clock)


@pytest.fixture
def acme(accounts):
    return accounts.create_tenant("acme", quota=Quota())


def test_a_key_opens_for_its_tenant_and_is_stored_nowhere(accounts, acme, database):
    key = accounts.create_key(acme.id, ["scans:read"], actor="test")
    caller = accounts.caller(key)
    assert (caller.tenant, caller.scopes) == (acme, frozenset({"scans:read"}))
    with database.reading() as transaction:
        stored = str(transaction.rows("SELECT * FROM api_keys"))
    assert key.split("_", 2)[2] not in stored


@pytest.mark.parametrize("token", ["", "ltx", "ltx_", "ltx_x_y", "ltx__", "abc_def_ghi", "ltx_%_x"])
def test_nonsense_opens_nothing(accounts, acme, token):
    accounts.create_key(acme.id, ["scans:read"], actor="test")
    assert accounts.caller(token) is None


def test_a_secret_opens_under_its_own_id_alone(accounts, acme):
    one, two = (accounts.create_key(acme.id, ["scans:read"], actor="test") for _ in range(2))
    mixed = "_".join([*one.split("_", 2)[:2], two.split("_", 2)[2]])
    assert accounts.caller(mixed) is None


def test_keys_end(accounts, acme, clock):
    key = accounts.create_key(acme.id, ["scans:read"], expires=clock.now + 10, actor="test")
    clock.now += 9
    assert accounts.caller(key) is not None
    clock.now += 1
    assert accounts.caller(key) is None
    other = accounts.create_key(acme.id, ["scans:read"], actor="test")
    assert accounts.revoke_key(acme.id, other.split("_")[1], actor="test")
    assert accounts.caller(other) is None
    assert not accounts.revoke_key(acme.id, other.split("_")[1], actor="test")


def test_a_rotated_key_works_beside_the_new_one_for_a_while(accounts, acme, clock):
    old = accounts.create_key(acme.id, ["scans:read", "keys:write"], actor="test")
    new = accounts.rotate_key(accounts.caller(old), overlap_s=60)
    assert accounts.caller(new).scopes == accounts.caller(old).scopes
    clock.now += 61
    assert accounts.caller(old) is None
    assert accounts.caller(new) is not None


def test_a_rotated_key_lives_as_long_as_the_old_one_was_made_to(accounts, acme, clock):
    old = accounts.create_key(acme.id, ["keys:write"], expires=clock.now + 100, actor="test")
    clock.now += 40
    new = accounts.rotate_key(accounts.caller(old), overlap_s=0)
    clock.now += 99
    assert accounts.caller(new) is not None
    clock.now += 1
    assert accounts.caller(new) is None


def test_an_end_that_is_set_is_not_put_off(accounts, acme, clock):
    old = accounts.create_key(acme.id, ["keys:write"], actor="test")
    caller = accounts.caller(old)
    accounts.rotate_key(caller, overlap_s=60)
    accounts.rotate_key(caller, overlap_s=6000)
    assert accounts.revoke_key(acme.id, caller.key, actor="test", at=clock.now + 50)
    clock.now += 49
    assert accounts.caller(old) is not None
    clock.now += 2
    assert accounts.caller(old) is None


def test_names_and_scopes_are_checked(accounts, acme):
    with pytest.raises(OptionError):
        accounts.create_tenant("acme", quota=Quota())
    with pytest.raises(OptionError):
        accounts.create_key(acme.id, ["scans:delete"], actor="test")


def test_a_quota_is_per_day_and_a_refusal_takes_nothing(database, clock):
    quota = Quota(daily_scans=2, daily_bytes=100)

    def take(size):
        with database.writing() as transaction:
            quota.take(transaction, "t", clock.now, size)

    take(60)
    for size in (41, 50):
        with pytest.raises(QuotaExceeded) as caught:
            take(size)
    assert 0 < caught.value.retry_after_s <= 86_400
    take(40)
    with pytest.raises(QuotaExceeded):
        take(0)
    clock.now += caught.value.retry_after_s
    take(100)


def test_over_http_a_tenant_rotates_and_revokes_its_own_keys(client, services):
    fresh = client.ask("POST", "/v1/keys/rotate", params={"overlap_s": 0}).json()["key"]
    problem(client.ask("GET", "/v1/scans"), 401, "auth.invalid")
    client.key = fresh
    assert client.ask("GET", "/v1/scans").status_code == 200
    other = services.accounts.create_tenant("other", quota=Quota())
    theirs = services.accounts.create_key(other.id, ["scans:read"], actor="test")
    path = f"/v1/keys/{theirs.split('_')[1]}"
    problem(client.ask("DELETE", path), 404, "key.not_found")
    assert services.accounts.caller(theirs) is not None
    assert client.ask("DELETE", f"/v1/keys/{fresh.split('_')[1]}").status_code == 204
    problem(client.ask("GET", "/v1/scans"), 401, "auth.invalid")
