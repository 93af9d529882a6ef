"""Services of both kinds, with a tenant, and a client that speaks to them in this process."""

from __future__ import annotations

import time
from dataclasses import replace

import httpx
import pytest

from benchmarks.postgres import running_postgres
from service.accounts import SCOPES, Quota
from service.app import create_app
from service.database import open_database
from service.jobs import open_queue
from service.services import open_services
from service.settings import Bounds, ScanSettings, Settings
from tests.drawn import draw_clip


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def address(request, tmp_path):
    """Where a new, empty database is, of each engine in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "service.sqlite")
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def database(address):
    opened = open_database(address)
    yield opened
    opened.close()


@pytest.fixture
def queue(database, address):
    opened = open_queue(database, address, clock=time.time)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path):
    return Settings(
        data=tmp_path / "service",
        private_targets=True,
        bounds=Bounds(upload_bytes=4 << 20, waiting=50, wait_s=5, idle_s=1),
        scan=ScanSettings(
            keys=str(tmp_path / "keys"), store=str(tmp_path / "store.sqlite"), lease_s=5
        ),
    )


@pytest.fixture
def services(settings):
    with open_services(settings) as opened:
        yield opened


@pytest.fixture
def tenant(services):
    return services.accounts.create_tenant("acme", quota=Quota())


@pytest.fixture
def key(services, tenant):
    return services.accounts.create_key(tenant.id, SCOPES, actor="test")


class Client:
    """Requests to the application, each in an event loop of its own."""

    def __init__(self, settings, services, key):
        self.settings, self.services, self.key = settings, services, key

    def open(self, **more):
        app = create_app(self.settings, opened=replace(self.services, settings=self.settings))
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", headers=headers, **more
        )

    async def ask_async(self, method, path, **more):
        async with self.open() as client:
            return await client.request(method, path, **more)

    def ask(self, method, path, **more):
        import anyio

        return anyio.run(lambda: self.ask_async(method, path, **more))

    def leave(self, method, path, body, **headers):
        """Sends a part of a request's body and is gone."""
        import anyio

        sent = [{"type": "http.request", "body": body, "more_body": True}]
        answers = []

        async def receive():
            return sent.pop(0) if sent else {"type": "http.disconnect"}

        async def send(message):
            answers.append(message)

        given = {"authorization": f"Bearer {self.key}", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("test", 80),
        }
        app = create_app(self.settings, opened=self.services)
        anyio.run(app, scope, receive, send)
        return answers

    def send(self, body, **headers):
        headers = {"Content-Type": "video/mp4", **headers}
        return self.ask("POST", "/v1/scans", content=body, headers=headers)


@pytest.fixture
def client(settings, services, key):
    return Client(settings, services, key)


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    path = draw_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=6, channels=None)
    return path.read_bytes()
