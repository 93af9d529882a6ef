"""What was taken over finds nothing: each attempt is made for real, and fails."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from provenance.errors import (
    MediaTooLarge,
    SandboxCrashed,
    SandboxError,
    SandboxMemory,
    SandboxTimeout,
    SandboxUnavailable,
    UnsupportedMedia,
)
from provenance.sandbox import SandboxLevel, SandboxLimits, available_level, run_confined
from provenance.sandbox.level import chosen_level
from tests import confined
from tests.bad_inputs import make_bad
from tests.drawn import draw_clip

LIMITS = SandboxLimits(wall_s=60, cpu_s=30, memory_bytes=192 << 20, answer_bytes=1 << 16)

pytestmark = pytest.mark.skipif(
    not available_level().complete, reason="this kernel has no Landlock or no seccomp"
)


def tried(*attempts, **files):
    return run_confined(confined.tried, attempts, limits=LIMITS, files=files or None)


def test_the_answer_comes_back():
    found = run_confined(confined.answer, ({"a": [1, None, "ü"]},), limits=LIMITS)
    assert found == {"value": {"a": [1, None, "ü"]}, "file": None, "asked": None}


def test_the_program_that_asks_does_not_run_again_inside(tmp_path):
    program = tmp_path / "program"
    program.write_text(
        "from pathlib import Path\n"
        f"with Path({str(tmp_path / 'ran')!r}).open('a') as file:\n"
        "    file.write('.')\n"
        "if __name__ == '__main__':\n"
        "    from provenance.sandbox import SandboxLimits, prepare_sandbox, run_confined\n"
        "    from tests import confined\n"
        "    prepare_sandbox()\n"
        "    for number in range(3):\n"
        "        print(run_confined(confined.answer, (number,), limits=SandboxLimits())['value'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ran = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["0", "1", "2"]
    assert (tmp_path / "ran").read_text() == "."


def test_a_descriptor_is_a_path_inside(tmp_path):
    path = tmp_path / "file"
    path.write_text("content")
    with path.open("rb") as file:
        path.unlink()  # a name is not needed
        found = run_confined(
            confined.answer,
            (4,),
            limits=LIMITS,
            files={"file": file.fileno()},
            handlers={"double": lambda value: 2 * value},
        )
    assert found == {"value": 4, "file": "content", "asked": 8}


def test_only_the_file_that_was_given_can_be_read(tmp_path):
    given, other = tmp_path / "given", tmp_path / "other"
    given.write_text("a")
    other.write_text("b")
    with given.open("rb") as file:
        attempts = (("read", str(given)), ("read", str(other)), ("write", str(given)))
        found = tried(*attempts, file=file.fileno())
    assert found == ["done", "PermissionError", "PermissionError"]
    assert given.read_text() == "a"


def test_nothing_is_changed(tmp_path):
    path = tmp_path / "file"
    path.write_text("content")
    before = path.stat()
    deeds = ("write", "remove", "chmod", "utime", "link")
    assert tried(*((deed, str(path)) for deed in deeds)) == ["PermissionError"] * len(deeds)
    after = path.stat()
    for name in ("st_mode", "st_mtime_ns", "st_nlink", "st_size"):
        assert getattr(after, name) == getattr(before, name)
    assert list(tmp_path.iterdir()) == [path]


def test_neither_system_nor_processes_are_read(tmp_path):
    files = ("/etc/passwd", "/proc/self/environ", "/proc/1/environ")
    folders = (str(tmp_path), "/", "/proc/self/fd")
    attempts = [*(("read", path) for path in files), *(("list", path) for path in folders)]
    assert tried(*attempts) == ["PermissionError"] * len(attempts)


def test_there_is_neither_network_nor_program():
    attempts = [(what, None) for what in ("tcp", "udp", "unix", "fork", "program")]
    assert tried(*attempts) == ["PermissionError"] * len(attempts)


def test_a_listening_server_hears_nothing():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        assert tried(("tcp", server.getsockname()[1])) == ["PermissionError"]
        with pytest.raises(TimeoutError):
            server.accept()


def test_other_processes_cannot_be_signalled():
    assert tried(("kill", os.getpid())) == ["PermissionError"]


def test_nothing_of_ours_is_inherited(monkeypatch):
    monkeypatch.setenv("LTX_SECRET", "hunter2")
    assert run_confined(confined.look_around, (), limits=LIMITS) == {"environ": {}, "files": 0}


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("eat", SandboxMemory),
        ("segfault", SandboxCrashed),
        ("exit", SandboxCrashed),
        ("shout", SandboxCrashed),
        ("unsendable", SandboxCrashed),
        ("raise", SandboxError),
    ],
)
def test_misdeeds_end_the_process_alone(how, kind):
    with pytest.raises(kind):
        run_confined(confined.misbehave, (how,), limits=LIMITS)


@pytest.mark.parametrize("how", ["sleep", "half"])
def test_time_is_bounded_whatever_it_does(how):
    quick = SandboxLimits(wall_s=1, cpu_s=30)
    with pytest.raises(SandboxTimeout):
        run_confined(confined.misbehave, (how,), limits=quick)


def test_computing_time_is_bounded():
    with pytest.raises(SandboxTimeout):
        run_confined(confined.misbehave, ("spin",), limits=SandboxLimits(wall_s=60, cpu_s=1))


def test_the_server_survives_all_that():
    for how in ("segfault", "half", "exit"):
        with pytest.raises(SandboxError):
            run_confined(confined.misbehave, (how,), limits=SandboxLimits(wall_s=1))
    assert run_confined(confined.answer, (1,), limits=LIMITS)["value"] == 1


def test_what_the_parent_does_not_offer_is_refused():
    with pytest.raises(SandboxCrashed):
        run_confined(confined.answer, (1,), limits=LIMITS, handlers={"other": str})


def test_errors_keep_their_kind(tmp_path):
    with pytest.raises(MediaTooLarge) as caught:
        run_confined(confined.refuse, (), limits=LIMITS)
    assert (caught.value.message, caught.value.hint) == ("too large", "cut it")


def test_a_playlist_opens_nothing_even_without_our_own_checks(tmp_path):
    clip = draw_clip(tmp_path / "clip.mp4", frames=6)
    bad = make_bad("ffconcat", tmp_path, clip)
    with bad.open("rb") as file:
        # FFmpeg itself, told to open whatever it likes, under the file's own name.
        found = run_confined(
            confined.open_anyhow, (str(bad),), limits=LIMITS, files={"path": file.fileno()}
        )
        with pytest.raises(UnsupportedMedia):
            run_confined(confined.count, (), limits=LIMITS, files={"path": file.fileno()})
    assert found == "PermissionError"
    assert confined.open_anyhow(str(bad), path=bad) == "frames"  # and outside it does


def test_a_clip_is_decoded_inside(tmp_path):
    clip = draw_clip(tmp_path / "clip.mp4", frames=6)
    with clip.open("rb") as file:
        found = run_confined(confined.count, (), limits=LIMITS, files={"path": file.fileno()})
    assert found == 6


def test_required_fails_where_it_cannot_be_had(monkeypatch):
    poor = SandboxLevel(landlock=0, seccomp=True)
    monkeypatch.setattr("provenance.sandbox.level.available_level", lambda: poor)
    with pytest.raises(SandboxUnavailable):
        chosen_level("required")
    assert chosen_level("auto") == poor
    assert "no Landlock" in poor.describe()


def test_off_bounds_time_and_memory_alone(tmp_path):
    path = tmp_path / "file"
    path.write_text("a")
    attempts = (("read", str(path)),)
    assert run_confined(confined.tried, attempts, limits=LIMITS, mode="off") == ["done"]
    with pytest.raises(SandboxMemory):
        run_confined(confined.misbehave, ("eat",), limits=LIMITS, mode="off")
