from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import av
import pytest

from provenance.errors import (
    InputEmpty,
    InputMissing,
    ManifestError,
    OutputForbidden,
    OutputIsInput,
    UnsupportedMedia,
)
from provenance.keys import import_identity
from provenance.manifest import (
    container_of,
    has_manifest,
    publish,
    read_manifest,
    sidecar_path,
    sign_file,
)
from provenance.manifest.reading import read_document
from provenance.manifest.request import manifest_definition
from provenance.trust import TrustSettings

PROMPT = "a red panda on a tram"
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def trust_in(identity) -> TrustSettings:
    return TrustSettings().with_anchor(identity.trust_anchor)


def played(path: Path) -> tuple[int, int]:
    """Decoded pictures and sound samples."""
    with av.open(str(path)) as media:
        pictures = sum(1 for _ in media.decode(video=0))
    with av.open(str(path)) as media:
        samples = sum(frame.samples for frame in media.decode(audio=0))
    return pictures, samples


def assertions(path: Path, identity) -> dict[str, dict]:
    with path.open("rb") as file:
        document = read_document("video/mp4", file, None, trust_in(identity))
    active = document["manifests"][document["active_manifest"]]
    assert all(assertion["created"] for assertion in active["assertions"])
    return {assertion["label"]: assertion["data"] for assertion in active["assertions"]}


def test_a_signed_file_reads_back_what_was_asked_and_still_plays(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for
):
    output = tmp_path / "signed.mp4"
    manifest = sign_file(plain_mp4, output, request_for(development_identity), development_identity)
    assert manifest in output.read_bytes()
    report = read_manifest(output, trust_in(development_identity))
    assert (report.present, report.source, report.state) == (True, "embedded", "trusted")
    assert report.codes == ()
    assert report.binding_ok is True
    assert report.claim_generator == "everyframe 1.2.3"
    assert report.issuer == development_identity.name
    assert report.ai_generated is True
    assert report.digital_source_type == f"{IPTC}trainedAlgorithmicMedia"
    assert report.prompt_hash is not None
    assert report.prompt_hash.startswith("hmac-sha256:")
    assert (report.model, report.model_name) == ("ltx-2.3", "LTX Video 2.3")
    assert report.content_id == "00000000003039"
    assert report.generation_date == date(2026, 3, 24)
    assert report.time == datetime(2026, 3, 24, 12, tzinfo=UTC)
    assert report.time_stamped is False
    assert report.actions == ("c2pa.created", "c2pa.watermarked.unbound")
    assert played(output) == played(plain_mp4)


def test_the_manifest_holds_what_the_law_asks_and_nothing_private(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for
):
    output = tmp_path / "signed.mp4"
    sign_file(plain_mp4, output, request_for(development_identity), development_identity)
    found = assertions(output, development_identity)
    actions = found["c2pa.actions.v2"]
    assert actions["allActionsIncluded"] is True
    assert actions["actions"][0]["softwareAgent"] == {"name": "LTX Video 2.3", "version": "ltx-2.3"}
    assert actions["actions"][0]["when"] == "2026-03-24T12:00:00Z"
    assert found["c2pa.ai-disclosure"] == {
        "modelType": "c2pa.types.model",
        "modelName": "LTX Video 2.3",
        "modelIdentifier": "ltx-2.3",
        "contentProfile": {"humanOversightLevel": "prompt_guided"},
    }
    assert found["org.everyframe.provenance"]["watermark"]["contentId"] == "00000000003039"
    raw = output.read_bytes()
    for word in (PROMPT, "panda", "GPS", "c2pa.thumbnail", "CreativeWork"):
        assert word.encode() not in raw
    assert set(found) == {
        "c2pa.actions.v2",
        "c2pa.ai-disclosure",
        "org.everyframe.provenance",
        "c2pa.hash.bmff.v3",
    }
    assert "author" not in json.dumps(found).lower()
    definition = manifest_definition(request_for(development_identity))
    assert definition["claim_generator_info"][0]["specVersion"] == "2.4.0"


