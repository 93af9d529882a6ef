"""A service in processes of its own, for the programs that load it, kill it and send it rubbish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from service.accounts import SCOPES, Accounts, Quota
from service.database import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a service is, and a key to it: what its clients need, in whatever process."""

    port: int
    key: str

    def connection(self, *, timeout_s: float) -> HTTPConnection:
        """A client that costs little beside the service."""
        return HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)


class ServiceProcess:
    """``ltx-serve`` with its data in ``folder``; a tenant "bench" whose key is ``key``.

    It is a process group of its own, whose number is that of the server.
    """

    def __init__(self, folder: Path, *options: str, port: int, webhook: str | None = None) -> None:
        self.folder, self.port = folder, port
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        database = open_database(str(folder / "service.sqlite"))
        accounts = Accounts(database, clock=time.time)
        self.tenant = accounts.create_tenant("bench", quota=Quota(), webhook_url=webhook)
        self.key = accounts.create_key(self.tenant.id, SCOPES, actor="bench")
        database.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def door(self) -> Door:
        return Door(port=self.port, key=self.key)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        code = "from service.cli import serve; serve()"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 our own command
                [sys.executable, "-c", code, "--data", str(self.folder), "--port", str(self.port),
                 *self._options],
                stderr=log, process_group=0,
            )  # fmt: skip
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            with (
                suppress(OSError, HTTPException),
                closing(self.door.connection(timeout_s=2)) as client,
            ):
                client.request("GET", "/healthz")
                if client.getresponse().status == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"the service does not answer; see {self.folder / 'log'}")

    @property
    def server(self) -> int:
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """The processes that scan."""
        return [pid for pid in children(self.server) if b"spawn_main" in command_line(pid)]

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory of the server, and of its largest worker with all that it started."""
        largest = [sum(map(resident_mb, [pid, *below(pid)])) for pid in self.workers()]
        return resident_mb(self.server), max(largest, default=0.0)

    def cpu_s(self) -> tuple[float, float]:
        """Seconds of computing so far: of the server, and of all that it started."""
        return computed_s(self.server), sum(map(computed_s, below(self.server)))

    def kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if pid == self.server and self._process is not None:
            self._process.wait()

    def stop(self) -> int:
        """Asks it to end, and insists after three minutes; gives its exit status."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(180)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


@contextmanager
def running(service: ServiceProcess) -> Iterator[ServiceProcess]:
    service.start()
    try:
        yield service
    finally:
        service.stop()


def children(pid: int) -> list[int]:
    """The processes that ``pid`` started, by any of its threads."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def below(pid: int) -> list[int]:
    """All processes that descend from ``pid``."""
    own = children(pid)
    return own + [deeper for child in own for deeper in below(child)]


def command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def resident_mb(pid: int) -> float:
    with suppress(OSError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 1e6
    return 0.0


def computed_s(pid: int) -> float:
    """Seconds of computing by ``pid`` and by its children that have ended (proc(5), stat)."""
    with suppress(OSError, IndexError):
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, numbers[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
