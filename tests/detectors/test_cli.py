from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from detectors.batch import Settings, verify_all
from detectors.cli import main
from detectors.report import schema_text
from detectors.verification import verify
from provenance.errors import IdentityError
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.trust import TrustSettings
from tests.drawn import draw_clip
from tests.full_disk import full_disk

SCHEMA = json.loads(schema_text())


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(part) for part in arguments])


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.mp4"
    path.write_text("no video\n" * 100)
    return path


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """Too little of a clip to be searched for long: for tests that are not about the search."""
    path = tmp_path_factory.mktemp("bare") / "bare.mp4"
    return draw_clip(path, frames=6, width=128, height=96, channels=None)


def test_keys_that_are_not_there_are_no_empty_keys(run, bare, tmp_path, monkeypatch):
    ran = run(bare, "--keys", tmp_path / "misspelt")
    assert ran.exit_code == 2
    assert "there is no keys directory" in ran.stderr
    assert "[identity.invalid]" in ran.stderr
    (tmp_path / "ltx.toml").write_text('[verify]\nkeys = "misspelt"\n')
    monkeypatch.setenv("LTX_CONFIG", str(tmp_path / "ltx.toml"))
    assert run(bare).exit_code == 2
    monkeypatch.delenv("LTX_CONFIG")
    (tmp_path / "ltx.toml").unlink()
    # That of the environment is made with the first stamp.
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "later"))
    ran = run(bare)
    assert ran.exit_code == 1
    assert "only the published key is tried" in ran.stderr
    for keys in (tmp_path / "misspelt", "a\0b"):
        with pytest.raises(IdentityError, match="keys directory"):
            verify(bare, keys=keys)


def parsed(text):
    document = json.loads(text)
    jsonschema.validate(document, SCHEMA)
    return document


def test_the_articles_five_lines(run, studio):
    result = run("--input", studio.signed, "--keys", studio.keys)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:5] == [
        "Watermark detected: LTX Video 2.3",
        "Confidence: 99.99%",
        "Generation date: 2026-03-24 (approximate)",
        f"Prompt hash: {studio.prompt_hash}",
        "Tampered: No",
    ]
    assert result.stderr == ""


def test_nothing_found_exits_1_and_says_which_policy(run, studio):
    result = run(studio.plain)
    assert result.exit_code == 1
    assert result.stdout.startswith("Watermark detected: none\n")
    assert "policy not met: marked: no watermark was found" in result.stderr


def test_fast_says_that_tampering_was_not_checked(run, studio):
    result = run("--fast", studio.unsigned)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[4] == "Tampered: not checked"


def test_json_fits_the_schema(run, studio, bad, bare):
    for file, code in ((studio.signed, 0), (bare, 1), (bad, 3)):
        result = run("--format", "json", file)
        assert result.exit_code == code
        assert parsed(result.stdout)["file"]["path"] == str(file)


def test_several_files_keep_their_order_and_bad_ones_stop_nothing(run, studio, bad, bare):
    result = run("--format", "jsonl", "gone.mp4", bare, bad, studio.signed)
    verdicts = [parsed(line)["verdict"] for line in result.stdout.splitlines()]
    assert verdicts == ["unreadable", "no_evidence", "unreadable", "ai_generated"]
    assert result.exit_code == 3
    assert "gone.mp4 does not exist" in result.stderr
    assert "[input.missing]" in result.stderr
    assert "hint:" in result.stderr


def test_json_of_several_files_is_one_array(run, bad, bare):
    documents = json.loads(run("--format", "json", bare, bad).stdout)
    assert [document["verdict"] for document in documents] == ["no_evidence", "unreadable"]


