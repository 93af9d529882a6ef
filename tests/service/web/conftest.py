"""A service in processes of its own, open to everybody, with files to send to it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.service_chaos import free_port
from benchmarks.service_process import ServiceProcess, running
from tests.browser import chromium
from tests.detectors.conftest import identity, spec, studio

__all__ = ["identity", "spec", "studio"]


@pytest.fixture(scope="session")
def site(tmp_path_factory, studio):
    folder = tmp_path_factory.mktemp("site")
    options = (
        *("--public", "everybody", "--workers", "1", "--visitor-per-minute", "1000"),
        *("--keys", str(studio.keys), "--store", str(studio.store), "--max-upload-mib", "4"),
        *("--links", "--private-targets", "--drain-seconds", "0.5"),
    )
    with running(ServiceProcess(folder / "data", *options, port=free_port())) as service:
        yield service


@pytest.fixture(scope="session")
def uploads(tmp_path_factory, studio, clip):
    """Files by what they are. The one without a mark is short: it takes the whole search."""
    folder = tmp_path_factory.mktemp("uploads")
    plain = folder / "plain.mp4"
    plain.write_bytes(clip)
    broken = folder / "broken.mp4"
    broken.write_bytes(studio.plain.read_bytes()[:4000])
    hostile = folder / "playlist.mp4"
    hostile.write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    empty = folder / "empty.mp4"
    empty.touch()
    return {
        "marked": studio.signed,
        "plain": plain,
        "broken": broken,
        "hostile": hostile,
        "empty": empty,
    }


# Playwright's loop runs as long as it does, and tests of other modules run loops of their own.
@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def file_server():
    """Serves files over HTTP on loopback: ``file_server(name, data)`` gives the address."""
    files = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            data = files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def add(name, data):
            files[f"/{name}"] = data
            return f"http://127.0.0.1:{server.server_port}/{name}"

        yield add
        server.shutdown()
        thread.join()
