"""Clients that go, wait or ask for too much, and a machine that fails on the way."""

from __future__ import annotations

import json
import logging
import socket
import time

import anyio
import anyio.to_thread
import httpx
import pytest

from service.generation.sink import MOST_AT_ONCE, LiveSink, ReaderGone
from service.logs import is_news
from tests.service.generation.conftest import Drawing

LONG = {"duration": 20, "seed": 3}


def test_a_stream_begins_while_it_is_made_and_ends_with_a_signed_file(drawn):
    drawing = Drawing()
    server = drawn(drawing)
    with server.streaming(duration=2) as answer:
        assert answer.status_code == 200
        blocks = answer.iter_raw()
        first = next(blocks)
        assert first[4:8] == b"ftyp"
        one = answer.headers["generation-id"]
        assert server.ask("GET", f"/v2/generations/{one}").json()["state"] == "running"
        drawing.go.set()
        rest = b"".join(blocks)
    done = server.wait(one, "done")
    assert httpx.get(done["streamUrl"]).content == first + rest
    assert b"c2pa.claim" in httpx.get(done["combinedUrl"]).content
    server.settle()


@pytest.fixture
def begun(drawn):
    drawing = Drawing()
    return drawn(drawing), drawing


def test_a_client_that_goes_cancels_its_stream(begun):
    server, drawing = begun
    with server.streaming(**LONG) as answer:
        one = answer.headers["generation-id"]
        next(answer.iter_raw())
    drawing.go.set()
    assert server.wait(one, "cancelled")["combinedUrl"] is None
    server.settle()
    assert drawing.closed.is_set()
    assert server.stored() == []


def test_a_client_that_goes_before_the_answer_cancels_its_clip(begun):
    server, drawing = begun
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{server.url}/v2/generate",
            headers={"Authorization": f"Bearer {server.key}"},
            json={"prompt": "a", "model": "helios-1.0", "audio": False, "resolution": "192x128"},
            timeout=httpx.Timeout(20, read=1.0),
        )
    drawing.go.set()
    server.settle()
    assert server.stored() == []


def test_a_cancelled_stream_breaks_off_and_does_not_look_whole(begun, caplog):
    server, drawing = begun
    with server.streaming(**LONG) as answer:
        one = answer.headers["generation-id"]
        blocks = answer.iter_raw()
        next(blocks)
        assert server.ask("DELETE", f"/v2/generations/{one}").status_code == 204
        drawing.go.set()
        with pytest.raises(httpx.RemoteProtocolError):
            list(blocks)
    server.settle()
    assert server.stored() == []
    # What was wanted is no error for whoever reads the logs.
    assert not [one for one in caplog.records if one.levelno > logging.INFO and is_news(one)]


def test_a_gpu_that_is_lost_breaks_the_stream_and_the_next_clip_is_made(drawn):
    drawing = Drawing(fails_at=40)
    server = drawn(drawing)
    with server.streaming(duration=2) as answer:
        one = answer.headers["generation-id"]
        blocks = answer.iter_raw()
        next(blocks)
        drawing.go.set()
        with pytest.raises(httpx.RemoteProtocolError):
            list(blocks)
    failed = server.wait(one, "failed")
    assert failed["error"]["code"] == "generation.failed"
    assert "CUDA" not in str(failed)
    server.settle()
    assert server.stored() == []
    drawing.fails_at = None
    assert server.generate(model="helios-1.0", audio=False).status_code == 200


def test_a_failure_before_the_first_byte_is_an_answer(drawn):
    drawing = Drawing(fails_at=0)
    server = drawn(drawing)
    with server.streaming() as answer:
        assert answer.status_code == 500
        answer.read()
    assert answer.json()["code"] == "generation.failed"
    server.settle()


def test_more_than_the_queue_holds_is_turned_away(drawn):
    drawing = Drawing(free=0)
    server = drawn(drawing)
    waiting = [
        server.generate(
            model="helios-1.0", audio=False, seed=seed, headers={"Prefer": "respond-async"}
        )
        for seed in range(4)
    ]
    assert [answer.status_code for answer in waiting] == [202, 202, 202, 429]
    assert waiting[3].json()["code"] == "generation.queue_full"
    assert int(waiting[3].headers["retry-after"]) >= 1
    # Who waits may be cancelled, and its place is free again.
    for answer in waiting[1:3]:
        server.ask("DELETE", f"/v2/generations/{answer.json()['id']}")
    drawing.go.set()
    server.wait(waiting[0].json()["id"], "done")
    server.settle()
    states = [
        server.ask("GET", f"/v2/generations/{answer.json()['id']}").json()["state"]
        for answer in waiting[:3]
    ]
    assert states == ["done", "cancelled", "cancelled"]


def test_a_clip_that_takes_too_long_is_given_up(drawn):
    drawing = Drawing(free=0)
    server = drawn(drawing, wall_s=0.05)
    one = server.generate(
        model="helios-1.0", audio=False, headers={"Prefer": "respond-async"}
    ).json()["id"]
    server.wait(one, "running", "failed")
    time.sleep(0.1)
    drawing.go.set()
    assert server.wait(one, "failed")["error"]["code"] == "generation.timeout"
    server.settle()


def test_a_reader_that_takes_nothing_is_left(drawn):
    server = drawn(Drawing(free=120), stall_s=0.5)  # far more than sockets hold, and no end
    host, port = server.url.removeprefix("http://").split(":")
    wish = {"prompt": "a", "model": "helios-1.0", "resolution": "640x480", "duration": 20}
    body = json.dumps(wish).encode()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((host, int(port)))
        slow.sendall(
            b"POST /v1/stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {server.key}\r\n".encode()
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert slow.recv(12) == b"HTTP/1.1 200"
        server.settle()
    assert server.stored() == []


def test_readers_of_a_stream_each_have_all_of_it_at_their_own_pace(tmp_path):
    async def read():
        sink = LiveSink(tmp_path / "stream.mp4")
        early = sink.reader()
        sink.write(b"x" * (MOST_AT_ONCE + 1))
        late = sink.reader()
        assert await early.next() == b"x" * MOST_AT_ONCE
        assert await early.next() == b"x"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, sink.write, b"y")
            assert await early.next() == b"y"
        sink.end(failed=False)
        sink.close()
        assert await early.next() is None
        early.close()
        # Its file is gone, as that of a clip that was kept; who is not through has it still.
        (tmp_path / "stream.mp4").unlink()
        assert await late.next() == b"x" * MOST_AT_ONCE
        assert await late.next() == b"xy"
        assert await late.next() is None
        late.close()
        assert sink.closed
        with pytest.raises(ReaderGone):
            sink.reader()

    anyio.run(read)


def test_a_stream_that_broke_is_read_no_further(tmp_path):
    async def read():
        sink = LiveSink(tmp_path / "stream.mp4")
        reader = sink.reader()
        sink.write(b"x")
        sink.break_off()
        sink.end(failed=False)
        with pytest.raises(ReaderGone):
            await reader.next()
        with pytest.raises(ReaderGone):
            sink.write(b"y")
        reader.close()
        sink.close()

    anyio.run(read)