def test_processes_give_the_same_results(run, studio, bad, bare):
    files = [bare, bad, studio.unsigned]

    def verdicts(*options):
        lines = run("--format", "jsonl", *options, *files).stdout.splitlines()
        return [(parsed(line)["verdict"], parsed(line)["file"]["sha256"]) for line in lines]

    # In a process of its own: the pool's workers start the command's module again.
    command = [sys.executable, "-m", "detectors.cli", "--format", "jsonl", "--jobs", "2"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    spawned = [parsed(line) for line in done.stdout.splitlines()]
    assert [(one["verdict"], one["file"]["sha256"]) for one in spawned] == verdicts()


def test_a_folder_is_searched(run, studio):
    result = run("--format", "jsonl", studio.signed.parent)
    names = [json.loads(line)["file"]["name"] for line in result.stdout.splitlines()]
    assert names == ["plain.mp4", "signed.mp4", "unsigned.mp4"]
    assert result.exit_code == 1


def test_an_empty_folder_is_not_a_pass(run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run("empty").exit_code == 3


def test_policies(run, studio):
    strict = ("--require", "trusted,untampered", "--require", "ai_generated")
    assert run(*strict, "--keys", studio.keys, studio.signed).exit_code == 0
    result = run(*strict, "--keys", studio.keys, "--no-default-trust", studio.signed)
    assert result.exit_code == 1
    assert "trusted: the signer of the credentials is not trusted" in result.stderr
    assert run("--require", "authenticated", studio.signed).exit_code == 1


def test_requirements_are_sentences(run, studio):
    assert run("--require", "marked and not tampered", studio.signed).exit_code == 0
    assert run("--require", "authenticated or signed", studio.signed).exit_code == 0
    result = run("--require", "not marked", studio.signed)
    assert result.exit_code == 1
    assert "policy not met: not marked: it is so" in result.stderr


def test_a_policy_gives_every_file_an_action(run, studio, tmp_path, bare):
    rules = tmp_path / "uploads.toml"
    rules.write_text(
        'version = "3"\ndefault = "allow"\n[[rule]]\nwhen = "marked"\n'
        'action = "block"\nreason = "no AI here"\n'
    )
    result = run("--policy", rules, "--format", "jsonl", bare, studio.signed)
    documents = [parsed(line) for line in result.stdout.splitlines()]
    assert [one["decision"]["action"] for one in documents] == ["allow", "block"]
    assert [one["decision"]["policy_version"] for one in documents] == ["3", "3"]
    assert result.exit_code == 1
    assert "policy not met: block: no AI here" in result.stderr
    assert run("--policy", rules, bare).exit_code == 0
    assert run("--policy", rules, "--require", "marked", bare).exit_code == 1


def test_a_trust_anchor_makes_trusted(run, studio, tmp_path, identity):
    anchor = tmp_path / "anchor.pem"
    anchor.write_bytes(identity.trust_anchor)
    result = run("--require", "trusted", "--trust-anchor", anchor, studio.signed)
    assert result.exit_code == 0
    settings = tmp_path / "trust.json"
    settings.write_text(json.dumps({"trust": {"trust_anchors": anchor.read_text()}}))
    assert run("--require", "trusted", "--trust-settings", settings, studio.signed).exit_code == 0
    assert run("--require", "trusted", studio.signed).exit_code == 1


def test_removed_credentials_are_recovered_and_named(run, studio):
    result = run("--store", studio.store, "--keys", studio.keys, studio.unsigned)
    assert f"Prompt hash: {studio.prompt_hash}" in result.stdout
    assert "Credentials: recovered from the store (the file carries none)" in result.stdout


def test_a_page_for_one_file_and_for_many(run, studio, bad, tmp_path):
    for files in ([studio.signed], [studio.signed, studio.unsigned, bad]):
        result = run("--format", "html", "--quality", "-o", "page.html", *files)
        page = (tmp_path / "page.html").read_text()
        assert result.stdout == ""
        assert page.startswith("<!doctype html>")
        assert page.count("<article ") == len(files)
        assert page.count("data:image/jpeg;base64,") >= 8 * (len(files) - ([bad] == files[2:]))


def test_quality_is_looked_at_when_asked(run, studio):
    asked = parsed(run("--format", "json", "--quality", studio.unsigned).stdout)
    assert asked["quality"]["looked_for"][:2] == ["frozen", "duplicated"]
    assert parsed(run("--format", "json", studio.unsigned).stdout)["quality"] is None


def test_output_goes_to_a_file_whole(run, tmp_path, bare):
    result = run("--format", "json", "-o", "result.json", bare)
    assert result.stdout == ""
    assert parsed((tmp_path / "result.json").read_text())["verdict"] == "no_evidence"
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "html"])
def test_a_full_disk_is_told_and_leaves_the_old_report(run, tmp_path, bare, form):
    out = tmp_path / "report"
    out.write_text("old")
    with full_disk(100):
        result = run(bare, bare, "--format", form, "-o", out)
    assert result.exit_code == 4
    assert "output.disk_full" in result.stderr
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_full_disk_behind_standard_output_is_no_fault_of_the_program(bare):
    command = [sys.executable, "-c", "from detectors.cli import main; main()", str(bare)]
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 4
    assert "output.disk_full" in ran.stderr
    assert "internal" not in ran.stderr