@pytest.mark.parametrize(
    ("source", "kind", "is_ai", "disclosed"),
    [
        ("generated", "trainedAlgorithmicMedia", True, True),
        ("edited", "compositeWithTrainedAlgorithmicMedia", True, True),
        ("captured", "digitalCapture", False, False),
    ],
)
def test_the_source_type_is_exactly_iptc_s(
    tmp_path: Path,
    plain_mp4: Path,
    development_identity,
    request_for,
    source,
    kind,
    is_ai,
    disclosed,
):
    output = tmp_path / "signed.mp4"
    request = request_for(development_identity, source=source, prompt=None)
    sign_file(plain_mp4, output, request, development_identity)
    report = read_manifest(output, trust_in(development_identity))
    assert report.digital_source_type == IPTC + kind
    assert report.ai_generated is is_ai
    assert ("c2pa.ai-disclosure" in assertions(output, development_identity)) is disclosed
    assert report.prompt_hash is None


def test_a_file_without_a_mark_does_not_claim_one(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for
):
    request = request_for(development_identity, payload=None, carrier=None)
    sign_file(plain_mp4, tmp_path / "s.mp4", request, development_identity)
    report = read_manifest(tmp_path / "s.mp4", trust_in(development_identity))
    assert report.actions == ("c2pa.created",)
    assert report.content_id is None


@pytest.mark.parametrize("algorithm", ["es256", "es384", "es512", "ps256", "ed25519"])
def test_every_kind_of_key_signs(
    tmp_path: Path, plain_mp4: Path, issue, request_for, algorithm: str
):
    bought = issue(algorithm)
    identity = import_identity(
        tmp_path / "keys",
        bought.certificate + bought.root,
        bought.key,
        now=datetime.now(UTC),
    )
    sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
    report = read_manifest(tmp_path / "s.mp4", trust_in(identity))
    assert report.state == "trusted"
    assert report.issuer == "Example Studios"
    assert played(tmp_path / "s.mp4") == played(plain_mp4)


def test_an_unknown_signer_is_valid_and_not_trusted(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for
):
    sign_file(
        plain_mp4, tmp_path / "s.mp4", request_for(development_identity), development_identity
    )
    report = read_manifest(tmp_path / "s.mp4", TrustSettings())
    assert report.state == "valid"
    assert report.codes == ("signingCredential.untrusted",)
    assert report.binding_ok is True


def test_the_time_stamp_authority_must_answer(tmp_path: Path, plain_mp4: Path, issue, request_for):
    bought = issue()
    identity = import_identity(
        tmp_path / "keys",
        bought.certificate,
        bought.key,
        now=datetime.now(UTC),
        time_authority="http://127.0.0.1:9/",
    )
    with pytest.raises(ManifestError) as caught:
        sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
    assert "http://127.0.0.1:9/" in caught.value.message
    assert not (tmp_path / "s.mp4").exists()


def test_a_certificate_that_has_expired_since_it_was_loaded_is_not_signed_with(
    tmp_path: Path, plain_mp4: Path, issue, request_for
):
    bought = issue(days=(-20, -10))
    identity = import_identity(
        tmp_path / "keys",
        bought.certificate + bought.root,
        bought.key,
        now=datetime.fromtimestamp(datetime.now(UTC).timestamp() - 15 * 86400, UTC),
    )
    with pytest.raises(ManifestError):
        sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
    assert not (tmp_path / "s.mp4").exists()


def test_signing_in_place_is_refused_and_harms_nothing(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for
):
    path = Path(shutil.copy(plain_mp4, tmp_path / "clip.mp4"))
    (tmp_path / "link.mp4").symlink_to(path)
    (tmp_path / "parent.mp4").hardlink_to(path)
    before = path.read_bytes()
    request = request_for(development_identity)
    for output in (path, tmp_path / "link.mp4", tmp_path / "parent.mp4"):
        with pytest.raises(OutputIsInput):
            sign_file(path, output, request, development_identity)
    request = request_for(development_identity, parent=path)
    with pytest.raises(OutputIsInput):
        sign_file(plain_mp4, path, request, development_identity)
    assert path.read_bytes() == before


