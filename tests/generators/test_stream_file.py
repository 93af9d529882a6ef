"""Streams that cannot be sent: what is told, and that nothing of them looks whole."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner

from generators.helios_cli import main
from generators.stream_file import leads_to_stdout, open_stream
from provenance.errors import DiskFull, OptionError, OutputError, OutputForbidden
from tests.full_disk import full_disk
from tests.generators.streaming import untrained_streaming_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return untrained_streaming_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments(folder, *more):
    size = ("--resolution", "192x128", "--duration", "1.4")
    return ["--model", str(folder), "--prompt", "a ball", "-o", "out.mp4", *size, *map(str, more)]


def run(folder, *more):
    return CliRunner().invoke(main, arguments(folder, *more))


def send(place, *parts):
    """Bytes to send, and what else happens meanwhile."""
    with open_stream(str(place)) as sink:
        for part in parts:
            if isinstance(part, bytes):
                sink.write(part)
            else:
                part()


def clips(places):
    return sorted(path.name for path in places.iterdir() if path.suffix == ".mp4")


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_file_whose_stream_broke_off_is_gone_and_one_without_a_byte_stays(tmp_path, before):
    path = tmp_path / "s.mp4"
    for sent in (b"", b"new"):
        if before is not None:
            path.write_bytes(before)
        with pytest.raises(ZeroDivisionError):
            send(path, *([sent] if sent else []), lambda: 1 / 0)
        assert path.exists() == (before is not None and not sent)
        assert not path.exists() or path.read_bytes() == before


def test_a_file_that_somebody_put_in_its_place_stays(tmp_path):
    path, other = tmp_path / "s.mp4", tmp_path / "other.mp4"
    other.write_bytes(b"other")
    with pytest.raises(ZeroDivisionError):
        send(path, b"new", lambda: other.replace(path), lambda: 1 / 0)
    assert path.read_bytes() == b"other"


def test_a_longer_file_is_written_over_whole(tmp_path):
    path = tmp_path / "s.mp4"
    path.write_bytes(b"x" * 1000)
    with open_stream(str(path)) as sink:
        sink.write(b"new")
        sink.write(b"er")
    assert path.read_bytes() == b"newer"


@pytest.mark.parametrize("place", ["", ".", "no/such/place", "a\0b"])
def test_places_that_cannot_be_written_are_named(place):
    with pytest.raises(OutputForbidden) as raised, open_stream(place):
        pass
    assert repr(place) in raised.value.message


def test_a_full_disk_is_told_and_leaves_no_file(tmp_path):
    path = tmp_path / "s.mp4"
    with pytest.raises(DiskFull, match=r"s\.mp4 broke off"), full_disk(5000):
        send(path, *[b"x" * 1000] * 10)
    assert not path.exists()


def test_a_terminal_or_a_closed_stdout_gets_no_stream(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stdout, error in ((Terminal(), OptionError), (None, OutputForbidden)):
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", stdout)
            with pytest.raises(error, match="stdout is"), open_stream("-"):
                pass


def test_a_reader_that_goes_ends_the_clip(folder, places):
    os.mkfifo("pipe")
    taken = []

    def take():
        with open("pipe", "rb", buffering=0) as pipe:  # noqa: PTH123
            taken.append(pipe.read(100))

    reader = threading.Thread(target=take)
    reader.start()
    ran = run(folder, "--stream", "pipe", "--duration", "20", "--resolution", "640x480")
    reader.join()
    assert taken[0][4:8] == b"ftyp"
    assert ran.exit_code == 4
    assert "the stream to pipe broke off: Broken pipe [output.failed]" in ran.stderr
    assert "hint: whoever read it is gone" in ran.stderr
    assert clips(places) == []
    assert (places / "pipe").is_fifo()  # it is no file of ours


@pytest.mark.parametrize(
    ("options", "code", "exit_code"),
    [
        (("--stream", "/dev/full"), "output.disk_full", 4),
        (("--stream", "s.mp4", "--keys", "/dev/null/keys"), "identity.invalid", 2),
        (("--stream", "s.mp4", "--store", "/dev/null/store"), "store.unavailable", 4),
        (("--stream", "store.sqlite"), "output.forbidden", 2),
        (("--stream", "keys/s.mp4"), "output.forbidden", 2),
        (("--stream", "s.mp4", "--steps", "9"), "option.invalid", 2),
        (("--stream", "s.mp4", "--device", "cuda:77"), "device.missing", 2),
    ],
)
def test_what_ends_a_stream_has_its_code_and_leaves_nothing(
    folder, places, options, code, exit_code
):
    ran = run(folder, *options)
    assert (ran.exit_code, ran.stdout) == (exit_code, ""), ran.output
    assert f"[{code}]" in ran.stderr
    assert "hint:" in ran.stderr
    assert clips(places) == []


@pytest.mark.parametrize("error", [RuntimeError("CUDA error"), MemoryError(), KeyboardInterrupt()])
def test_a_model_that_fails_on_the_way_leaves_nothing(folder, places, monkeypatch, error):
    from generators.helios import HeliosGenerator

    generate, sent = HeliosGenerator.generate, []

    def failing(self, request, watch):
        for number, chunk in enumerate(generate(self, request, watch)):
            if number == 4:
                sent.append((places / "s.mp4").stat().st_size)
                raise error
            yield chunk

    monkeypatch.setattr(HeliosGenerator, "generate", failing)
    ran = run(folder, "--stream", "s.mp4")
    assert ran.exit_code == (130 if isinstance(error, KeyboardInterrupt) else 4), ran.output
    assert sent[0] > 0  # a part was there
    assert clips(places) == []


def test_a_file_that_cannot_be_signed_leaves_no_stream(folder, places, monkeypatch):
    from provenance.sealing import Sealing

    def broken(*_given, **_named):
        raise OutputError("the disk is gone", hint="bring it back")

    monkeypatch.setattr(Sealing, "complete", broken)
    ran = run(folder, "--stream", "s.mp4")
    assert (ran.exit_code, "[output.failed]" in ran.stderr) == (4, True)
    assert clips(places) == []


def test_results_do_not_mix_with_a_stream_to_stdout(folder, places):
    code = "from generators.helios_cli import main; main()"
    with (places / "sent.mp4").open("wb") as sent:
        ran = subprocess.run(
            [sys.executable, "-c", code, *arguments(folder, "--stream", "/dev/stdout")],
            stdout=sent, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert b"Generated: out.mp4" in ran.stderr
    assert b"Generated" not in (places / "sent.mp4").read_bytes()
    assert leads_to_stdout("-")
    assert not leads_to_stdout("nothing")
