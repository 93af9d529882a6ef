"""The commands where they may not read or write, where names are strange and streams closed."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.desk import Desk, command, names
from tests.drawn import as_nobody, draw_clip


@pytest.fixture
def theirs(clip):
    """A desk that belongs to somebody without rights, below folders that anybody may enter."""
    # What a command imports late must be there before rights are given up.
    for late in ("detectors.batch", "detectors.output", "provenance.stamping"):
        importlib.import_module(late)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clip.mp4").write_bytes(clip.read_bytes())
        folder.chmod(0o777)
        yield Desk(folder=folder, clip=folder / "clip.mp4")


def test_a_file_that_may_not_be_read(theirs):
    theirs.clip.chmod(0)
    theirs.keys.mkdir()
    with as_nobody():
        stamped, verified = theirs.stamp(), theirs.verify(theirs.clip)
    assert (stamped.exit_code, verified.exit_code) == (3, 3), verified.output
    assert "[input.forbidden]" in stamped.stderr
    assert "[input.forbidden]" in verified.stderr
    assert names(theirs.folder) == {"clip.mp4", "keys"}


LIMITED = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"


def test_a_disk_that_fills_up(desk, call):
    """One limit stops the encoder, the other the copy that is signed."""
    places = ("--keys", desk.keys, "--store", desk.store)
    arguments = (desk.clip, "-o", "out.mp4", "--model", "ltx-2.3", "--preset", "ultrafast", *places)
    size = json.loads(desk.stamp("--preset", "ultrafast", "--format", "json").stdout)["bytes"]
    (desk.folder / "out.mp4").unlink()
    for limit in (60_000, size - 8000):
        result = call("ltx-stamp", *arguments, before=LIMITED.format(limit))
        assert result.returncode == 4
        assert "[output.disk_full]" in result.stderr, limit
        assert "Traceback" not in result.stderr
        assert names(desk.folder) <= {"keys", "store.sqlite", "home"}


def test_a_folder_that_may_not_be_written(theirs):
    closed = theirs.folder / "closed"
    closed.mkdir(mode=0o555)
    with as_nobody():
        stamped = theirs.stamp(output=closed / "out.mp4")
    assert stamped.exit_code == 2
    assert "[output.forbidden]" in stamped.stderr
    assert names(closed) == set()


def test_keys_that_may_not_be_made(theirs):
    closed = theirs.folder / "closed"
    closed.mkdir(mode=0o555)
    with as_nobody():
        stamped = theirs.stamp("--keys", closed / "keys")
    assert stamped.exit_code == 2
    assert "[identity.invalid]" in stamped.stderr
    assert names(theirs.folder) == {"clip.mp4", "closed"}


def test_ctrl_c_leaves_nothing_and_no_traceback(tmp_path, environment):
    long = draw_clip(tmp_path / "long.mp4", frames=150, width=320, height=240, channels=None)
    process = subprocess.Popen(
        command("ltx-stamp", long, "-o", "out.mp4", "--model", "ltx-2.3", "--preset", "veryslow"),
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(tmp_path.glob(".out-*")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == ""
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert names(tmp_path) == {"long.mp4", "home"}


@pytest.mark.parametrize("name", ["-dash.mp4", "a b\nя 影 %s{0}.mp4"])
def test_strange_names(tmp_path, clip, call, name):
    (tmp_path / name).write_bytes(clip.read_bytes())
    fast = ("--model", "ltx-2.3", "--preset", "ultrafast")
    result = call("ltx-stamp", *fast, "-o", f"./out{name}", "--", name)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"Stamped: out{name}\n")
    assert call("ltx-verify", "--fast", "--", f"out{name}").returncode == 0
    result = call("ltx-stamp", *fast, "-o", "-dash.mkv", "--", name)
    assert result.returncode == 0, result.stderr
    assert {"-dash.mkv", "-dash.mkv.c2pa"} <= names(tmp_path)


@pytest.mark.parametrize("closed", ["<&- >&-", "2>&-"])
def test_closed_streams_do_no_harm(tmp_path, environment, clip, closed):
    line = command("ltx-stamp", clip, "-o", "out.mp4", "--model", "ltx-2.3")
    result = subprocess.run(
        ["bash", "-c", f'"$@" {closed}', "bash", *line],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert names(tmp_path) == {"out.mp4", "home"}
