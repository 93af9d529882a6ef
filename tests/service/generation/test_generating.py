"""A clip from its request to its deletion: addresses, cache, keys, what is refused."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import httpx
import pytest

from generators.base import MAX_DURATION_S
from provenance.prompt import prompt_digest
from service.accounts import Quota
from service.generation.models import longest_wishes
from service.generation.parts import _signature, tidy_clips
from service.generation.schemas import MOST_SECONDS
from service.generation.wishes import reduced_size
from service.settings import GenerationSettings
from service.web.generate import generate_page
from tests.service.generation.conftest import Drawing, serving


@pytest.fixture(scope="module")
def made(server):
    answer = server.generate()
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_pictures_sound_and_both_can_be_had_without_a_key(made):
    sizes = {}
    for part in ("video", "audio", "combined"):
        file = httpx.get(made[f"{part}Url"])
        assert file.status_code == 200
        assert file.headers["content-type"] == "video/mp4"
        assert file.content[4:8] == b"ftyp"
        sizes[part] = len(file.content)
    assert sizes["combined"] > max(sizes["video"], sizes["audio"])


def test_parts_of_a_file_can_be_had(made):
    url = made["combinedUrl"]
    whole = httpx.get(url).content
    for asked, want in (("0-9", whole[:10]), ("10-", whole[10:]), ("-7", whole[-7:])):
        part = httpx.get(url, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206
        assert part.content == want
    assert httpx.get(url, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_the_head_of_a_file_is_that_of_its_body(made):
    url = made["combinedUrl"]
    for asked in ({}, {"Range": "bytes=5-9"}):
        whole, head = httpx.get(url, headers=asked), httpx.head(url, headers=asked)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        for name in ("content-length", "content-type", "etag", "content-range", "accept-ranges"):
            assert head.headers.get(name) == whole.headers.get(name)
    assert httpx.head(url[:-1]).status_code == 403


def test_addresses_cannot_be_made_up_and_end(server, made):
    url = httpx.URL(made["combinedUrl"])
    until = int(url.params["until"])
    for changed in (
        url.copy_set_param("until", str(until + 1)),
        url.copy_set_param("signature", "0" * 64),
        url.copy_with(path=url.path.replace("clip.mp4", "video.mp4")),
    ):
        answer = httpx.get(changed)
        assert answer.status_code == 403
        assert answer.json()["code"] == "address.invalid"
    clips = server.services.clips
    old = int(clips.clock()) - 1
    key = clips.identity().prompt_key
    signature = _signature(key, made["id"], "clip", old)
    assert not clips.allows(made["id"], "clip", until=old, signature=signature)
    # The keyed digest of a prompt, which whoever sends one is told, is no signature.
    told = prompt_digest(f"{made['id']}\0clip\0{until + 1}", key).digest.hex()
    assert not clips.allows(made["id"], "clip", until=until + 1, signature=told)


def test_who_has_no_key_makes_no_identity(tmp_path):
    with serving(tmp_path, GenerationSettings()) as server:
        nobody = replace(server.services.clips, keys=tmp_path / "none")
        assert not nobody.allows("gen_" + "0" * 32, "clip", until=1 << 39, signature="0" * 64)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("asked", "largest"), [((3840, 1280), (2560, 1440)), ((1919, 1079), (1280, 720))]
)
def test_a_reduced_size_has_no_more_pixels_and_is_no_more_oblong(asked, largest):
    width, height = reduced_size(*asked, largest)
    assert width * height <= largest[0] * largest[1]
    assert max(width, height) <= 3 * min(width, height)
    assert width % 2 == height % 2 == 0
    assert width * height > 0.98 * largest[0] * largest[1]


def test_the_same_request_gives_the_same_clip_and_another_does_not(server, made):
    again = server.generate()
    assert again.headers["generation-cached"] == "true"
    assert again.json()["id"] == made["id"]
    other = server.generate(seed=1)
    assert "generation-cached" not in other.headers
    assert other.json()["contentId"] != made["contentId"]


def test_how_much_of_a_prompt_was_not_read_is_told(server, made):
    assert made["unreadCharacters"] == 0
    prompt = "a red ball bounces " * 5
    answers = [server.generate(prompt), server.generate(prompt)]
    assert [answer.json()["unreadCharacters"] for answer in answers] == [len(prompt) - 1 - 64] * 2
    assert answers[1].headers["generation-cached"] == "true"


def test_no_prompt_is_stored(server, made):
    rows = sqlite3.connect(server.services.settings.data / "service.sqlite").execute(
        "SELECT * FROM generations"
    )
    text = repr(rows.fetchall())
    assert made["id"] in text
    assert "red ball" not in text
    assert made["promptHash"].startswith("hmac-sha256:")


def test_a_clip_can_be_waited_for_and_deleted(server):
    answer = server.generate(seed=2, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    one = answer.json()["id"]
    assert answer.headers["location"] == f"/v2/generations/{one}"
    done = server.wait(one, "done")
    assert done["progress"] == 1
    assert server.ask("DELETE", f"/v2/generations/{one}").status_code == 204
    assert server.ask("GET", f"/v2/generations/{one}").status_code == 404
    assert httpx.get(done["combinedUrl"]).status_code == 404
    assert not [name for name in server.stored() if name.endswith(one[4:])]


def test_others_do_not_see_a_clip(server, made):
    accounts = server.services.accounts
    tenant = accounts.create_tenant("other", quota=Quota())
    other = accounts.create_key(tenant.id, ["generations:read", "generations:write"], actor="test")
    assert server.ask("GET", f"/v2/generations/{made['id']}", key=other).status_code == 404
    assert server.ask("DELETE", f"/v2/generations/{made['id']}", key=other).status_code == 404


@pytest.mark.parametrize("path", ["/v2/generate", "/v1/stream"])
def test_keys_are_needed(server, path):
    wish = {"prompt": "a red ball"}
    assert httpx.post(server.url + path, json=wish).json()["code"] == "auth.missing"
    assert server.ask("POST", path, key="ltx_wrong", json=wish).status_code == 401
    reading = server.services.accounts.create_key(server.tenant, ["generations:read"], actor="test")
    assert server.ask("POST", path, key=reading, json=wish).json()["code"] == "auth.forbidden"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"prompt": ""}, "request.invalid"),
        ({"prompt": "a", "fps": 1000}, "request.invalid"),
        ({"prompt": "a", "duration": -1}, "request.invalid"),
        ({"prompt": "a", "duration": "10"}, "request.invalid"),
        ({"prompt": "a", "resolution": "9999999x2"}, "request.invalid"),
        ({"prompt": "a", "resolution": "../../etc"}, "request.invalid"),
        ({"prompt": "a", "watermark": False}, "request.invalid"),
        ({"prompt": "a", "seed": -1}, "request.invalid"),
        ({"prompt": "a", "model": "ltx-9"}, "model.unknown"),
        ({"prompt": "a", "model": "/etc"}, "model.unknown"),
        ({"prompt": "x" * 300_000}, "media.too_large"),
        ([], "request.invalid"),
    ],
)
@pytest.mark.parametrize("path", ["/v2/generate", "/v1/stream"])
def test_what_cannot_be_made_is_refused(server, path, wish, code):
    answer = server.ask("POST", path, json=wish)
    assert answer.json()["code"] == code
    assert 400 <= answer.status_code < 500
    assert server.nothing_left()


def test_bodies_that_are_no_json_are_refused(server):
    for body in (b"", b"{", b"\xff\xfe", b"[" * 10_000, b'{"prompt": NaN}'):
        assert server.ask("POST", "/v2/generate", content=body).status_code in {400, 422}


def test_without_weights_the_answer_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("generators.bundle._package_folder", lambda: tmp_path)
    with serving(tmp_path, GenerationSettings()) as server:
        for path in ("/v2/generate", "/v1/stream"):
            answer = server.ask("POST", path, json={"prompt": "a red ball"})
            assert answer.status_code == 503
            assert answer.json()["code"] == "weights.missing"
            assert "--generator-bundle" in answer.json()["hint"]


def test_what_has_expired_is_gone(drawn):
    drawing = Drawing()
    drawing.go.set()
    server = drawn(drawing, hours=1e-9)
    one = server.generate(model="helios-1.0", audio=False, headers={"Prefer": "respond-async"})
    server.settle()
    assert server.ask("GET", f"/v2/generations/{one.json()['id']}").status_code == 404
    assert len(server.stored()) == 1
    (server.services.settings.making / "gen_left").mkdir()  # by a server that was killed
    tidy_clips(server.services.clips, orphan_s=3600)
    assert server.stored() == []
    assert server.nothing_left()


def test_the_most_seconds_of_a_model_are_its_own_or_the_operators(makes):
    own = longest_wishes(replace(makes, longest_s=None))
    assert own == {"ltx-2.3": MAX_DURATION_S, "helios-1.0": MOST_SECONDS}
    assert set(longest_wishes(replace(makes, longest_s=9.5)).values()) == {9.5}
    page = generate_page({"ltx-2.3": 9.5})
    assert '<option value="ltx-2.3" data-longest="9.5">' in page


def test_no_more_seconds_can_be_asked_for_than_the_page_says(drawn):
    server = drawn(Drawing())
    for model, most in longest_wishes(server.app.state.maker._settings).items():
        wish = {"prompt": "a", "model": model, "audio": False, "duration": most * 1.01}
        answer = server.ask("POST", "/v2/generate", json=wish)
        assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
