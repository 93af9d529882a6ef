"""A real Postgres for tests and benchmarks: a cluster of its own on loopback, in a new folder.

::

    @pytest.fixture(scope="session")
    def postgres(tmp_path_factory):
        with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
            yield server

    def test_something(postgres):
        url = postgres.new_database()      # postgresql://ltx@127.0.0.1:54321/test_1
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USER = "ltx"
_START_S = 60
# Nothing here has to survive a power loss; tests are to be quick.
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=40")


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running server. Its own connections need no password; only loopback reaches it."""

    port: int
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database that nobody else has."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)


@contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """A server with its data in a new folder in ``folder``; both are gone when the block ends.

    Raises RuntimeError where Postgres is not installed: tests of it fail, they are not left out.
    """
    programs = _programs()
    # Postgres refuses to run as root: then it runs as another user, in a folder that he can enter.
    prefix, owner = _other_user() if os.geteuid() == 0 else ((), None)
    # pytest's own folders are closed to others, so then it does not lie in ``folder``.
    place = folder if owner is None else None
    with tempfile.TemporaryDirectory(prefix="ltx-pg-", dir=place) as home:
        data = Path(home) / "data"
        data.mkdir(mode=0o700)
        if owner is not None:
            for path in (Path(home), data):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        _run([*prefix, programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8"])
        port = _free_port()
        options = [f"-c{setting}" for setting in _QUICK]
        with (Path(home) / "log").open("wb") as log:
            server = subprocess.Popen(  # noqa: S603 our own command line
                [
                    *prefix,
                    str(programs / "postgres"),
                    *("-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", ""),
                    *options,
                ],
                stdout=log,
                stderr=log,
                cwd=home,
            )
        try:
            _wait(server, port, Path(home) / "log")
            yield Postgres(port=port)
        finally:
            server.send_signal(signal.SIGINT)  # does not wait for clients, as SIGTERM would
            with suppress(subprocess.TimeoutExpired):
                server.wait(5)
            if server.poll() is None:
                server.kill()
                server.wait()


def _programs() -> Path:
    """The folder of initdb and postgres: Debian keeps them out of the path, one a version."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3])
    )
    if found:
        return found[-1].parent
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    raise RuntimeError("Postgres is not installed here; as root: apt-get install postgresql")


def _other_user() -> tuple[Sequence[str], pwd.struct_passwd]:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    owner = known.get("postgres") or known["nobody"]
    identity = (f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups")
    # Whoever kills the tests takes the server with them.
    return ("setpriv", *identity, "--pdeathsig=KILL"), owner


def _run(command: Sequence[object]) -> None:
    done = subprocess.run(  # noqa: S603 our own command line
        [str(part) for part in command], capture_output=True, text=True, check=False, cwd="/"
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{USER}@127.0.0.1:{port}/postgres").close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"Postgres did not start: {log.read_text(errors='replace')}")
