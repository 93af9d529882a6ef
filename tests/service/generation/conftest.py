"""A server on loopback that makes clips, by weights that were never trained or by drawing them."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice

import httpx
import numpy as np
import pytest
import uvicorn

from provenance.clip import Chunk, VideoSpec
from provenance.keys import ensure_identity
from service.accounts import SCOPES, Quota
from service.app import create_app
from service.generation.making import Maker
from service.services import open_services
from service.settings import GenerationSettings, ScanSettings, Settings
from tests.drawn import moving_frames
from tests.generators.conftest import one_thread
from tests.generators.streaming import untrained_streaming_model
from tests.generators.untrained import untrained_model

__all__ = ["one_thread"]
SMALL = {"resolution": "192x128", "duration": 0.5, "fps": 24}


@dataclass
class Server:
    """What a test needs of a server: its address, a key for it, its parts."""

    url: str
    key: str
    tenant: str
    services: object
    app: object

    @property
    def maker(self):
        return self.app.state.maker

    def ask(self, method, path, *, key=None, **more):
        headers = {"Authorization": f"Bearer {key or self.key}"} | more.pop("headers", {})
        return httpx.request(method, self.url + path, headers=headers, timeout=60, **more)

    def generate(self, prompt="a red ball", **more):
        headers = more.pop("headers", {})
        key = more.pop("key", None)
        wish = {"prompt": prompt} | SMALL | more
        return self.ask("POST", "/v2/generate", json=wish, headers=headers, key=key)

    def streaming(self, prompt="a red ball", **more):
        return httpx.stream(
            "POST",
            f"{self.url}/v1/stream",
            headers={"Authorization": f"Bearer {self.key}"},
            json={"prompt": prompt, "model": "helios-base"} | SMALL | more,
            timeout=60,
        )

    def wait(self, one, *states):
        for _ in range(600):
            found = self.ask("GET", f"/v2/generations/{one}").json()
            if found["state"] in states:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{found} is not {states}")

    def nothing_left(self):
        """Whether nothing is under way, and no file of it is left."""
        making = self.services.settings.making
        return not self.maker._jobs and not list(making.iterdir())

    def settle(self):
        for _ in range(600):
            if self.nothing_left():
                return
            time.sleep(0.05)
        raise AssertionError("a clip is still under way")

    def stored(self):
        return sorted(p.name for p in (self.services.settings.data / "clips").iterdir())


@contextmanager
def serving(folder, generation, *, opener=None):
    settings = Settings(
        data=folder / "service",
        scan=ScanSettings(keys=str(folder / "keys"), store=str(folder / "store.sqlite")),
        generation=generation,
    )
    ensure_identity(folder / "keys", now=datetime.now(UTC))
    with open_services(settings) as services:
        tenant = services.accounts.create_tenant("acme", quota=Quota())
        key = services.accounts.create_key(tenant.id, SCOPES, actor="test")
        app = create_app(settings, opened=services)
        if opener is not None:
            app.state.maker = Maker(services.clips, generation, opener=opener)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield Server(f"http://127.0.0.1:{port}", key, tenant.id, services, app)
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Folders of weights: of the model that makes clips, and of the one that streams."""
    folder = tmp_path_factory.mktemp("weights")
    helios = untrained_streaming_model(folder / "helios")
    return str(untrained_model(folder / "ltx")), str(helios)


@pytest.fixture(scope="session")
def makes(weights):
    return GenerationSettings(
        bundles=weights, device="cpu", largest=(192, 128), longest_s=0.5, waiting=2
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory, makes):
    with serving(tmp_path_factory.mktemp("serving"), makes) as running:
        yield running


@dataclass
class Drawing:
    """A streaming generator that draws noise, or moving waves, a chunk whenever it is let.

    ``seeds``: of the clips that were begun, in order. ``unwanted``: whether the one under way was
    cancelled.
    """

    model: str = "helios-1.0"
    trained: bool = True
    chunk: int = 8
    free: int = 16  # frames before it first waits: a fragment, and what closes it
    go: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    fails_at: int | None = None
    waves: bool = False
    unread: str = ""
    seeds: list[int] = field(default_factory=list)
    unwanted: object = lambda: False

    def unknown_words(self, _request):
        return []

    def unread_text(self, _request):
        return self.unread

    def specs(self, request):
        return VideoSpec(width=request.width, height=request.height, rate=request.rate), None

    def chunks(self, request):
        rng = np.random.default_rng(request.seed)
        waves = moving_frames(request.frames, request.height, request.width)
        self.seeds.append(request.seed)
        self.closed.clear()
        try:
            for start in range(0, request.frames, self.chunk):
                if start == self.fails_at:
                    raise RuntimeError("CUDA error: device-side assert triggered")
                size = (min(self.chunk, request.frames - start), request.height, request.width, 3)
                if self.waves:
                    yield Chunk(frames=np.stack([*islice(waves, size[0])]), audio=None)
                else:
                    yield Chunk(frames=rng.integers(0, 255, size, np.uint8), audio=None)
                while start + self.chunk >= self.free and not self.go.wait(0.02):
                    # As a model between two steps: it goes on, and its clip is cancelled.
                    if self.unwanted():
                        return
        finally:
            self.closed.set()


@pytest.fixture
def drawn(tmp_path, makes):
    """``drawn(drawing, **settings)``: a server whose clips ``drawing`` makes."""
    opened = []

    def start(drawing, **more):
        settings = replace(makes, longest_s=None, largest=None, **more)
        running = serving(tmp_path, settings, opener=lambda _source, _device: drawing)
        opened.append((running, drawing))
        server = running.__enter__()

        def unwanted():
            return any(
                job.state == "running" and job.stop.is_set()
                for job in list(server.maker._jobs.values())
            )

        drawing.unwanted = unwanted
        return server

    yield start
    for running, drawing in opened:
        drawing.go.set()
        running.__exit__(None, None, None)
