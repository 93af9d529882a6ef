"""The Soft Binding Resolution API, path by path."""

from __future__ import annotations

import base64

import pytest

from benchmarks.drawn_sound import voice
from provenance.fingerprint.sound import ALGORITHM as SOUND
from provenance.fingerprint.video import ALGORITHM as VIDEO
from provenance.resolver import ResolverLimits, StorePool
from provenance.resolver.queries import MARK
from provenance.resolver.router import resolver_router
from provenance.store import open_store
from tests.drawn import write_luma
from tests.stored import ID, heard, manifest_store, record, scene, seen

KEY = "a key that may write"
LABEL = "urn:c2pa:active"
STORE = manifest_store("urn:c2pa:parent", LABEL)
LIMITS = ResolverLimits(json_bytes=100_000, manifest_bytes=20_000, content_bytes=200_000)


def coded(value: bytes) -> str:
    return base64.b64encode(value).decode()


@pytest.fixture
def kept(tmp_path):
    with open_store(tmp_path / "store") as store:
        store.put(
            record(
                manifest=STORE,
                video_fingerprint=seen(scene(1)).to_bytes(),
                audio_fingerprint=heard(voice(4, 16_000), 16_000).to_bytes(),
            )
        )
    return tmp_path / "store"


@pytest.fixture
def client(kept, asking):
    pool = StorePool(kept)
    yield asking(resolver_router(pool, ["another key", KEY], limits=LIMITS))
    pool.close()


def names(response) -> list[str]:
    assert response.status_code == 200, response.text
    return [hit["manifestId"] for hit in response.json()["matches"]]


