"""A server that ends while somebody waits for a clip."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.serving import listening, make_server
from tests.service.generation.conftest import SMALL, Drawing


@pytest.fixture
def ending(drawn):
    """A server whose clips wait for ever, and which gives requests five seconds when it ends; and
    how to end it.
    """
    running = drawn(Drawing(free=0))
    with listening("127.0.0.1", 0) as sockets:
        services = running.services
        server = make_server(running.app, services.settings, services.draining)
        server.config.timeout_graceful_shutdown = 5
        thread = threading.Thread(target=server.run, args=(sockets,))
        thread.start()
        running.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"

        def end():
            server.should_exit = True
            thread.join(30)

        yield running, end
        end()


def test_who_waits_for_a_clip_is_told_that_there_will_be_none(ending):
    server, end = ending
    wish = {"prompt": "a", "model": "helios-1.0", "audio": False} | SMALL
    with ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(server.ask, "POST", "/v2/generate", json=wish)
        while not (jobs := list(server.maker._jobs.values())) or jobs[0].state != "running":
            time.sleep(0.01)
        end()
        answer = waiting.result()
    assert (answer.status_code, answer.json()["code"]) == (503, "generation.interrupted")
    assert "retry-after" in answer.headers
    record = server.services.clips.records.get(jobs[0].id, tenant=server.tenant)
    assert (record.state, record.error["code"]) == ("failed", "generation.interrupted")
    assert server.nothing_left()
