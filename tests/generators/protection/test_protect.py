"""Programs that know nothing of this project, under ``ltx-protect``."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from detectors import verify
from generators.protection import leftovers
from generators.protection.cli import _prompt_in, main
from generators.protection.orders import VARIABLE, Orders
from generators.protection.roads import MARKED_SUFFIXES, rate_of, road
from generators.protection.watching import ffmpeg_output
from provenance.errors import OptionError
from provenance.manifest import has_manifest
from provenance.video import OUTPUT_SUFFIXES, open_media

_PICTURES = """
import numpy as np
y, x = np.mgrid[0:160, 0:256]
grain = np.random.default_rng(0).integers(0, 60, (160, 256, 3))  # room for a mark in one second
def pictures(n):
    for i in range(n):
        f = np.stack([(x + 3 * i) % 256, (y * 2 + i) % 256, (x + y) % 256], 2) // 3 + 50
        yield (f + np.roll(grain, i // 8, 1)).astype(np.uint8)
"""
_WRITERS = (
    _PICTURES
    + """
import importlib.util
assert importlib.util.find_spec("av")  # to ask is not to import
import av, cv2, imageio_ffmpeg, pathlib
with av.open("av.mp4", "w") as out:
    stream = out.add_stream("libx264", rate=24, options={"crf": "10"})
    stream.width, stream.height, stream.pix_fmt = 256, 160, "yuv420p"
    sound = out.add_stream("aac", rate=24000)
    sound.codec_context.layout = "stereo"
    for f in pictures(24):
        for packet in stream.encode(av.VideoFrame.from_ndarray(f, format="rgb24")):
            out.mux(packet)
    out.mux(stream.encode())
    wave = np.sin(np.arange(24000) / 9, dtype=np.float32) * 20000
    frame = av.AudioFrame.from_ndarray(
        np.stack([wave, wave], 1).astype(np.int16).reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate = 24000
    out.mux(sound.encode(frame))
    assert not pathlib.Path("av.mp4").exists()
writer = cv2.VideoWriter("cv2.mp4", cv2.VideoWriter_fourcc(*"mp4v"), 24.0, (256, 160))
for f in pictures(4):
    writer.write(f[..., ::-1])
del writer  # never released, as so many
send = imageio_ffmpeg.write_frames("ffmpeg.mp4", (256, 160), fps=29.97)
send.send(None)
for f in pictures(4):
    send.send(f)
send.close()
try:
    with av.open("half.mp4", "w") as out:
        stream = out.add_stream("libx264", rate=24)
        stream.width, stream.height = 256, 160
        out.mux(stream.encode(av.VideoFrame.from_ndarray(next(pictures(1)), format="rgb24")))
        raise KeyError
except KeyError:
    pass
import io
memory = io.BytesIO()
with av.open(memory, "w", format="mp4") as out:  # a picture squeezed on its way into a model
    stream = out.add_stream("mpeg4", rate=24)
    stream.width, stream.height = 256, 160
    out.mux(stream.encode(av.VideoFrame.from_ndarray(next(pictures(1)), format="rgb24")))
    out.mux(stream.encode())
assert len(memory.getvalue()) > 500
"""
)
_BAD = (
    _PICTURES
    + """
import subprocess, imageio_ffmpeg, cv2, av, sys
def refused(what):
    try:
        what()
    except Exception as error:
        print("refused", type(error).__name__)
    else:
        print("NOT refused")
ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
refused(lambda: subprocess.run([ffmpeg, "-f", "lavfi", "-i", "testsrc=d=1", "-y", "f.mp4"]))
refused(lambda: subprocess.run(f"'{ffmpeg}' -f lavfi -i testsrc=d=1 -y f.mp4", shell=True))
refused(lambda: cv2.VideoWriter("x.avi", 0, 24, (256, 160)))
refused(lambda: av.open("rtmp://127.0.0.1/x", "w", format="flv"))
writer = cv2.VideoWriter("small.mp4", 0, 24, (256, 160))
refused(lambda: writer.write(np.zeros((10, 10, 3), np.uint8)))
open("raw.mp4", "wb").write(b"not seen by any writer")
"""
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    return tmp_path


@dataclass
class Ended:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def protect(capfd):
    """Runs a command under ``ltx-protect``, which is run in this process."""

    def run(*command):
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--", *command])
        return Ended(ended.value.code, *capfd.readouterr())

    return run


def test_what_an_unmodified_program_writes_is_marked_and_signed(place):
    Path("program.py").write_text(_WRITERS)
    command = [sys.executable, "program.py", "--prompt", "a ball"]
    ended = subprocess.run(
        [sys.executable, "-c", "from generators.protection.cli import main; main()",
         "--model", "ltx-2", "--", *command],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("marked and signed") == 3
    assert not Path("half.mp4").exists()
    assert "half.mp4 was given up by the program" in ended.stderr
    assert not [*place.glob(".*"), *place.glob("*tmp*")]
    result = verify(place / "av.mp4", fast=True)
    assert result.verdict == "ai_generated"
    assert result.watermark.model == "ltx-2"
    assert result.manifest.prompt_hash is not None
    assert result.file.has_audio
    assert abs(result.file.duration_s - 1) < 0.1
    for name, rate in (("cv2.mp4", Fraction(24)), ("ffmpeg.mp4", Fraction(30000, 1001))):
        assert has_manifest(place / name)
        with open_media(place / name) as media:
            assert media.info.video.rate == rate
            assert sum(1 for _ in media.pictures()) == 4


def test_what_cannot_be_intercepted_is_refused_or_found(place, protect):
    Path("program.py").write_text(_BAD)
    ended = protect(sys.executable, "program.py")
    assert ended.stdout.split("\n")[:5] == [
        "refused OptionError",
        "refused OptionError",
        "refused OptionError",
        "refused OptionError",
        "refused FrameError",
    ]
    assert ended.returncode == 4
    assert "raw.mp4 was written and is NOT marked" in ended.stderr
    assert not Path("f.mp4").exists()


@pytest.mark.usefixtures("place")
def test_the_commands_own_exit_code_and_python_that_hides(protect):
    assert protect(sys.executable, "-c", "raise SystemExit(7)").returncode == 7
    hidden = protect(sys.executable, "-I", "-c", "")
    assert hidden.returncode == 2
    assert "no Python that could be protected" in hidden.stderr
    assert protect("no-such-command").returncode == 127


def test_nothing_is_left_of_a_file_whose_program_was_killed(place, protect):
    program = """
import os, signal, cv2, numpy as np
writer = cv2.VideoWriter("killed.mp4", 0, 24, (256, 160))
writer.write(np.full((160, 256, 3), 90, np.uint8))
assert [name for name in os.listdir() if name.startswith(".killed")]
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert protect(sys.executable, "-c", program).returncode == 128 + 9
    assert not [*place.glob("*killed*"), *place.glob(".killed*")]


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("ffmpeg -i in.mp4 out.mp4", "out.mp4"),
        ("/usr/bin/ffmpeg-linux64-v7 -y x.webm", "x.webm"),
        ("nice ffmpeg -i a.wav rtmp://host/live", "rtmp://host/live"),
        ("ffmpeg -i in.mp4 -f rawvideo -", None),
        ("ffmpeg -version", None),
        ("cp a.mp4 b.mp4", None),
    ],
)
def test_commands_of_ffmpeg_that_write(words, written):
    assert ffmpeg_output(words.split()) == written


def test_roads():
    assert road("a.wav") is None
    assert road("frame.png") is None
    assert road("file:a.MP4").name == "a.MP4"
    for bad in ("a.avi", "a.gif", "rtmp://x/y", b"a.ts"):
        with pytest.raises(OptionError):
            road(bad)
    with pytest.raises(OptionError):
        road("a.bin", "mp4")
    assert rate_of(29.97).denominator == 1001
    with pytest.raises(OptionError):
        rate_of(float("nan"))


def test_the_prompt_of_the_command():
    assert _prompt_in(("python", "x.py", "--prompt", "a ball")) == "a ball"
    assert _prompt_in(("python", "x.py", "--prompt=a ball")) == "a ball"
    assert _prompt_in(("python", "x.py", "--prompt")) is None


def test_what_is_written_is_what_can_be_marked():
    assert set(OUTPUT_SUFFIXES) == MARKED_SUFFIXES


def test_an_argument_may_be_longer_than_a_name(place, protect):
    for word in ("x" * 300, "x" * 300 + ".mp4"):
        assert protect(sys.executable, "-c", "", word).returncode == 0


def test_python_that_cannot_be_protected_does_not_run(place):
    orders = Orders(model="other", report=str(place / "gone"))
    startup = Path(leftovers.__file__).parent / "startup"
    path = os.pathsep.join([str(startup), *sys.path])
    ended = subprocess.run(
        [sys.executable, "-c", "print('ran')"], capture_output=True, text=True, check=False,
        env={**os.environ, VARIABLE: orders.as_text(), "PYTHONPATH": path},
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "cannot protect" in ended.stderr
    orders.tell("opened", path="a.mp4")
    with pytest.raises(FileNotFoundError):
        orders.tell("started")


def test_a_folder_that_is_too_full_is_told(place, monkeypatch):
    (place / "a.mp4").write_bytes(b"a")
    assert leftovers.unmarked([place], 0) == ([place / "a.mp4"], True)
    monkeypatch.setattr(leftovers, "_MOST", 0)
    assert leftovers.unmarked([place], 0) == ([], False)
