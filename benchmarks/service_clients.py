"""Clients of a service, many at the same time, in a process of their own that can be stopped."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

from benchmarks.service_process import Door, computed_s

if TYPE_CHECKING:
    from collections.abc import Sequence
    from http.client import HTTPConnection
    from multiprocessing.connection import Connection
    from pathlib import Path

PATIENCE_S = 3600.0
_KIND = "video/mp4"
_ACCEPTED = 202
_AGAIN = frozenset({429, 503})


def send(door: Door, path: Path) -> dict[str, Any]:
    """Sends one file until it is accepted, and waits for its result, on one connection.

    By the plainest of clients, whose kernel sends the file: what it computes is taken from the
    cores that scan. Times are those of ``time.monotonic``.
    """
    statuses: list[int] = []
    silent = 0
    key = {"Authorization": f"Bearer {door.key}"}
    with closing(door.connection(timeout_s=PATIENCE_S)) as client:
        while True:
            post(client, path, key)
            answer = client.getresponse()
            text = answer.read()
            statuses.append(answer.status)
            if answer.status == _ACCEPTED:
                break
            if answer.status not in _AGAIN:
                raise RuntimeError(f"an upload was answered with {answer.status}: {text!r}")
            again = answer.getheader("Retry-After")
            silent += again is None
            time.sleep(float(again or 1))
        accepted, where = time.monotonic(), answer.getheader("Location")
        assert where is not None
        while True:
            client.request("GET", where, headers={**key, "Prefer": "wait=60"})
            document = json.loads(client.getresponse().read())
            if document["state"] == "done":
                break
    return {
        "accepted_at": accepted,
        "done_at": time.monotonic(),
        "statuses": statuses,
        "refused_silently": silent,
        "action": document["action"],
    }


def post(client: HTTPConnection, path: Path, key: dict[str, str]) -> None:
    """Begins a scan of the file, whose answer is still to be had from ``client``."""
    with path.open("rb") as file:
        client.putrequest("POST", "/v1/scans")
        for name, value in key.items():
            client.putheader(name, value)
        client.putheader("Content-Type", _KIND)
        client.putheader("Content-Length", str(path.stat().st_size))
        client.endheaders()
        client.sock.sendfile(file)


def send_all(door: Door, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Sends all at the same time."""
    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(lambda path: send(door, path), paths))


class Senders:
    """Those who send ``paths``, once they are told to; ``group`` is their process group."""

    def __init__(self, door: Door, paths: Sequence[Path]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_sending, args=(theirs, door, paths), daemon=True)
        self._process.start()
        theirs.close()
        self._idle = 0.0
        assert self._process.pid is not None
        self.group = self._process.pid
        self._pipe.recv()  # ready

    def begin(self) -> None:
        self._idle = computed_s(self.group)
        self._pipe.send(None)

    def outcomes(self) -> tuple[list[dict[str, Any]], float]:
        """One for each path, as of :func:`send`, and the seconds of computing that it took."""
        try:
            found: list[dict[str, Any]] = self._pipe.recv()
        except EOFError:
            raise RuntimeError("not all uploads were answered") from None
        return found, computed_s(self.group) - self._idle

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def _sending(pipe: Connection, door: Door, paths: Sequence[Path]) -> None:
    os.setpgid(0, 0)
    pipe.send(None)
    pipe.recv()
    pipe.send(send_all(door, paths))
    pipe.recv()  # until it is ended: what it computed is still to be read
