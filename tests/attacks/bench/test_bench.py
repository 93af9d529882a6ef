"""ltx-bench from end to end, under a mark that another package brings: killed, resumed, changed."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import pytest

from attacks.bench.results import Cell, Master, read_results
from tests.attacks.toy_system import install
from tests.drawn import draw_clip

BENCH = str(Path(sys.executable).parent / "ltx-bench")
ATTACKS = ("identity", "x264", "gamma", "hflip", "frame_rate")
TIMES = ("attack_s", "read_s", "marked_per_s")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Where the toy package is installed."""
    folder = install(tmp_path_factory.mktemp("site"))
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{Path(__file__).parents[3]}"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return [
        draw_clip(folder / f"{name}.mp4", frames=48, width=128, height=96, seed=seed)
        for seed, name in enumerate(("one", "two"))
    ]


def command(clips, folder, *options):
    chosen = [part for attack in ATTACKS for part in ("--attack", attack)]
    return [
        BENCH, *map(str, clips), "-o", str(folder), "--system", "columns", "--no-drawn",
        *(options or ("--executor", "serial")), *chosen,
    ]  # fmt: skip


def run(environment, *arguments):
    return subprocess.run(
        command(*arguments), env=environment, capture_output=True, text=True, check=False
    )


def facts(folder):
    """Results by key without what a clock measured."""
    found = {}
    for result in read_results(folder / "results.jsonl"):
        values = {k: v for k, v in asdict(result).items() if k not in TIMES}
        assert result.key not in found, "computed twice"
        found[result.key] = values
    return found


