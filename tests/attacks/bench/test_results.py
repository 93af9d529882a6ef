"""The log of results: whole lines, mended after a kill."""

from __future__ import annotations

import resource
from dataclasses import replace

import pytest

from attacks.bench.results import Cell, Master, ResultLog, from_line, read_results, to_line
from provenance.errors import DiskFull, RunMismatch

CELL = Cell(
    key="k1",
    clip="a",
    system="everyframe",
    arm="marked",
    family="codec",
    attack="x264",
    strength=28,
    unit="CRF",
    seed=0,
    params={"kind": "X264", "crf": 28},
    recovered=True,
)
MASTER = Master(
    key="m1",
    clip="a",
    system="everyframe",
    medium="video",
    message_bits=128,
    width=64,
    height=48,
    rate=24.0,
    frames=24,
    seconds=1.0,
)


def test_lines_say_all():
    assert from_line(to_line(CELL)) == CELL
    assert from_line(to_line(MASTER)) == MASTER


def test_a_line_that_was_being_written_is_dropped_and_mended(tmp_path):
    path = tmp_path / "results.jsonl"
    with ResultLog(path) as log:
        log.add([MASTER, CELL])
    with path.open("ab") as file:
        file.write(to_line(CELL).encode()[:40])
    assert list(read_results(path)) == [MASTER, CELL]
    with ResultLog(path) as log:
        log.add([CELL])
    assert list(read_results(path)) == [MASTER, CELL, CELL]


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"kind": "cell"}', '{"kind": "other"}', "{"])
def test_damaged_lines_are_named(tmp_path, line):
    path = tmp_path / "results.jsonl"
    path.write_text(f"{to_line(CELL)}\n{line}\n{to_line(CELL)}\n")
    with pytest.raises(RunMismatch, match="line 2"):
        list(read_results(path))


@pytest.mark.parametrize("line", [b"\xff\xfe{}", b"3", b"null", b'"text"', b"\0"])
def test_bytes_that_are_no_text_are_named(tmp_path, line):
    path = tmp_path / "results.jsonl"
    path.write_bytes(to_line(CELL).encode() + b"\n" + line + b"\n")
    with pytest.raises(RunMismatch, match="line 2"):
        list(read_results(path))


def test_a_full_disk_is_said_and_the_log_goes_on_later(tmp_path):
    path = tmp_path / "results.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ResultLog(path) as log:
        log.add([CELL])
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
        try:
            with pytest.raises(DiskFull):
                log.add([MASTER])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with ResultLog(path) as log:
        log.add([MASTER])
    assert list(read_results(path)) == [CELL, MASTER]


def test_names_that_are_no_text_are_written(tmp_path):
    path = tmp_path / "results.jsonl"
    with ResultLog(path) as log:
        log.add([replace(CELL, clip="a\udcff")])
    assert [cell.clip for cell in read_results(path)] == ["a?"]


def test_no_file_holds_nothing(tmp_path):
    assert list(read_results(tmp_path / "none.jsonl")) == []
