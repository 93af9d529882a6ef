"""The resolver beside the service: who sends a file whose credentials are gone finds them."""

from __future__ import annotations

import threading
from dataclasses import replace

import anyio
import httpx
import pytest

from provenance.errors import UnsupportedMedia
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.resolver.problems import Problem
from service.app import create_app
from service.resolving import open_resolver, reader
from service.settings import ScanSettings
from tests.bad_inputs import make_bad
from tests.drawn import write_luma
from tests.stored import manifest_store, record, scene, seen

LABEL = "urn:c2pa:active"


@pytest.fixture
def ask(tmp_path, settings, services):
    from provenance.store import open_store

    store = tmp_path / "manifests"
    with open_store(store) as opened:
        opened.put(
            record(
                manifest=manifest_store("urn:c2pa:parent", LABEL),
                video_fingerprint=seen(scene(1)).to_bytes(),
            )
        )
    scan = ScanSettings(store=str(store), keys=str(tmp_path / "keys"))
    with open_resolver(replace(settings, scan=scan)) as resolver:
        app = create_app(settings, opened=services, resolver=resolver)

        def ask(method, path, **more):
            async def run():
                transport = httpx.ASGITransport(app)
                async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                    return await client.request(method, f"/c2pa{path}", **more)

            return anyio.run(run)

        yield ask


def test_a_video_finds_its_manifest_without_a_key(ask, tmp_path):
    path = write_luma(tmp_path / "clip.mp4", scene(1))
    answer = ask(
        "POST",
        "/matches/byContent",
        content=path.read_bytes(),
        headers={"Content-Type": "video/mp4"},
    )
    assert answer.status_code == 200, answer.text
    assert [hit["manifestId"] for hit in answer.json()["matches"]] == [LABEL]
    assert ask("GET", f"/manifests/{LABEL}").content == manifest_store("urn:c2pa:parent", LABEL)


def test_hostile_content_is_refused_and_nobody_writes(ask, tmp_path):
    bad = make_bad("text", tmp_path, tmp_path)
    headers = {"Content-Type": "video/mp4"}
    answer = ask("POST", "/matches/byContent", content=bad.read_bytes(), headers=headers)
    assert 400 <= answer.status_code < 500
    assert ask("POST", "/manifests", content=b"x").status_code == 401


def test_who_finds_no_place_is_sent_away_and_places_are_given_back(tmp_path):
    bad = make_bad("text", tmp_path, tmp_path)
    places = threading.BoundedSemaphore(1)
    read = reader(ScanSettings(), (DEFAULT_CARRIER_KEY,), places)
    for _ in range(2):  # a file that fails leaves its place free
        with pytest.raises(UnsupportedMedia):
            read(bad)
    places.acquire()
    with pytest.raises(Problem) as caught:
        read(bad)
    assert (caught.value.status, caught.value.code) == (503, "resolver.busy")


def test_what_it_takes_is_what_the_service_takes(ask, settings):
    sent = b"\0" * (settings.bounds.upload_bytes + 1)
    answer = ask("POST", "/matches/byContent", content=sent, headers={"Content-Type": "video/mp4"})
    assert answer.status_code == 413
