from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import c2pa
import pytest

import provenance.trust
from provenance.errors import InputMissing, OptionError
from provenance.keys import import_identity
from provenance.manifest import read_manifest, sign_file
from provenance.manifest.selftest import check_settings
from provenance.trust import EKU_OIDS, TrustSettings, library_settings, load_trust

if TYPE_CHECKING:
    from pathlib import Path


def write_json(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_anchors_and_allowed_signers_from_files(tmp_path: Path, issue):
    first, second, third = issue(), issue(), issue()
    (tmp_path / "anchor.pem").write_bytes(first.root)
    settings = write_json(
        tmp_path / "trust.json",
        {
            "trust": {
                "trust_anchors": second.root.decode(),
                "trust_config": "//ours\n1.2.3.4\n\n",
                "anchors": [
                    {
                        "trust_kind": "manifest",
                        "trust_uri": "ours",
                        "trust_anchors": third.root.decode(),
                        "allowed_list": third.certificate.decode(),
                        "trust_config": "1.2.3.5",
                    },
                ],
            },
            "verify": {"remote_manifest_fetch": True},
        },
    )
    trust = load_trust(settings_files=[settings], anchor_files=[tmp_path / "anchor.pem"])
    assert trust.anchors_pem == (first.root, second.root, third.root)
    assert trust.allowed_pem == (third.certificate,)
    assert trust.extra_ekus == ("1.2.3.4", "1.2.3.5")
    given = library_settings(trust)
    assert given["verify"]["remote_manifest_fetch"] is False
    assert set(given["trust"]["trust_config"].split()) == {*EKU_OIDS, "1.2.3.4", "1.2.3.5"}


def test_lists_of_time_stamp_authorities_vouch_for_signers_in_the_library(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for
):
    # Why load_trust refuses them; when this fails, the library keeps them apart and so can we.
    request = request_for(development_identity)
    sign_file(plain_mp4, tmp_path / "signed.mp4", request, development_identity)
    anchor = {
        "trust_kind": "tsa",
        "trust_uri": "times",
        "trust_anchors": development_identity.trust_anchor.decode(),
        "trust_config": "1.3.6.1.5.5.7.3.8",
    }
    with (
        c2pa.Context.from_dict({"trust": {"anchors": [anchor]}}) as context,
        (tmp_path / "signed.mp4").open("rb") as file,
        c2pa.Reader("video/mp4", file, context=context) as reader,
    ):
        assert reader.get_validation_state() == "Trusted"


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"trust": []},
        {"trust": {"trust_anchor": "misspelt"}},
        {"trust": {"trust_anchors": ""}},
        {
            "trust": {
                "trust_anchors": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
            }
        },
        {"trust": {"trust_anchors": 5}},
        {"trust": {"trust_config": "claim signing"}},
        {"trust": {"verify_trust_list": False}},
        {"trust": {"anchors": {}}},
        {"trust": {"anchors": [5]}},
        {"trust": {"anchors": [{"trust_kind": "cawg"}]}},
        {"trust": {"anchors": [{"trust_kind": "tsa", "trust_anchors": ""}]}},
        {"trust": {"anchors": [{"trust_kind": "manifest", "trust_anchor": ""}]}},
        {"trust": {"allowed_list": "-----BEGIN CERTIFICATE-----"}},
        {"trust": {}, "allowed_list": "-----BEGIN CERTIFICATE-----"},
    ],
)
def test_settings_that_would_have_no_effect_are_refused(tmp_path: Path, document: Any):
    path = write_json(tmp_path / "trust.json", document)
    with pytest.raises(OptionError) as caught:
        load_trust(settings_files=[path])
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_files_that_are_missing_or_no_json_or_no_pem(tmp_path: Path):
    with pytest.raises(InputMissing):
        load_trust(anchor_files=[tmp_path / "none.pem"])
    (tmp_path / "text").write_text("hello")
    with pytest.raises(OptionError):
        load_trust(settings_files=[tmp_path / "text"])
    with pytest.raises(OptionError):
        load_trust(anchor_files=[tmp_path / "text"])


def test_an_allowed_signer_is_trusted_without_a_chain(
    tmp_path: Path, issue, plain_mp4: Path, request_for
):
    bought = issue()
    identity = import_identity(
        tmp_path / "keys", bought.certificate, bought.key, now=datetime.now(UTC)
    )
    sign_file(plain_mp4, tmp_path / "signed.mp4", request_for(identity), identity)
    allowed = TrustSettings(allowed_pem=(bought.certificate,))
    assert read_manifest(tmp_path / "signed.mp4", allowed).state == "trusted"
    assert read_manifest(tmp_path / "signed.mp4", TrustSettings()).state == "valid"


def test_the_library_does_what_its_settings_say():
    checks = check_settings()
    assert len(checks) == 4
    for check in checks:
        assert check.ok, check


@pytest.mark.parametrize(
    ("section", "key", "check"),
    [
        ("trust", "trust_config", "a certificate for claim signing is accepted"),
        ("verify", "remote_manifest_fetch", "addresses in files are not fetched"),
    ],
)
def test_the_self_test_finds_a_setting_that_got_lost(
    monkeypatch: pytest.MonkeyPatch, section: str, key: str, check: str
):
    def without_one(trust: TrustSettings, **hosts: Any) -> dict[str, Any]:
        settings = library_settings(trust, **hosts)
        # As the library does with a name that it does not know: nothing happens.
        settings[section][f"{key}_misspelt"] = settings[section].pop(key)
        settings["core"] = {}
        for anchors in settings["trust"]["anchors"]:
            anchors.pop(key, None)
        return settings

    monkeypatch.setattr(provenance.trust, "library_settings", without_one)
    results = {result.name: result.ok for result in check_settings()}
    assert results[check] is False


def test_unknown_settings_are_silently_ignored_by_the_library():
    # Why the self-test exists; when this fails, the library has learned to refuse them.
    with c2pa.Settings.from_dict({"verify": {"no_such_setting": True}}) as settings:
        assert settings.is_valid
    with pytest.raises(c2pa.C2paError):
        c2pa.Reader("video/mp4", io.BytesIO(b""))