def test_output_over_an_input_is_refused(run, tmp_path, bare):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(bare.read_bytes())
    result = run("-o", clip, clip)
    assert result.exit_code == 2
    assert clip.read_bytes() == bare.read_bytes()


def test_an_impossible_output_is_known_before_any_work(run, bare):
    result = run("-o", "no/such/folder/x.json", bare)
    assert result.exit_code == 2
    assert "[output.forbidden]" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "Name at least one file"),
        (["--require", "nice", "x.mp4"], "unknown requirement 'nice'"),
        (["--require", "marked and", "x.mp4"], "missing before the end at column 11"),
        (["--policy", "gone.toml", "x.mp4"], "gone.toml does not exist"),
        (["--format", "pdf", "x.mp4"], "'pdf' is not one of"),
        (["--jobs", "0", "x.mp4"], "--jobs"),
        (["--trust-anchor", "x.pem", "x.mp4"], "x.pem"),
        (["--store", "s3://bucket/x", "x.mp4"], "s3"),
    ],
)
def test_usage_errors(run, arguments, part):
    result = run(*arguments)
    assert result.exit_code in {2, 3}
    assert part in result.stderr
    assert result.stdout == ""


def test_quiet_leaves_results_only(run, bad, bare):
    result = run("--quiet", "--format", "jsonl", bad, bare)
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 2
    assert result.exit_code == 3


def test_the_schema_is_printed(run):
    result = run("--schema")
    assert json.loads(result.stdout) == SCHEMA
    assert result.exit_code == 0


def test_the_settings_file_counts(run, studio, tmp_path, monkeypatch):
    text = f'keys = "{studio.keys}"\n[verify]\nrequire = ["trusted"]\nformat = "jsonl"\n'
    (tmp_path / "ltx.toml").write_text(text)
    monkeypatch.setenv("LTX_CONFIG", str(tmp_path / "ltx.toml"))
    result = run(studio.signed)
    assert result.exit_code == 0
    assert parsed(result.stdout)["manifest"]["state"] == "trusted"


def test_a_damaged_store_ends_the_run_as_internal(run, tmp_path, bare):
    (tmp_path / "s.sqlite").write_text("no database" * 100)
    result = run("--store", "s.sqlite", bare)
    assert result.exit_code == 4
    assert "[store.unavailable]" in result.stderr


def test_a_fault_of_the_program_harms_its_own_file_only(studio, monkeypatch, bare):
    from detectors import batch

    real = batch.verify

    def faulty(path, **settings):
        if Path(path) == bare:
            raise ZeroDivisionError("a fault")
        return real(path, **settings)

    monkeypatch.setattr(batch, "verify", faulty)
    settings = Settings(keys=(DEFAULT_CARRIER_KEY,), store=None, trust=TrustSettings(), fast=True)
    first, second = verify_all([str(bare), str(studio.unsigned)], settings)
    assert (first.result.verdict, first.result.error.code) == ("unreadable", "internal")
    assert (first.exit_code, "ZeroDivisionError: a fault" in first.result.error.message) == (
        4,
        True,
    )
    assert second.result.verdict == "ai_generated"


class Deadly(str):
    """A file name that ends the process that receives it, as a fault in a native decoder would."""

    __slots__ = ()

    def __reduce__(self):
        return os._exit, (9,)


def test_a_file_that_kills_its_process_harms_no_other(studio, bare):
    settings = Settings(keys=(DEFAULT_CARRIER_KEY,), store=None, trust=TrustSettings(), fast=True)
    paths = [str(studio.unsigned), Deadly("deadly.mp4"), str(bare)]
    first, deadly, last = verify_all(paths, settings, jobs=2)
    assert first.result.verdict == "ai_generated"
    assert (deadly.result.verdict, deadly.exit_code) == ("unreadable", 4)
    assert deadly.result.error.code == "sandbox.crashed"
    assert "died" in deadly.result.error.message
    assert last.result.verdict == "no_evidence"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--receipt-out", "out.txt", "-o", "./out.txt"], "is also to hold the receipts"),
        (["--receipt-out", "-"], "--receipt-out needs a file"),
        (
            ["--receipt", "r.jws", "-o", "out.txt"],
            "leave -o, --require, --policy and --receipt-out",
        ),
        (["--receipt", "r.jws", "--require", "marked"], "writes and judges nothing else"),
    ],
)
def test_receipts_and_results_do_not_take_each_others_place(options, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"no clip")
    done = CliRunner().invoke(main, ["clip.mp4", *options])
    assert done.exit_code == 2
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
