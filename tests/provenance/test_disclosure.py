"""What is published about a video: the law's fields, escaped, and only from files that verify."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import av
import pytest
from click.testing import CliRunner

from provenance import stamp
from provenance.aigc import aigc_metadata
from provenance.disclose_cli import main as ltx_disclose
from provenance.disclosure import disclose, snippet_of
from provenance.edits import edit, parse_operation
from provenance.errors import ManifestError, OptionError, UnsupportedMedia
from provenance.keys import create_development_identity
from provenance.manifest import ManifestReport, read_manifest, sign_file
from provenance.manifest.extraction import extract_manifest
from provenance.payload import Payload
from provenance.store import open_store
from provenance.trust import TrustSettings
from provenance.video import EncodeSettings
from tests.drawn import draw_clip
from tests.foreign import draw, sign

FAST = EncodeSettings(preset="ultrafast", crf=20)
PROMPT = "a red panda on a tram in the rain"


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.words.append(data.strip())


class Made:
    def __init__(self, folder) -> None:
        self.folder = folder
        self.identity = create_development_identity(folder / "keys", now=datetime.now(UTC))
        self.trust = TrustSettings(anchors_pem=(self.identity.trust_anchor,))
        self.store = open_store(folder / "store.sqlite")
        self.clip = draw_clip(folder / "clip.mp4", frames=48, width=256, height=192)
        self.demo = folder / "demo.mp4"
        self.stamped = stamp(
            self.clip,
            self.demo,
            model="ltx-2.3",
            prompt=PROMPT,
            day=date(2026, 3, 24),
            identity=self.identity,
            store=self.store,
            settings=FAST,
            aigc_producer="Example 公司",
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return Made(tmp_path_factory.mktemp("made"))


def test_the_page_is_the_article_s(made):
    page = disclose(made.demo, made.trust).snippet
    parsed = Parsed(page)
    assert ("video", {"src": "/demo.mp4", "controls": None}) in parsed.tags
    assert ("track", {"kind": "metadata", "src": "/demo.c2pa.json"}) in parsed.tags
    assert ("a", {"href": "/demo.c2pa.json"}) in parsed.tags
    assert "This video was generated using AI (LTX Video 2.3)." in parsed.words
    assert "View content credentials" in parsed.words


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ('a"b<script>.mp4', "LTX"),
        ("ü ß&amp;.mp4", "LTX"),
        ("demo.mp4", '<img src=x onerror="alert(1)">'),
        ("'onload='x.mp4", "\"><script>alert('x')</script>"),
    ],
)
def test_nothing_in_a_name_becomes_html(name, model):
    report = ManifestReport(
        present=True,
        model_name=model,
        ai_generated=True,
        digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    )
    page = snippet_of(report, name, base_url='/v"x')
    parsed = Parsed(page)
    assert [tag for tag, _ in parsed.tags] == ["video", "track", "p", "a", "a"]
    assert any(model in word for word in parsed.words)
    assert not re.search(r"<(script|img)", page)
    assert all(
        set(attrs) <= {"src", "controls", "kind", "class", "href", "type", "rel"}
        for _, attrs in parsed.tags
    )


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)//",
        "JavaScript:alert(1)//",
        "java\tscript:alert(1)//",
        "\njavascript:alert(1)//",
        " javascript:alert(1)//",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/",
        "https:",
        "https:\\example.com",
        "https://[::1/",
        "/videos?page=",
        "/videos#",
        "",
    ],
)
def test_links_lead_to_web_sites_alone(made, address):
    with pytest.raises(OptionError) as caught:
        disclose(made.demo, made.trust, base_url=address)
    assert "https://" in caught.value.hint


@pytest.mark.parametrize("address", ["https://example.com", "http://[::1]:80/v", "videos", "/"])
def test_links_stand_under_the_address_that_is_given(address):
    page = snippet_of(ManifestReport(present=True), "a.mp4", base_url=address)
    assert ("a", {"href": f"{address.rstrip('/')}/a.c2pa.json"}) in Parsed(page).tags


def test_the_law_s_fields_are_there(made):
    facts = disclose(made.demo, made.trust).rendering
    payload = made.stamped.sealed.payload
    assert facts["provider"] == "everyframe development"  # whose certificate it is
    assert (facts["system"], facts["system_version"]) == ("LTX Video 2.3", "ltx-2.3")
    assert facts["generation_date"] == "2026-03-24"
    assert datetime.fromisoformat(facts["time"]).tzinfo is not None
    assert facts["unique_id"] == payload.content_id_hex
    assert facts["created_or_altered"] == "created"
    assert facts["digital_source_type"].endswith("/trainedAlgorithmicMedia")
    assert facts["prompt_hash"].startswith("hmac-sha256:")
    assert facts["file"]["sha256"] == hashlib.sha256(made.demo.read_bytes()).hexdigest()
    assert "not signed itself" in facts["note"]
    plain = hashlib.sha256(PROMPT.encode()).hexdigest()
    for text in (json.dumps(facts), made.demo.read_bytes().decode("latin-1")):
        for secret in ("panda", "tram", plain, made.clip.name):
            assert secret not in text


def test_an_altered_file_says_so(made):
    target = made.folder / "cut.mp4"
    edit(
        [made.demo],
        target,
        parse_operation("trim=0:1"),
        identity=made.identity,
        store=made.store,
        settings=FAST,
    )
    facts = disclose(target, made.trust).rendering
    assert facts["created_or_altered"] == "altered"
    assert facts["unique_id"] == made.stamped.sealed.payload.content_id_hex
    assert [one["relationship"] for one in facts["ingredients"]] == ["parentOf"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi", ".webm"])
def test_the_sidecar_is_what_was_signed(
    suffix, draw, development_identity, request_for, tmp_path, plain_webm
):
    me = development_identity
    video = plain_webm
    if suffix != ".webm":
        video = draw(tmp_path / f"plain{suffix}", audio="mp3" if suffix == ".avi" else "aac")
    signed = tmp_path / f"signed{suffix}"
    manifest = sign_file(video, signed, request_for(me), me)
    if suffix == ".webm":
        (tmp_path / "signed.webm.c2pa").write_bytes(manifest)
    found = extract_manifest(signed)
    # What the library gives and what it embeds differ in padding at most.
    assert found is not None
    assert found[: len(manifest) // 2] == manifest[: len(manifest) // 2]
    beside = tmp_path / f"bare{suffix}"
    beside.write_bytes(signed.read_bytes())
    report = read_manifest(beside, TrustSettings(anchors_pem=(me.trust_anchor,)))
    if suffix == ".webm":
        assert not report.present
        beside.with_name(f"{beside.name}.c2pa").write_bytes(found)
        report = read_manifest(beside, TrustSettings(anchors_pem=(me.trust_anchor,)))
    assert report.state == "trusted"


def test_the_command_writes_all_three(made, tmp_path):
    arguments = [str(made.demo), "-o", str(tmp_path), "--keys", str(made.identity.directory)]
    done = CliRunner().invoke(ltx_disclose, [*arguments, "--base-url", "https://cdn.example/v"])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "demo.c2pa",
        "demo.c2pa.json",
        "demo.html",
    ]
    facts = json.loads((tmp_path / "demo.c2pa.json").read_text())
    sidecar = (tmp_path / "demo.c2pa").read_bytes()
    assert facts["credentials"]["sha256"] == hashlib.sha256(sidecar).hexdigest()
    assert facts["credentials"]["state"] == "trusted"
    assert 'src="https://cdn.example/v/demo.mp4"' in (tmp_path / "demo.html").read_text()
    assert done.stdout == (tmp_path / "demo.html").read_text()


def test_what_does_not_verify_is_not_published(made, tmp_path):
    raw = bytearray(made.demo.read_bytes())
    raw[raw.rindex(b"mdat") + 2000] ^= 1
    (tmp_path / "changed.mp4").write_bytes(raw)
    for path, words in ((tmp_path / "changed.mp4", "do not verify"), (made.clip, "has no content")):
        with pytest.raises(ManifestError, match=words):
            disclose(path, made.trust)
    (tmp_path / "x.png").write_bytes(sign(draw("png"), "png", made.identity))
    with pytest.raises(UnsupportedMedia):
        disclose(tmp_path / "x.png", made.trust)


def test_china_s_label_stands_in_the_metadata_and_survives_the_signature(made):
    assert read_manifest(made.demo, made.trust).state == "trusted"
    with av.open(str(made.demo)) as file:
        label = json.loads(file.metadata["AIGC"])
    content_id = made.stamped.sealed.payload.content_id_hex
    assert label == {
        "Label": "1",
        "ContentProducer": "Example 公司",
        "ProduceID": content_id,
        "ReservedCode1": "",
        "ContentPropagator": "Example 公司",
        "PropagateID": content_id,
        "ReservedCode2": "",
    }


def test_the_label_is_refused_where_it_would_be_false_or_cannot_be_written(made, tmp_path):
    camera = Payload(model=1, day=date(2026, 3, 24), content_id=1, source="captured")
    with pytest.raises(OptionError):
        aigc_metadata(camera, "Example")
    for name in ("", " ", "x" * 201, "a\nb"):
        with pytest.raises(OptionError):
            aigc_metadata(made.stamped.sealed.payload, name)
    with pytest.raises(OptionError, match="kept as it is"):
        stamp(
            made.demo,
            tmp_path / "again.mp4",
            model="ltx-2.3",
            identity=made.identity,
            store=made.store,
            aigc_producer="Example",
        )