def problem(response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert {"type", "title", "status", "detail", "code"} <= set(body)
    assert body["status"] == response.status_code
    return response.status_code, body["code"]


def test_a_mark_leads_to_its_manifest(client):
    query = {"alg": MARK, "value": coded(bytes.fromhex(ID))}
    response = client.get("/matches/byBinding", params=query)
    assert response.json() == {"matches": [{"manifestId": LABEL, "similarityScore": 100}]}
    assert names(client.post("/matches/byBinding", json=query)) == [LABEL]
    unknown = {"alg": MARK, "value": coded(bytes(7))}
    assert names(client.get("/matches/byBinding", params=unknown)) == []


def test_a_fingerprint_leads_to_its_manifest_and_another_one_nowhere(client):
    for algorithm, value, other in (
        (VIDEO, seen(scene(1)[4:]), seen(scene(2))),
        (SOUND, heard(voice(4, 16_000)[9_000:], 16_000), heard(voice(4, 16_000, seed=3), 16_000)),
    ):
        query = {"alg": algorithm, "value": coded(value.to_bytes())}
        assert names(client.post("/matches/byBinding", json=query)) == [LABEL]
        query = {"alg": algorithm, "value": coded(other.to_bytes())}
        assert names(client.post("/matches/byBinding", json=query)) == []


def test_content_is_found_by_what_it_shows(client, tmp_path):
    headers = {"Content-Type": "video/mp4"}
    for seed, expected in ((1, [LABEL]), (2, [])):
        clip = write_luma(tmp_path / f"{seed}.mp4", list(scene(seed)), rate=8, crf=30)
        response = client.post("/matches/byContent", content=clip.read_bytes(), headers=headers)
        assert names(response) == expected


def test_manifests_are_given_whole_or_the_active_one_alone(client):
    response = client.get(f"/manifests/{LABEL}")
    assert response.headers["content-type"] == "application/c2pa"
    assert response.content == STORE
    response = client.get(f"/manifests/{LABEL}", params={"returnActiveManifest": "true"})
    assert response.content == manifest_store(LABEL)
    assert problem(client.get("/manifests/urn:c2pa:none")) == (404, "manifest.unknown")


def test_the_algorithms_are_named(client):
    assert client.get("/services/supportedAlgorithms").json() == {
        "watermarks": [{"alg": MARK}],
        "fingerprints": [{"alg": VIDEO}, {"alg": SOUND}],
    }


def test_bad_queries_are_problems(client):
    get = client.get
    assert problem(get("/matches/byBinding")) == (400, "request.invalid")
    for value in ("not base64!", coded(b"short")):
        response = get("/matches/byBinding", params={"alg": MARK, "value": value})
        assert problem(response) == (400, "binding.invalid")
    long = {"alg": VIDEO, "value": "A" * 4_000}
    assert problem(get("/matches/byBinding", params=long)) == (414, "binding.too_long")
    damaged = {"alg": VIDEO, "value": coded(seen(scene(1)).to_bytes()[:-1])}
    assert problem(client.post("/matches/byBinding", json=damaged)) == (400, "binding.invalid")
    post = client.post
    assert problem(post("/matches/byBinding", content=b"{")) == (400, "request.invalid")
    assert problem(post("/matches/byBinding", content=b"x" * 200_000)) == (413, "body.too_large")
    text = {"Content-Type": "text/plain"}
    video = {"Content-Type": "video/mp4"}
    assert problem(post("/matches/byContent", content=b"a", headers=text)) == (415, "content.type")
    response = post("/matches/byContent", content=b"no video", headers=video)
    assert problem(response)[0] == 415
    response = post("/matches/byContent", content=bytes(300_000), headers=video)
    assert problem(response) == (413, "content.too_large")


def test_content_is_fetched_from_nobody_unless_named(client, kept, asking):
    query = {"referenceUrl": "https://example.com/a.mp4", "assetLength": 1000}
    assert problem(client.post("/matches/byReference", json=query)) == (403, "reference.disabled")
    limits = ResolverLimits(reference_hosts=("videos.example",))
    open_one = asking(resolver_router(StorePool(kept), limits=limits))
    for url in ("https://example.com/a", "http://videos.example/a", "file:///etc/passwd"):
        query = {"referenceUrl": url, "assetLength": 1000}
        response = open_one.post("/matches/byReference", json=query)
        assert problem(response) == (400, "fetch.refused")


def test_writing_needs_a_key(client):
    binding = {"manifestId": LABEL, "alg": "com.example.mark", "bindingValue": coded(b"1")}
    for authorization in ("", "Bearer wrong", f"Basic {KEY}", "Bearer "):
        headers = {"Authorization": authorization}
        response = client.post("/bindings", json=binding, headers=headers)
        assert problem(response) == (401, "key.missing")
        assert response.headers["www-authenticate"] == "Bearer"
        response = client.post("/manifests", content=STORE, headers=headers)
        assert problem(response) == (401, "key.missing")


def test_documents_are_read_no_further_than_is_allowed(client, kept, asking):
    limits = ResolverLimits(json_bytes=1000, reference_hosts=("videos.example",))
    open_one = asking(resolver_router(StorePool(kept), [KEY], limits=limits))
    headers = {"Authorization": f"Bearer {KEY}"}
    for path in ("/bindings", "/matches/byReference"):
        for body, answer in (
            (b" " * 1001, (413, "body.too_large")),
            (b"{}", (400, "request.invalid")),
        ):
            assert problem(open_one.post(path, content=body, headers=headers)) == answer
    # Who may not write is not listened to at all.
    assert problem(open_one.post("/bindings", content=b" " * 1001)) == (401, "key.missing")
    assert problem(client.post("/matches/byReference", content=b"{")) == (403, "reference.disabled")


def test_bindings_of_others_lead_to_manifests(client):
    headers = {"Authorization": f"Bearer {KEY}"}
    binding = {"manifestId": LABEL, "alg": "com.example.mark", "bindingValue": coded(b"1")}
    assert client.put("/bindings", json=binding, headers=headers).status_code == 204
    query = {"alg": "com.example.mark", "value": coded(b"1")}
    assert names(client.get("/matches/byBinding", params=query)) == [LABEL]
    own = binding | {"alg": MARK}
    assert problem(client.post("/bindings", json=own, headers=headers)) == (400, "binding.own")
    gone = binding | {"manifestId": "urn:c2pa:none"}
    response = client.post("/bindings", json=gone, headers=headers)
    assert problem(response) == (404, "manifest.unknown")


def test_what_is_no_signed_manifest_is_not_kept(client):
    headers = {"Authorization": f"Bearer {KEY}"}
    for body in (b"", b"text", STORE):
        response = client.post("/manifests", content=body, headers=headers)
        assert problem(response) == (422, "manifest.invalid")
    response = client.post("/manifests", content=bytes(30_000), headers=headers)
    assert problem(response) == (413, "body.too_large")


def test_a_store_that_fails_is_not_described(tmp_path, asking):
    (tmp_path / "no store").write_bytes(b"these are notes" * 100)
    client = asking(resolver_router(StorePool(tmp_path / "no store")))
    response = client.get(f"/manifests/{LABEL}")
    assert problem(response) == (503, "store.unavailable")
    assert response.headers["retry-after"] == "30"
    assert str(tmp_path) not in response.text
