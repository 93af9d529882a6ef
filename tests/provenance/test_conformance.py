"""Our manifests before two judges: the official rubric, and a verifier of other authors."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

import pytest

from provenance.keys import with_time_stamps
from provenance.manifest import publish, sign_file
from provenance.manifest.actions import Edit
from tests.provenance.rubric import CHECKS, MIME, crjson, problems, sidecar_of
from tests.time_authority import time_authority

if TYPE_CHECKING:
    from pathlib import Path

TRIMMED = Edit(action="c2pa.trimmed", description="0.2 s to 0.8 s")


@pytest.fixture(scope="module")
def files(tmp_path_factory, plain_mp4, plain_webm, development_identity, request_for, draw):
    """A file of every kind that we make, by name."""
    folder, me = tmp_path_factory.mktemp("made"), development_identity
    made: dict[str, Path] = {}

    def sign(name: str, clip: Path = plain_mp4, *, who=me, **changes) -> None:
        suffix = clip.suffix
        manifest = sign_file(clip, folder / f"t{suffix}", request_for(who, **changes), who)
        publish(folder / f"t{suffix}", folder / f"{name}{suffix}", manifest)
        made[name] = folder / f"{name}{suffix}"

    sign("generated")
    sign("without prompt", prompt=None)
    sign("captured", source="captured", payload=None)
    sign("edited", source="edited", parent=made["generated"])
    sign("kept", parent=made["generated"], encoded=False, marked_now=False)
    sign("kept without history", parent=plain_mp4, encoded=False, marked_now=False)
    sign("trimmed", parent=made["generated"], edits=(TRIMMED,), marked_now=False)
    sign("joined", components=(made["generated"], made["edited"], plain_mp4), kept_ids=("0" * 14,))
    sign("sidecar", plain_webm)
    sign("from a sidecar", parent=made["sidecar"])
    sign("mov", draw(folder / "plain.mov"))
    sign("avi", draw(folder / "plain.avi", audio="mp3"))
    with time_authority() as authority:
        stamped = with_time_stamps(me, authority=authority.url, policy="required")
        sign("time-stamped", who=stamped)
        made["root"] = folder / "root.pem"
        made["root"].write_bytes(authority.root)
    return made


KINDS = [
    "generated",
    "without prompt",
    "captured",
    "edited",
    "kept",
    "kept without history",
    "trimmed",
    "joined",
    "sidecar",
    "from a sidecar",
    "mov",
    "avi",
    "time-stamped",
]


def test_the_rubric_has_all_its_checks():
    assert len(CHECKS) == 31


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_of_the_rubric_is_met(kind, files, development_identity):
    assert problems(crjson(files[kind], development_identity)) == {}


def spoil(document: dict[str, Any], name: str) -> None:
    """Makes ``document`` fail the check ``name``."""
    active = document["manifests"][0]
    held = active["assertions"]
    done = held["c2pa.actions.v2"]["actions"]
    parent = held["c2pa.ingredient.v3"]
    last = {"action": "c2pa.transcoded"}
    done.append(last)
    failed = active["validationResults"]["failure"]
    changes = {
        "mandatory_dst_for_perceptible_transformations": lambda: last.update(action="c2pa.cropped"),
        "mandatory_spec_version": lambda: active["claim.v2"]["claim_generator_info"].update(
            specVersion="2.3.0"
        ),
        "mandatory_all_actions_included": lambda: held["c2pa.actions.v2"].pop("allActionsIncluded"),
        "no_dst_for_opened_action": lambda: done[0].update(digitalSourceType="x"),
        "well_formed_data_present": lambda: active.pop("validationResults"),
        "valid_data_present": lambda: active.pop("validationResults"),
        "well_formed_success": lambda: failed.append({"code": "claim.malformed"}),
        "valid_success": lambda: failed.append({"code": "assertion.bmffHash.mismatch"}),
        "inception_action_position": active["claim.v2"]["created_assertions"].clear,
        "no_deprecated_assertions": lambda: held.update({"stds.exif": {}}),
        "no_unsupported_assertions": lambda: held.update({"c2pa.mine": {}}),
        "no_deprecated_actions": lambda: last.update(action="c2pa.watermarked"),
        "no_unsupported_actions": lambda: last.update(action="c2pa.improved"),
        "no_unrecognized_custom_assertions": lambda: held.update({"mine": {}}),
        "no_unrecognized_custom_actions": lambda: last.update(action="mine"),
        "no_unrecognized_custom_action_parameters": lambda: last.update(parameters={"mine": 1}),
        "discouraged_legacy_action_parameters": lambda: last.update(
            parameters={"description": "x"}
        ),
        "active_manifest_urn": lambda: active.update(label="urn:uuid:1"),
        "review_ratings_datasource": lambda: held.update(
            {"a.b": {"reviewRatings": [], "dataSource": {"type": "humanEntry.anonymous"}}}
        ),
        "ingredient_v3_no_active_manifest": lambda: parent.pop("activeManifest"),
        "ingredient_v3_mandatory_validation_results": lambda: parent.pop("validationResults"),
        "ingredient_relationship_values": lambda: parent.update(relationship="childOf"),
        "mandatory_dst_for_created_action": lambda: last.update(action="c2pa.created"),
        "no_deprecated_claim_fields": lambda: active["claim.v2"].update(specVersion="2.4"),
        "ingredient_v3_choice": lambda: parent.update(digitalSourceType="x"),
        "alternative_content_representation_choice": lambda: held.update(
            {"a.b": {"type": "exif.originalPreservationImage"}}
        ),
        "forbidden_labels_in_external_references": lambda: held.update(
            {"a.b": {"label": "c2pa.hash.data", "url": "x"}}
        ),
        "no_url_in_hashes": lambda: held["c2pa.hash.bmff.v3"].update(url="x"),
        "all_actions_included_opened": lambda: held["c2pa.actions.v2"].update(
            actions=done[:1], allActionsIncluded=False
        ),
        "opened_action_ingredient_reference": lambda: done[0].pop("parameters"),
        "no_box_hash_for_tiff": lambda: held.update(
            {"c2pa.hash.boxes": {}, "c2pa.asset-type.v2": {"dc:format": "image/tiff"}}
        ),
    }
    changes[name]()


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_fails_on_what_it_is_for(name, files, development_identity):
    document = copy.deepcopy(crjson(files["kept"], development_identity))
    spoil(document, name)
    assert problems(document).get(name)


@pytest.fixture
def second(tmp_path, monkeypatch):
    """The other verifier, offline, reporting nothing to anybody, and at a home of its own."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, os.fspath(tmp_path / "home"))
    monkeypatch.delenv("ENCYPHER_C2PA_ONLINE", raising=False)
    import encypher_c2pa

    def verify(path: Path, anchor: bytes, *, stampers: bytes = b"") -> dict[str, Any]:
        sidecar = sidecar_of(path)
        return encypher_c2pa.verify(
            path.read_bytes(),
            MIME[path.suffix],
            trust_pem=anchor.decode(),
            tsa_trust_pem=stampers.decode() or None,
            no_default_trust=True,
            telemetry=False,
            online=False,
            **({} if sidecar is None else {"manifest_store": sidecar}),
        )

    return verify


# It knows no WebM, and says so.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sidecar"])
def test_a_second_verifier_finds_our_files_valid_and_trusted(
    kind, files, development_identity, second
):
    found = second(files[kind], development_identity.trust_anchor)
    assert (found["validation_state"], found["integrity"], found["signature"]) == (
        "Trusted",
        "valid",
        "valid",
    )
    assert found["hard_binding"] == "match"
    assert found["validation_results"].get("failure", []) == []


def test_the_second_verifier_trusts_the_time_stamp(files, development_identity, second):
    root = files["root"].read_bytes()
    found = second(files["time-stamped"], development_identity.trust_anchor, stampers=root)
    codes = [entry["code"] for entry in found["validation_results"]["success"]]
    assert "timeStamp.trusted" in codes
    assert found["validation_state"] == "Trusted"


def test_the_second_verifier_can_say_no(files, development_identity, second, tmp_path):
    raw = bytearray(files["generated"].read_bytes())
    raw[raw.rindex(b"mdat") + 40] ^= 1
    (tmp_path / "changed.mp4").write_bytes(raw)
    found = second(tmp_path / "changed.mp4", development_identity.trust_anchor)
    assert found["validation_state"] == "Invalid"
