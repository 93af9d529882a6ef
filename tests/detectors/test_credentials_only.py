"""Any kind of file with credentials gets a verdict by them, and tells of nobody."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from detectors import to_json, to_text, verify
from provenance.keys import create_development_identity
from provenance.manifest import read_manifest
from provenance.manifest.containers import container_of
from provenance.manifest.public import public_text
from provenance.trust import TrustSettings
from tests.foreign import MIME, draw, write

PERSONAL = {
    "mail": "jane.doe@example.org",
    "name": "Jane Q. Doe",
    "handle": "@janedoe",
    "profile": "https://social.example/janedoe",
    "place": "52.5200, 13.4050",
    "path": "D:\\photos\\janedoe\\x.png",
    "camera": "SN-4711-0815",
    "phone": "+49 30 1234 5678",
}


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return create_development_identity(tmp_path_factory.mktemp("k") / "keys", now=datetime.now(UTC))


@pytest.mark.parametrize("kind", MIME)
def test_the_credentials_of_every_kind_of_file_are_read(kind, identity, tmp_path):
    path = write(tmp_path / f"file.{kind}", kind, identity)
    trust = TrustSettings(anchors_pem=(identity.trust_anchor,))
    report = read_manifest(path, trust)
    assert (report.state, report.binding_ok, report.ai_generated) == ("trusted", True, True)
    # By other names it is the same file.
    other = path.rename(tmp_path / "file.bin")
    assert read_manifest(other, trust) == report


@pytest.mark.parametrize("kind", ["tiff", "svg"])
def test_the_verdict_goes_by_the_credentials(kind, identity, tmp_path):
    path = write(tmp_path / f"file.{kind}", kind, identity)
    result = verify(path, keys=identity.directory, store=tmp_path / "none.sqlite")
    assert (result.manifest.state, result.manifest.binding_ok) == ("trusted", True)
    assert result.verdict == "ai_generated"
    assert result.file.sha256 is not None
    assert result.tampered is not True
    checks = {check.name: check.state for check in result.checks}
    assert checks["watermark"] == "skipped"


@pytest.mark.parametrize("kind", ["jpg", "gif", "svg"])
def test_a_changed_picture_is_not_believed(kind, identity, tmp_path):
    path = write(tmp_path / f"file.{kind}", kind, identity)
    raw = bytearray(path.read_bytes())
    raw[-20] ^= 1
    path.write_bytes(raw)
    result = verify(path, keys=identity.directory, store=tmp_path / "none.sqlite")
    assert result.manifest.state == "invalid"
    assert result.verdict not in ("ai_generated", "ai_edited")
    assert result.manifest.binding_ok is not True


def test_a_picture_without_credentials_stays_unreadable(tmp_path, identity):
    (tmp_path / "plain.gif").write_bytes(draw("gif"))
    result = verify(tmp_path / "plain.gif", keys=identity.directory, store=tmp_path / "none")
    assert result.verdict == "unreadable"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"%PDF-1.7\n", "pdf"),
        (b"PK\x03\x04....", "zip"),
        (b"\xff\x0a....", "jxl"),
        (b"\0\0\0\x18ftypheic....", "heic"),
        (b"\0\0\0\x18ftypmif1....", "heif"),
        (b"MM\0*....", "tiff"),
        (b"\xff\xfb\x90\x00....", "mp3"),
        (b"\xff\xfeh\0i\0", "unknown"),
        (b"\xef\xbb\xbf <svg>", "svg"),
        (b"<html>", "unknown"),
        (b"\0\0\0\x20jumb....", "c2pa"),
    ],
)
def test_kinds_are_told_by_their_bytes(head, name, tmp_path):
    (tmp_path / "x").write_bytes(head)
    assert container_of(tmp_path / "x").name == name


def foreign_with_persons(path, identity):
    """A picture whose manifest tells of a person wherever a manifest can."""
    person = {
        "@context": "https://schema.org",
        "@type": "CreativeWork",
        "author": [{"@type": "Person", "name": PERSONAL["name"], "identifier": PERSONAL["handle"]}],
        "url": PERSONAL["profile"],
    }
    exif = {
        "@context": {"exif": "http://ns.adobe.com/exif/1.0/"},
        "exif:GPSLatitude": "52,31.2N",
        "exif:BodySerialNumber": PERSONAL["camera"],
        "exif:CameraOwnerName": PERSONAL["name"],
    }
    return write(
        path,
        "png",
        identity,
        generator={
            "name": f"Paint {PERSONAL['mail']} {PERSONAL['handle']} {PERSONAL['profile']}",
            "version": f"2 {PERSONAL['path']} {PERSONAL['place']} {PERSONAL['phone']}",
        },
        title=f"{PERSONAL['name']} at home",
        assertions=[
            {"label": "stds.schema-org.CreativeWork", "data": person, "kind": "Json"},
            {"label": "stds.exif", "data": exif, "kind": "Json"},
            {
                "label": "org.everyframe.provenance",
                "data": {
                    "model": PERSONAL["name"],
                    "promptHash": f"{PERSONAL['name']} in the garden",
                    "watermark": {"contentId": PERSONAL["mail"], "carrier": PERSONAL["handle"]},
                },
            },
        ],
        action={
            "action": f"com.example.{PERSONAL['handle'].lstrip('@')}",
            "softwareAgent": {"name": PERSONAL["mail"]},
            "parameters": {"com.example.author": PERSONAL["name"]},
        },
    )


def test_nobody_is_told_of(identity, tmp_path):
    path = foreign_with_persons(tmp_path / "x.png", identity)
    raw = path.read_bytes()
    assert PERSONAL["mail"].encode() in raw  # it is in there
    assert PERSONAL["name"].encode() in raw
    result = verify(path, keys=identity.directory, store=tmp_path / "none.sqlite")
    assert result.manifest.state == "trusted"
    report = read_manifest(path, TrustSettings(anchors_pem=(identity.trust_anchor,)))
    told = [to_json(result), to_text(result), repr(report)]
    for output in told:
        for what, text in PERSONAL.items():
            assert text not in output, what
        for part in ("janedoe", "Jane", "52,31", "garden", "4711"):
            assert part not in output
    assert json.loads(told[0])["manifest"]["claim_generator"].startswith("Paint [removed]")


@pytest.mark.parametrize(
    "text",
    [
        "Adobe Photoshop 26.1.0",
        "Make_A_Test/1.0 c2pa-rs/0.91.3",
        "Google C2PA Core Generator Library 12.4",
        "everyframe 0.1.0",
        "Pixel 10 Camera 2.1-beta",
        "LTX Video 2.3",
        "Lavf61.7.100",
        "DALL·E, build 2026-03-24 10:30",
    ],
)
def test_names_of_programs_stay_as_they_are(text):
    assert public_text(text) == text
