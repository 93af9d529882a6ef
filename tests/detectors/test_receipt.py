from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import jsonschema
import pytest
from click.testing import CliRunner

from detectors.cli import main
from detectors.receipt import KIND, SCHEMA, make_receipt, read_receipt, sign_record
from detectors.report import schema_text, to_record
from detectors.result import Decision, Failure, FileFacts
from provenance.errors import OptionError
from provenance.keys import create_development_identity
from provenance.keys.jws import read_statement, sign_statement
from provenance.trust import TrustSettings
from tests.result_facts import file, result

NOW = datetime.now(UTC).replace(microsecond=0)
RESULT = result(
    decision=Decision(
        action="label",
        reason="made with AI",
        rule=2,
        policy_name="uploads",
        policy_version="7",
        policy_sha256="a" * 64,
    )
)


@pytest.fixture(scope="module")
def trust(identity):
    return TrustSettings(anchors_pem=(identity.trust_anchor,))


@pytest.fixture(scope="module")
def receipt(identity):
    return make_receipt(RESULT, identity, now=NOW, requirement="marked", met=True)


def codes(found):
    return [problem.code for problem in found.problems]


def forged(receipt, identity, **changes):
    """The receipt with other words, signed anew by somebody who may."""
    document = json.loads(read_statement(receipt, kind=KIND).payload) | changes
    return sign_statement(json.dumps(document).encode(), identity, kind=KIND)


def test_a_receipt_says_what_was_found_where_and_by_whom(receipt, trust):
    read = read_receipt(receipt, trust, file_sha256=RESULT.file.sha256)
    assert read.holds
    assert (read.signer, read.time) == ("everyframe development", NOW)
    assert read.detector == f"everyframe {version('everyframe')}"
    assert read.content_sha256 == RESULT.file.sha256
    assert read.result["verdict"] == "ai_generated"
    assert read.policy == {
        "requirement": "marked",
        "met": True,
        "name": "uploads",
        "version": "7",
        "sha256": "a" * 64,
    }
    jsonschema.validate(read.result, json.loads(schema_text()))


def test_it_is_one_line_and_names_no_path(receipt):
    assert "\n" not in receipt
    document = json.loads(read_statement(receipt, kind=KIND).payload)
    assert document["schema"] == SCHEMA
    assert document["result"]["file"]["path"] == "clip.mp4"
    assert "videos/" not in json.dumps(document)


def test_messages_name_no_path_either(identity, trust):
    said = f"{RESULT.file.path} is damaged"
    damaged = replace(RESULT, error=Failure(code="x", message=said, hint=""))
    read = read_receipt(make_receipt(damaged, identity, now=NOW), trust)
    assert read.result["error"]["message"] == "clip.mp4 is damaged"


def test_other_bytes_are_told(receipt, trust):
    assert codes(read_receipt(receipt, trust, file_sha256="f" * 64)) == ["receipt.file"]


def test_a_changed_receipt_does_not_hold(receipt, trust):
    head, payload, signature = receipt.split(".")
    changed = f"{head}.{payload[:-4]}AAAA.{signature}"
    assert codes(read_receipt(changed, trust)) in (["receipt.signature"], ["receipt.malformed"])
    other = receipt.split(".")[1][:40]
    assert codes(read_receipt(f"{head}.{other}.{signature}", trust)) == ["receipt.signature"]


def test_a_stranger_is_not_trusted(receipt, tmp_path):
    assert codes(read_receipt(receipt, TrustSettings())) == ["receipt.untrusted"]
    stranger = create_development_identity(tmp_path / "keys", now=NOW)
    own = TrustSettings(anchors_pem=(stranger.trust_anchor,))
    assert codes(read_receipt(receipt, own)) == ["receipt.untrusted"]


def test_a_receipt_from_outside_of_its_certificates_time(identity, trust):
    late = make_receipt(RESULT, identity, now=NOW + timedelta(days=5000))
    assert codes(read_receipt(late, trust)) == ["receipt.expired"]


