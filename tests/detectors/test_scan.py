"""Many files: resumed, over processes or Ray, and whatever a folder holds."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from benchmarks import mixed_files
from detectors import batch
from detectors.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(part) for part in arguments])


@pytest.fixture
def verified(monkeypatch):
    """The files that were verified."""
    seen, real = [], batch.verify

    def noted(path, **settings):
        seen.append(path)
        return real(path, **settings)

    monkeypatch.setattr(batch, "verify", noted)
    return seen


RESUME = ("--resume", "--fast", "--format", "jsonl", "-o", "r.jsonl")


def paths(file):
    return [json.loads(line)["file"]["path"] for line in file.read_text().splitlines()]


def test_what_is_done_is_not_done_again(run, studio, tmp_path, verified):
    (tmp_path / "text.mp4").write_text("no video")
    first = run(*RESUME, studio.unsigned, "text.mp4", "gone.mp4")
    assert (first.exit_code, len(verified)) == (3, 3)
    verified.clear()
    # The exit code is that of all files, done now or before.
    assert run(*RESUME, studio.unsigned, "text.mp4", "gone.mp4").exit_code == 3
    assert verified == []
    (tmp_path / "text.mp4").write_text("other words")
    run(*RESUME, "text.mp4", "gone.mp4", studio.unsigned, studio.signed)
    assert verified == ["text.mp4", str(studio.signed)]
    assert paths(tmp_path / "r.jsonl") == [
        str(studio.unsigned),
        "gone.mp4",
        "text.mp4",
        str(studio.signed),
    ]
    verified.clear()
    # Another question is another answer.
    run(*RESUME, "--require", "authenticated", studio.unsigned)
    assert verified == [str(studio.unsigned)]


def test_without_resume_results_are_replaced(run, tmp_path):
    run(*RESUME, "gone.mp4")
    run("--format", "jsonl", "-o", "r.jsonl", "other.mp4")
    assert paths(tmp_path / "r.jsonl") == ["other.mp4"]
    result = run(*RESUME, "gone.mp4")
    assert "cannot be resumed" in result.stderr
    assert (result.exit_code, paths(tmp_path / "r.jsonl")) == (2, ["other.mp4"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--resume", "x.mp4"),
        ("--resume", "-o", "r.json", "--format", "json", "x.mp4"),
        ("--resume", "-o", "-", "--format", "jsonl", "x.mp4"),
        (*RESUME, "--receipt-out", "r.jws", "x.mp4"),
        ("--files-from", "gone.txt"),
    ],
)
def test_what_makes_no_sense_is_refused(run, tmp_path, arguments):
    assert run(*arguments).exit_code in {2, 3}
    assert list(tmp_path.iterdir()) == []


def test_lists_count_like_names(run, tmp_path):
    (tmp_path / "list").write_text("one.mp4\ntwo.mp4\n")
    result = run("--files-from", "list", "--format", "jsonl", "two.mp4", "three.mp4")
    found = [json.loads(line)["file"]["path"] for line in result.stdout.splitlines()]
    assert found == ["one.mp4", "two.mp4", "three.mp4"]


def test_ray_gives_the_same_results(studio, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    command = [sys.executable, "-m", "detectors.cli", "--executor", "ray", "--jobs", "2", "--fast"]
    files = ["text.mp4", studio.unsigned, "gone.mp4", f"file://{studio.signed}"]
    done = subprocess.run(
        [*command, "--format", "jsonl", *files],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["file"]["path"] for record in records] == [str(file) for file in files]
    verdicts = [record["verdict"] for record in records]
    assert verdicts == ["unreadable", "ai_generated", "unreadable", "ai_generated"]
    assert done.returncode == 3


def test_a_line_counts_once_the_journal_knows_it(tmp_path):
    lines = [b'{"n": 1}\n', b'{"n": 2}\n', b'{"n": 3']
    (tmp_path / "r").write_bytes(b"".join(lines))
    known = [json.dumps({"line": hashlib.sha256(line).hexdigest()}) for line in lines]
    (tmp_path / "r.journal").write_text(f"{known[0]}\n{known[1]}")
    assert mixed_files.answered(tmp_path / "r") == lines[:1]


def test_a_folder_of_anything_survives_a_kill(tmp_path):
    report = mixed_files.measure(
        tmp_path, count=40, jobs=2, kill_at=0.3, seed=1, options=["--fast"]
    )
    assert mixed_files.faults(report) == []
    # Twelve lines, of which the last may have no entry yet.
    assert 11 <= report["results_before_the_kill"] < 40
    assert report["exit_codes"] == [-9, 3, 3]
    # The report can say otherwise.
    for name, value in (("answered_once", 39), ("of_these_lost_or_changed", 1)):
        assert mixed_files.faults({**report, name: value}) == [name]
    assert mixed_files.faults({**report, "verdicts": {"marked: no_evidence": 1}})


def test_a_link_in_a_circle_is_no_fault_of_the_sandbox(run, tmp_path):
    (tmp_path / "self.mp4").symlink_to("self.mp4")
    result = run("--sandbox", "auto", "--format", "jsonl", "self.mp4", "x" * 300)
    codes = [json.loads(line)["error"]["code"] for line in result.stdout.splitlines()]
    assert all(code.startswith("input.") for code in codes)
    assert (len(codes), result.exit_code) == (2, 3)