def test_outputs_and_inputs_that_cannot_be(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for
):
    request = request_for(development_identity)
    with pytest.raises(OutputForbidden):
        sign_file(plain_mp4, tmp_path / "no" / "s.mp4", request, development_identity)
    with pytest.raises(InputMissing):
        sign_file(tmp_path / "no.mp4", tmp_path / "s.mp4", request, development_identity)
    (tmp_path / "text.mp4").write_text("not a video " * 50)
    with pytest.raises(UnsupportedMedia):
        sign_file(tmp_path / "text.mp4", tmp_path / "s.mp4", request, development_identity)
    (tmp_path / "hull.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\xff" * 200)
    with pytest.raises(ManifestError):
        sign_file(tmp_path / "hull.mp4", tmp_path / "s.mp4", request, development_identity)
    assert not (tmp_path / "s.mp4").exists()


def test_the_container_is_told_by_the_bytes_not_by_the_name(
    tmp_path: Path, plain_mp4: Path, plain_webm: Path, development_identity, request_for
):
    disguised = Path(shutil.copy(plain_mp4, tmp_path / "clip.webm"))
    assert container_of(disguised).name == "mp4"
    assert container_of(plain_webm).name == "webm"
    request = request_for(development_identity)
    sign_file(disguised, tmp_path / "signed.jpg", request, development_identity)
    report = read_manifest(tmp_path / "signed.jpg", trust_in(development_identity))
    assert (report.state, report.source) == ("trusted", "embedded")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    with pytest.raises(InputEmpty):
        container_of(empty)


@pytest.mark.parametrize(
    ("suffix", "video", "audio", "name", "embeds"),
    [
        ("mov", "libx264", "aac", "mov", True),
        ("avi", "mpeg4", "mp3", "avi", True),
        ("webm", "libvpx-vp9", "libopus", "webm", False),
        ("mkv", "libx264", "aac", "mkv", False),
        ("ts", "libx264", "aac", "ts", False),
    ],
)
def test_every_container_is_signed_inside_or_beside(
    tmp_path: Path, draw, development_identity, request_for, suffix, video, audio, name, embeds
):
    plain = draw(tmp_path / f"plain.{suffix}", video=video, audio=audio)
    assert container_of(plain).name == name
    assert not has_manifest(plain)
    assert read_manifest(plain, TrustSettings()).present is False
    temporary, final = tmp_path / ".tmp", tmp_path / f"signed.{suffix}"
    manifest = sign_file(plain, temporary, request_for(development_identity), development_identity)
    publish(temporary, final, manifest)
    assert not temporary.exists()
    assert sidecar_path(final).exists() is not embeds
    assert has_manifest(final)
    report = read_manifest(final, trust_in(development_identity))
    assert report.source == ("embedded" if embeds else "sidecar")
    assert report.state == "trusted"
    assert report.binding_ok is True
    assert played(final) == played(plain)


def test_a_changed_file_beside_its_sidecar_is_invalid(
    tmp_path: Path, plain_webm: Path, development_identity, request_for
):
    request = request_for(development_identity)
    manifest = sign_file(plain_webm, tmp_path / "tmp", request, development_identity)
    publish(tmp_path / "tmp", tmp_path / "s.webm", manifest)
    raw = bytearray((tmp_path / "s.webm").read_bytes())
    raw[-100] ^= 1
    (tmp_path / "s.webm").write_bytes(raw)
    report = read_manifest(tmp_path / "s.webm", trust_in(development_identity))
    assert report.state == "invalid"
    assert report.codes == ("assertion.dataHash.mismatch",)
    assert report.binding_ok is False


def test_a_sidecar_named_as_other_tools_do_is_found(
    tmp_path: Path, plain_webm: Path, development_identity, request_for
):
    request = request_for(development_identity)
    manifest = sign_file(plain_webm, tmp_path / "s.webm", request, development_identity)
    (tmp_path / "s.c2pa").write_bytes(manifest)
    assert read_manifest(tmp_path / "s.webm", trust_in(development_identity)).state == "trusted"


def test_a_report_is_plain_data(tmp_path: Path, plain_mp4: Path, development_identity, request_for):
    nasty = "title\x1b[31m\n" + "x" * 1000
    request = request_for(development_identity, title=nasty)
    sign_file(plain_mp4, tmp_path / "s.mp4", request, development_identity)
    report = read_manifest(tmp_path / "s.mp4", trust_in(development_identity))
    assert report.title is None
    assert json.dumps(report.codes) == "[]"