def test_a_receipt_that_contradicts_itself(receipt, identity, trust):
    assert codes(read_receipt(forged(receipt, identity, result_sha256="0"), trust)) == [
        "receipt.digest"
    ]
    other = {"sha256": "f" * 64, "bytes": 1}
    assert codes(read_receipt(forged(receipt, identity, content=other), trust)) == [
        "receipt.digest"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "other/1"},
        {"time": "yesterday"},
        {"time": "2026-01-01T00:00:00"},
        {"time": 7},
        {"content": None},
        {"content": {"sha256": 7}},
        {"result": []},
        {"result": {"file": None}},
        {"detector": "x"},
    ],
)
def test_signed_nonsense_is_malformed(receipt, identity, trust, changes):
    found = read_receipt(forged(receipt, identity, **changes), trust)
    assert codes(found) == ["receipt.malformed"]
    assert not found.holds


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b"NaN", b'{"schema": NaN}'])
def test_signed_bytes_that_are_no_receipt(identity, trust, payload):
    token = sign_statement(payload, identity, kind=KIND)
    assert codes(read_receipt(token, trust)) == ["receipt.malformed"]


def test_statements_of_another_kind_are_no_receipts(receipt, identity, trust):
    payload = read_statement(receipt, kind=KIND).payload
    token = sign_statement(payload, identity, kind="other+jws")
    assert codes(read_receipt(token, trust)) == ["receipt.malformed"]


def test_nothing_read_is_nothing_to_give_a_receipt_for(identity):
    gone = replace(RESULT, file=FileFacts(name="gone.mp4", path="gone.mp4"))
    with pytest.raises(OptionError):
        make_receipt(gone, identity, now=NOW)


def test_names_that_are_no_unicode_are_signed_too(identity, trust):
    odd = replace(RESULT, file=file(name="a\udcff.mp4"))
    assert read_receipt(make_receipt(odd, identity, now=NOW), trust).holds


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(part) for part in arguments])


def test_the_command_writes_receipts_and_verifies_them(run, studio, tmp_path):
    made = run(
        *("--receipt-out", "receipts.jws", "--keys", studio.keys, "--quiet"),
        *(studio.signed, studio.plain, tmp_path / "gone.mp4"),
    )
    assert made.exit_code == 3
    lines = (tmp_path / "receipts.jws").read_text().splitlines()
    assert len(lines) == 2
    held = run("--receipt", "receipts.jws", "--keys", studio.keys, studio.signed)
    assert held.exit_code == 0
    assert held.stdout.count("Receipt: holds") == 2
    assert f"Is that of: {studio.signed}" in held.stdout
    assert "Required: readable and marked (met)" in held.stdout
    assert "Required: readable and marked (not met)" in held.stdout
    digest = hashlib.sha256(studio.signed.read_bytes()).hexdigest()
    assert f"Content: sha256:{digest}" in held.stdout


def test_the_command_says_why_a_receipt_does_not_hold(run, studio, identity, trust, tmp_path):
    one = tmp_path / "one.jws"
    one.write_text(make_receipt(RESULT, identity, now=NOW) + "\n")
    other_file = run("--receipt", one, "--keys", studio.keys, studio.plain)
    assert other_file.exit_code == 1
    assert "[receipt.file]" in other_file.stderr
    assert "vouches" not in other_file.stdout
    assert "Decision: label by policy uploads 7, sha256:aaaa" in other_file.stdout
    stranger = run("--receipt", one)
    assert stranger.exit_code == 1
    assert "Receipt: does not hold" in stranger.stdout
    assert "[receipt.untrusted]" in stranger.stderr
    assert "(which nothing here vouches for)" in stranger.stdout
    as_json = json.loads(run("--receipt", one, "--format", "json").stdout)
    assert as_json["holds"] is False
    assert as_json["problems"][0]["code"] == "receipt.untrusted"
    (tmp_path / "empty.jws").write_text("\n")
    assert run("--receipt", "empty.jws").exit_code == 1
    assert run("--receipt", "gone.jws").exit_code == 3
    assert run("--receipt", one, "--format", "html").exit_code == 2


def test_without_an_identity_no_work_is_done(run, studio, tmp_path):
    result = run("--receipt-out", "r.jws", "--keys", tmp_path / "none", studio.plain)
    assert result.exit_code == 2
    assert "[identity.invalid]" in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "r.jws").exists()


def test_a_result_that_came_as_json_gets_the_same_receipt(identity, trust):
    record = to_record(replace(RESULT, file=replace(RESULT.file, path=RESULT.file.name)))
    sent = json.loads(json.dumps(record))
    one = read_receipt(sign_record(sent, identity, now=NOW), trust)
    other = read_receipt(make_receipt(RESULT, identity, now=NOW), trust)
    assert one == other
    assert one.holds
