"""The report made from the library's JSON, for JSON that real files rarely give."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.manifest import sign_file
from provenance.manifest.interpret import interpret
from provenance.manifest.reading import read_document
from provenance.trust import TrustSettings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def document(tmp_path_factory, plain_mp4, development_identity, request_for) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("signed") / "signed.mp4"
    sign_file(plain_mp4, path, request_for(development_identity), development_identity)
    trust = TrustSettings().with_anchor(development_identity.trust_anchor)
    with path.open("rb") as file:
        return read_document("video/mp4", file, None, trust)


def parts(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    active = document["manifests"][document["active_manifest"]]
    return active, document["validation_results"]["activeManifest"]


@pytest.mark.parametrize("vouched", [True, False])
def test_only_a_trusted_authority_s_stamp_is_a_time_stamp(document: dict[str, Any], vouched: bool):
    changed = copy.deepcopy(document)
    manifest, results = parts(changed)
    manifest["signature_info"]["time"] = "2026-03-25T08:00:00+00:00"
    results["success"].append({"code": "timeStamp.validated"})
    results["success" if vouched else "informational"].append(
        {"code": "timeStamp.trusted" if vouched else "timeStamp.untrusted"}
    )
    report = interpret(changed, source="embedded")
    assert report.time_stamped is vouched
    assert report.state == "trusted"


def test_the_state_is_the_stricter_of_the_library_s_and_the_codes(document: dict[str, Any]):
    for library, code, expected in (
        ("Trusted", None, "trusted"),
        ("Valid", None, "valid"),
        ("Invalid", None, "invalid"),
        ("Trusted", "assertion.hashedURI.mismatch", "invalid"),
        ("Trusted", "signingCredential.untrusted", "valid"),
        ("New word", None, "invalid"),
    ):
        changed = copy.deepcopy(document)
        changed["validation_state"] = library
        if code:
            parts(changed)[1]["failure"].append({"code": code})
        assert interpret(changed, source="embedded").state == expected


def test_a_recovered_manifest_is_forgiven_the_bytes_and_nothing_else(document: dict[str, Any]):
    for codes, expected in (
        (["assertion.bmffHash.mismatch"], "trusted"),
        (["assertion.bmffHash.mismatch", "signingCredential.untrusted"], "valid"),
        (["assertion.bmffHash.mismatch", "claimSignature.mismatch"], "invalid"),
        (["claim.hardBindings.missing"], "invalid"),
    ):
        changed = copy.deepcopy(document)
        parts(changed)[1]["failure"] += [{"code": code} for code in codes]
        report = interpret(changed, source="recovered")
        assert report.state == expected
        assert set(codes) <= set(report.codes)


def test_ancestors_in_a_circle_end(document: dict[str, Any]):
    changed = copy.deepcopy(document)
    manifest, _ = parts(changed)
    manifest["ingredients"] = [
        {"title": "itself", "relationship": "parentOf", "active_manifest": label}
        for label in [changed["active_manifest"]] * 50
    ]
    assert len(interpret(changed, source="embedded").ingredients) == 100


@given(place=st.integers(0, 7), junk=JSON)
def test_junk_anywhere_makes_a_report_or_a_value_error(
    document: dict[str, Any], place: int, junk: Any
):
    changed = copy.deepcopy(document)
    manifest, results = parts(changed)
    if place == 0:
        changed = junk
    elif place == 1:
        changed["validation_results"] = junk
    elif place == 2:
        results["failure"] = junk
    elif place == 3:
        manifest["assertions"] = junk
    elif place == 4:
        manifest["assertions"][0]["data"] = junk
    elif place == 5:
        manifest["ingredients"] = junk
    elif place == 6:
        manifest["signature_info"] = junk
    else:
        changed["active_manifest"] = junk
    with contextlib.suppress(ValueError):
        assert interpret(changed, source="embedded").present
