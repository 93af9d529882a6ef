"""Strip and recover over HTTP, between two processes; and answers that are not to be relied on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from detectors import verify
from provenance.clip import VideoSpec
from provenance.errors import OptionError, StoreError
from provenance.keys import create_development_identity
from provenance.manifest import ManifestRequest, sign_file
from provenance.payload import model_by_key
from provenance.resolver import ResolverStore
from provenance.resolver.queries import MARK
from provenance.store import open_store
from provenance.store.rows import label_of
from provenance.trust import TrustSettings
from provenance.video import EncodeSettings, remux
from provenance.writer import ProvenanceWriter
from tests.drawn import natural_luma
from tests.stored import ID, manifest_store

ROOT = Path(__file__).resolve().parents[3]
KEY = "a key that may write"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def resolver(tmp_path_factory):
    """The address of a resolver in another process."""
    port = free_port()
    store = tmp_path_factory.mktemp("resolver") / "store"
    command = [sys.executable, "-m", "tests.resolver_server", str(store), str(port), KEY]
    server = subprocess.Popen(command, cwd=ROOT)
    try:
        for _ in range(600):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/c2pa/v1"
    finally:
        server.terminate()
        server.wait(20)


def test_strip_and_recover_over_http(tmp_path, resolver, monkeypatch):
    monkeypatch.setenv("LTX_STORE_KEY", KEY)
    identity = create_development_identity(tmp_path / "keys", now=datetime.now(UTC))
    spec = VideoSpec(width=640, height=360, rate=Fraction(10))
    with (
        open_store(resolver) as store,
        ProvenanceWriter(
            tmp_path / "a.mp4",
            spec,
            identity,
            model="ltx-2.3",
            store=store,
            settings=EncodeSettings(preset="ultrafast", crf=20),
        ) as writer,
    ):
        for plane in natural_luma(30, 360, 640, seed=1):
            writer.write(np.repeat(plane[None, ..., None], 3, axis=3))
    monkeypatch.delenv("LTX_STORE_KEY")
    remux(tmp_path / "a.mp4", tmp_path / "stripped.mp4")
    trust = TrustSettings().with_anchor(identity.trust_anchor)
    options = {"keys": tmp_path / "keys", "trust": trust}
    alone = verify(tmp_path / "stripped.mp4", store=tmp_path / "none", **options)
    assert not alone.manifest.present
    result = verify(tmp_path / "stripped.mp4", store=resolver, **options)
    content_id = writer.result.sealed.payload.content_id_hex
    assert (result.manifest.source, result.manifest.state) == ("recovered", "trusted")
    assert result.manifest.content_id == content_id
    assert result.content_match is True
    assert result.verdict == "ai_generated"
    with open_store(resolver, create=False) as store:
        assert store.contains(content_id)
        assert store.get("0" * 14) is None
        with pytest.raises(StoreError, match="reading"):
            store.reserve(content_id)
        announced = store.get(content_id)
    # What a stream does: its first manifest gives way to that of the complete file, once.
    request = ManifestRequest(
        model=model_by_key("ltx-2.3"),
        title="complete.mp4",
        created=announced.created,
        payload=writer.result.sealed.payload,
        width=640,
        height=360,
        duration_s=3.0,
        tool_version="test",
    )
    complete = replace(
        announced,
        manifest=sign_file(tmp_path / "stripped.mp4", tmp_path / "b.mp4", request, identity),
    )
    writable = ResolverStore(resolver, key=KEY)
    with pytest.raises(StoreError, match="409"):
        writable.put(complete)
    with pytest.raises(StoreError, match="409"):
        writable.replace(complete, announced=b"other")
    writable.replace(complete, announced=announced.manifest)
    assert writable.get(content_id).manifest == complete.manifest
    # What keeps the mark does not claim its id, and is kept beside it.
    edit = replace(request, marked_now=False, parent=tmp_path / "a.mp4")
    manifest = sign_file(tmp_path / "stripped.mp4", tmp_path / "c.mp4", edit, identity)
    writable.put(replace(announced, manifest=manifest, keeps_mark=True))
    assert writable.get(content_id).manifest == complete.manifest
    kept = writable.get_manifest(label_of(manifest))
    assert (kept.manifest, kept.keeps_mark) == (manifest, True)
    labels = writable.bound(MARK, bytes.fromhex(content_id), limit=5)
    assert labels == [label_of(complete.manifest), label_of(manifest)]


def test_writing_without_the_key_says_so(resolver, monkeypatch):
    monkeypatch.delenv("LTX_STORE_KEY", raising=False)
    with pytest.raises(StoreError, match="no key"):
        ResolverStore(resolver).reserve(ID)
    wrong = ResolverStore(resolver, key="wrong")
    assert wrong.reserve(ID)
    with pytest.raises(StoreError, match="401"):
        wrong.bind("urn:c2pa:a", "com.example", b"1")
    assert not ResolverStore(resolver, key=KEY).bind("urn:c2pa:a", "com.example", b"1")


@contextmanager
def answering(answers: dict[str, tuple[int, bytes]]):
    """A server that says what it is told to; the address and the paths that were asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, body = next(
                (answer for part, answer in answers.items() if part in self.path), (404, b"")
            )
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def matches(*names: str) -> tuple[int, bytes]:
    found = [{"manifestId": name, "endpoint": "http://127.0.0.1:1/other"} for name in names]
    return 200, json.dumps({"matches": found}).encode()


@pytest.mark.parametrize(
    "answers",
    [
        {"byBinding": (500, b"")},
        {"byBinding": (302, b"")},
        {"byBinding": (200, b"<html>")},
        {"byBinding": (200, b"[]")},
        {"byBinding": (200, b'{"matches": 3}')},
        {"byBinding": (200, bytes(6 << 20))},
        {"byBinding": matches("urn:c2pa:a"), "manifests": (200, b"no manifest")},
        {"byBinding": matches("urn:c2pa:a"), "manifests": (200, manifest_store("urn:c2pa:a"))},
    ],
    ids=["error", "redirect", "page", "list", "number", "flood", "text", "unsigned"],
)
def test_strange_answers_are_errors_and_lead_nowhere(answers):
    with answering(answers) as (url, asked):
        with pytest.raises(StoreError):
            ResolverStore(url).get(ID)
        assert not any("elsewhere" in path for path in asked)


def test_a_match_that_is_gone_is_none():
    with answering({"byBinding": matches("urn:c2pa:../a b")}) as (url, asked):
        assert ResolverStore(url).get(ID) is None
    assert asked[1] == "/manifests/urn%3Ac2pa%3A..%2Fa%20b"


def test_addresses_that_are_none():
    for url in ("https://", "https://user@host/", "https://host/?a=b"):
        with pytest.raises(OptionError):
            open_store(url)
    with pytest.raises(StoreError, match="cannot be used"):
        ResolverStore(f"http://127.0.0.1:{free_port()}").get(ID)