@pytest.fixture(scope="module")
def whole(environment, clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "whole"
    done = run(environment, clips, folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_all_is_measured_and_reported(whole):
    folder, done = whole
    results = list(read_results(folder / "results.jsonl"))
    masters = [r for r in results if isinstance(r, Master)]
    cells = [r for r in results if isinstance(r, Cell)]
    assert {m.clip for m in masters} == {"one", "two"}
    assert all(m.psnr_db and 20 < m.psnr_db < 45 for m in masters)
    assert {c.attack for c in cells} == set(ATTACKS)
    assert all(c.status == "done" for c in cells)
    untouched = [c for c in cells if c.attack == "identity"]
    assert {c.arm: c.recovered for c in untouched} == {
        "marked": True,
        "unmarked": False,
        "wrong_key": False,
    }
    # A mirrored chequerboard is another message: the toy knows no geometry.
    assert not any(c.recovered for c in cells if c.attack == "hflip")
    assert {p.name for p in folder.iterdir()} >= {
        "report.html",
        "report.json",
        "results.csv",
        "results.jsonl",
    }
    report = json.loads((folder / "report.json").read_text())
    assert report["schema"] == "everyframe.bench-report/1"
    assert "identity" in done.stdout
    assert not (folder / "scratch").exists()


def test_a_second_run_computes_nothing(environment, clips, whole):
    folder, _ = whole
    before = (folder / "results.jsonl").read_bytes()
    again = run(environment, clips, folder)
    assert again.returncode == 0
    assert (folder / "results.jsonl").read_bytes() == before
    assert "0 results to compute" in again.stderr


def test_processes_find_the_same(environment, clips, whole, tmp_path):
    done = run(environment, clips, tmp_path / "run", "--executor", "processes", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert facts(tmp_path / "run") == facts(whole[0])


def test_a_killed_run_goes_on_where_it_was(environment, clips, whole, tmp_path):
    folder = tmp_path / "run"
    process = subprocess.Popen(
        command(clips, folder),
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    log = folder / "results.jsonl"
    while process.poll() is None and (not log.exists() or log.read_bytes().count(b"\n") < 5):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    known = log.read_bytes().count(b"\n")
    assert 5 <= known < len(facts(whole[0]))
    done = run(environment, clips, folder)
    assert done.returncode == 0, done.stderr
    assert facts(folder) == facts(whole[0])  # facts() fails on a cell that stands twice


def test_another_strength_runs_alone(environment, clips, whole, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "results.jsonl").write_bytes((whole[0] / "results.jsonl").read_bytes())
    done = run(environment, clips, folder, "--executor", "serial", "--attack", "sharpen")
    assert done.returncode == 0, done.stderr
    new = set(facts(folder)) - set(facts(whole[0]))
    assert {facts(folder)[key]["attack"] for key in new} == {"sharpen"}


def test_unreadable_clips_are_named_and_the_rest_is_measured(environment, clips, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    done = run(environment, [broken, clips[0]], tmp_path / "run")
    assert done.returncode == 3
    assert "broken.mp4" in done.stderr
    assert "[media." in done.stderr
    assert (tmp_path / "run" / "report.html").exists()


def test_short_clips_are_skipped_with_a_reason(environment, tmp_path):
    short = draw_clip(tmp_path / "short.mp4", frames=2, width=128, height=96, rate=Fraction(24))
    done = run(environment, [short], tmp_path / "run", "--executor", "serial", "--attack", "trim")
    assert done.returncode == 0, done.stderr
    trims = [v for v in facts(tmp_path / "run").values() if v.get("attack") == "trim"]
    assert {cell["status"] for cell in trims} == {"skipped"}
    assert "media.too_short" in trims[0]["detail"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--attack", "cropp"], "name.unknown", "did you mean crop?"),
        (["--system", "colums"], "name.unknown", "columns"),
        (["--seconds", "-1"], "option.invalid", "positive"),
        (["--seconds", "inf"], "option.invalid", "positive"),
        (["--peers", "columns, colums"], "name.unknown", "did you mean columns?"),
    ],
)
def test_bad_options_are_refused_at_once(environment, clips, tmp_path, options, code, said):
    done = run(environment, clips, tmp_path / "run", "--executor", "serial", *options)
    assert done.returncode == 2
    assert f"[{code}]" in done.stderr
    assert said in done.stderr
    assert not (tmp_path / "run" / "results.jsonl").exists()


def test_missing_vmaf_is_said_before_anything_is_computed(environment, clips, tmp_path):
    hidden = tmp_path / "site" / "imageio_ffmpeg.py"
    hidden.parent.mkdir()
    hidden.write_text("raise ImportError('not here')")
    path = f"{hidden.parent}{os.pathsep}{environment['PYTHONPATH']}"
    options = ("--executor", "serial", "--vmaf")
    done = run({**environment, "PYTHONPATH": path}, clips, tmp_path / "run", *options)
    assert done.returncode == 2
    assert "[package.missing]" in done.stderr
    assert "imageio-ffmpeg" in done.stderr
    assert not (tmp_path / "run").exists()


def processes_of(session):
    """Those of this session that run, by number."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            state, _, _, owner, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if int(owner) == session and state != "Z":
            found.append(folder.name)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_leaves_no_process_and_nothing_half_made(
    environment, clips, tmp_path, number
):
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [*command(clips, folder, "--executor", "processes", "--jobs", "2"), "--suite", "full"],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    log = folder / "results.jsonl"
    while process.poll() is None and (not log.exists() or log.read_bytes().count(b"\n") < 3):
        time.sleep(0.01)
    # As a terminal sends it: to the parent and the others alike.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert said.splitlines()[1:] == ["ltx-bench: interrupted"]
        assert not (folder / "scratch").exists()
    until = time.monotonic() + 10
    while processes_of(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert processes_of(process.pid) == []


def test_two_runs_do_not_work_in_one_folder(environment, clips, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = run(environment, clips, folder)
    assert second.returncode == 2
    assert "[run.mismatch]" in second.stderr


def test_where_no_named_clip_is_left_nothing_is_drawn_first(environment, tmp_path):
    done = run(environment, [tmp_path / "none.mp4"], tmp_path / "run", "--drawn")
    assert done.returncode == 3
    assert "none.mp4 does not exist" in done.stderr
    assert not (tmp_path / "run" / "report.html").exists()
