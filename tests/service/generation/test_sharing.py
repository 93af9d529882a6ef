"""Many who want clips: equal wishes are made once, and tenants take turns."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest

from service.accounts import SCOPES, Quota
from service.generation.turns import Turns
from tests.service.generation.conftest import Drawing

LATER = {"Prefer": "respond-async"}


@pytest.fixture
def held(drawn):
    """A server whose clips wait, after their first chunk, for ``go``."""
    drawing = Drawing(free=0)
    return drawn(drawing), drawing


def asked(server, seed=0, **more):
    wish = {"model": "helios-1.0", "audio": False, "seed": seed, "headers": LATER}
    return server.generate(**(wish | more))


def another_tenant(server):
    tenant = server.services.accounts.create_tenant("other", quota=Quota())
    return server.services.accounts.create_key(tenant.id, SCOPES, actor="test")


def test_equal_wishes_at_the_same_time_are_made_once(held):
    server, drawing = held
    first = asked(server)
    with ThreadPoolExecutor(2) as clients:
        waiting = [clients.submit(asked, server, headers={}) for _ in range(2)]
        again = asked(server)
        assert again.status_code == 202
        assert again.headers["generation-cached"] == "true"
        assert "generation-cached" not in first.headers
        other = asked(server, seed=1)
        drawing.go.set()
        answers = [first, again, *(one.result() for one in waiting)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.status_code for answer in answers[2:]] == [200, 200]
    server.wait(other.json()["id"], "done")
    assert drawing.seeds == [0, 1]


def test_what_others_wish_is_not_shared(held):
    server, drawing = held
    mine, theirs = asked(server), asked(server, key=another_tenant(server))
    drawing.go.set()
    assert theirs.json()["id"] != mine.json()["id"]
    server.settle()
    assert drawing.seeds == [0, 0]


def test_a_stream_is_shared_and_goes_on_for_who_stays(drawn):
    drawing = Drawing()
    server = drawn(drawing)
    with server.streaming(duration=2) as first:
        taken = first.iter_raw()  # dropped, it would close the connection
        start = next(taken)
        with server.streaming(duration=2) as second:
            assert second.headers["generation-id"] == first.headers["generation-id"]
            assert second.headers["generation-cached"] == "true"
            blocks = second.iter_raw()
            sent = next(blocks)
            assert sent[: len(start)] == start[: len(sent)]
            first.close()
            drawing.go.set()
            sent += b"".join(blocks)
    done = server.wait(first.headers["generation-id"], "done")
    assert httpx.get(done["streamUrl"]).content == sent
    assert len(drawing.seeds) == 1


def test_a_shared_stream_is_cancelled_when_the_last_one_goes(drawn):
    drawing = Drawing()
    server = drawn(drawing)
    with server.streaming(duration=2) as first, server.streaming(duration=2) as second:
        both = [first.iter_raw(), second.iter_raw()]
        assert all(next(blocks) for blocks in both)
        assert first.headers["generation-id"] == second.headers["generation-id"]
    server.wait(second.headers["generation-id"], "cancelled")
    server.settle()
    assert server.stored() == []


def test_a_tenant_with_many_clips_holds_up_another_by_the_one_under_way(held):
    server, drawing = held
    theirs = another_tenant(server)
    many = [asked(server, seed=seed) for seed in range(4)]
    # Its places are taken, and it alone is turned away for that.
    assert [answer.status_code for answer in many] == [202, 202, 202, 429]
    assert asked(server, seed=9, key=theirs).status_code == 202
    assert asked(server, seed=10, key=theirs).status_code == 429
    drawing.go.set()
    server.settle()
    assert drawing.seeds == [0, 9, 1, 2]


def test_the_longest_without_a_turn_is_next():
    turns = Turns()
    for name in ("a1", "a2", "a3", "b1", "b2"):
        turns.add(SimpleNamespace(tenant=name[0], name=name))
    order = [turns.next().name, turns.next().name]
    turns.add(SimpleNamespace(tenant="c", name="c1"))
    order += [turns.next().name for _ in range(len(turns))]
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]
    with pytest.raises(LookupError):
        turns.next()


def test_who_is_taken_out_of_the_queue_has_no_turn_any_more():
    turns = Turns()
    one, other, alone = (SimpleNamespace(tenant=name[0], name=name) for name in ("a1", "a2", "b"))
    for job in (one, other, alone):
        turns.add(job)
    assert turns.remove(one)
    assert turns.remove(alone)
    assert not turns.remove(one)
    assert len(turns) == 1
    assert turns.next() is other


def test_a_clip_that_is_cancelled_while_it_waits_is_gone_at_once(held):
    server, drawing = held
    making, *waiting = [asked(server, seed=seed).json()["id"] for seed in range(3)]
    server.wait(making, "running")
    assert asked(server, seed=3).status_code == 429
    assert server.ask("DELETE", f"/v2/generations/{waiting[0]}").status_code == 204
    # Nothing was let go on meanwhile: its place is free, and whoever asks is told its end.
    assert set(server.maker._jobs) == {making, waiting[1]}
    assert server.maker.waiting == 1
    ended = server.ask("GET", f"/v2/generations/{waiting[0]}").json()
    assert (ended["state"], ended["error"]["code"]) == ("cancelled", "generation.cancelled")
    assert asked(server, seed=3).status_code == 202
    drawing.go.set()
    server.settle()
    assert drawing.seeds == [0, 2, 3]


@pytest.mark.parametrize("path", ["/v2/generate", "/v1/stream"])
def test_a_client_that_goes_while_its_clip_waits_frees_its_place(held, path):
    server, drawing = held
    making = asked(server).json()["id"]
    server.wait(making, "running")
    wish = {"prompt": "a", "model": "helios-1.0", "audio": False, "resolution": "192x128"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            server.url + path,
            headers={"Authorization": f"Bearer {server.key}"},
            json=wish,
            timeout=httpx.Timeout(20, read=0.5),
        )
    for _ in range(600):
        if set(server.maker._jobs) == {making}:
            break
        time.sleep(0.02)
    assert set(server.maker._jobs) == {making}
    assert not drawing.go.is_set()
    drawing.go.set()
    server.settle()
    assert drawing.seeds == [0]
