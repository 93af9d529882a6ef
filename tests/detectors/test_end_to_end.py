"""The main job through the real commands, and what happens to files that are none."""

from __future__ import annotations

import http.server
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from provenance.video import (
    EncodeSettings,
    MediaWriter,
    open_media,
    picture_from_rgb,
    remux,
    rgb_from_picture,
)
from tests.bad_inputs import SOUND, STILLS, UNREADABLE, make_bad
from tests.desk import PROMPT, Desk, names, small_clip
from tests.drawn import as_nobody, draw_clip, moving_luma, write_raw, yuv_frame

ROOT = Path(__file__).parents[2]
COMMANDS = {"ltx-stamp": "provenance.cli", "ltx-verify": "detectors.cli"}


def command(name: str, *arguments: object, before: str = "") -> list[str]:
    """The command as a process of its own; the two lines are what its console script does."""
    code = f"{before}\nimport sys\nfrom {COMMANDS[name]} import main\nsys.exit(main())"
    return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.fixture
def environment(tmp_path):
    """The folders of a user who has nothing yet."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LTX", "XDG"))}
    return {**kept, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def call(environment, tmp_path):
    def run(name, *arguments, before=""):
        return subprocess.run(
            command(name, *arguments, before=before),
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return small_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", channels=None)


@pytest.fixture
def desk(tmp_path, clip):
    return Desk(folder=tmp_path, clip=clip).with_keys()


def cropped_copy(source: Path, target: Path) -> None:
    """What somebody out there makes: 70 % a side, x264 at CRF 28, no metadata."""
    with open_media(source) as media:
        video = media.info.video
        height, width = (int(0.7 * side) // 2 * 2 for side in (video.height, video.width))
        top, left = int(0.11 * video.height), int(0.17 * video.width)
        smaller = replace(video, width=width, height=height)
        settings = EncodeSettings(crf=28, preset="veryfast", threads=1)
        with MediaWriter(target, video=smaller, settings=settings) as writer:
            for picture in media.pictures():
                frame = rgb_from_picture(picture)[top : top + height, left : left + width]
                writer.write(picture_from_rgb(frame, time=picture.time, spec=smaller))


def test_stamp_strip_reencode_crop_verify(tmp_path, call):
    clip = draw_clip(tmp_path / "clip.mp4", frames=40, width=640, height=480, rate=Fraction(10))
    stamped = call(
        "ltx-stamp", "clip.mp4", "-o", "marked.mp4", "--model", "ltx-2.3-full", "--prompt", PROMPT,
        "--date", "2026-03-24", "--preset", "veryfast", "--format", "json",
    )  # fmt: skip
    assert stamped.returncode == 0, stamped.stderr
    assert "made a development identity" in stamped.stderr
    facts = json.loads(stamped.stdout)
    remux(tmp_path / "marked.mp4", tmp_path / "bare.mp4")
    cropped_copy(tmp_path / "bare.mp4", tmp_path / "found.mp4")
    verified = call("ltx-verify", "--input", "found.mp4")
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.splitlines()[:5] == [
        "Watermark detected: LTX Video 2.3",
        "Confidence: 99.99%",
        "Generation date: 2026-03-24 (approximate)",
        f"Prompt hash: {facts['prompt_hash']}",
        "Tampered: No",
    ]
    assert f"Content id: {facts['content_id']}" in verified.stdout
    assert "recovered" in verified.stdout
    result = json.loads(call("ltx-verify", "found.mp4", "--format", "json").stdout)
    assert result["manifest"]["source"] == "recovered"
    assert result["manifest"]["prompt_hash"] == facts["prompt_hash"]
    assert result["watermark"]["content_id"] == facts["content_id"]
    assert {"cropped", "credentials_removed"} <= set(result["modified"])
    unmarked = call("ltx-verify", clip)
    assert unmarked.returncode == 1
    assert unmarked.stdout.startswith("Watermark detected: none\n")
    assert "Verdict: no_evidence" in unmarked.stdout


@pytest.mark.parametrize("kind", sorted(SOUND))
def test_sound_alone_is_stamped_as_sound_and_not_as_a_film(desk, kind):
    path = make_bad(kind, desk.folder, desk.clip)
    film = desk.stamp(source=path)
    assert film.exit_code == 2
    assert ".m4a" in film.stderr
    out = desk.folder / f"out.{kind}"
    assert desk.stamp(source=path, output=out).exit_code == 0
    verified = desk.verified(out)
    assert (verified["verdict"], verified["manifest"]["present"]) == ("ai_generated", True)
    assert verified["file"]["container"] == ("mp4" if kind == "m4a" else kind)
    assert verified["file"]["width"] is None


@pytest.mark.parametrize("kind", sorted(STILLS))
def test_a_picture_alone_is_verified_and_not_stamped(desk, kind):
    path = make_bad(kind, desk.folder, desk.clip)
    stamped, verified = desk.stamp(source=path), desk.verified(path)
    assert stamped.exit_code == 3
    assert f"[{UNREADABLE[kind]}]" in stamped.stderr
    assert verified["verdict"] == "no_evidence"
    file = verified["file"]
    assert (file["container"], file["width"], file["height"]) == (kind, 256, 192)
    assert (file["fps"], file["duration_s"], file["has_audio"]) == (None, None, False)


@pytest.mark.parametrize("kind", sorted(set(UNREADABLE) - SOUND - STILLS))
def test_both_commands_refuse_what_is_no_video(desk, kind):
    path = make_bad(kind, desk.folder, desk.clip)
    before = names(desk.folder)
    started = time.process_time()
    stamped, verified = desk.stamp(source=path), desk.verify(path, "--format", "json")
    assert time.process_time() - started < 3
    code = UNREADABLE[kind]
    assert (stamped.exit_code, verified.exit_code) == (3, 3)
    assert f"[{code}]" in stamped.stderr
    assert stamped.stdout == ""
    assert "hint: " in stamped.stderr
    assert names(desk.folder) == before
    if kind == "folder":  # ltx-verify looks into folders, and this one is empty
        return
    result = json.loads(verified.stdout)
    assert (result["verdict"], result["error"]["code"]) == ("unreadable", code)
    assert path.name in result["error"]["message"]
    assert result["error"]["hint"]


@pytest.mark.parametrize(("kind", "name"), [("ffconcat", "ltx-stamp"), ("hls", "ltx-verify")])
def test_playlists_never_open_what_they_name(desk, call, kind, name):
    path = make_bad(kind, desk.folder, desk.clip)
    watch = (
        "import sys\n"
        "def watch(event, arguments):\n"
        "    if event == 'open' and 'canary' in str(arguments[0]):\n"
        "        print('CANARY OPENED', file=sys.stderr)\n"
        "sys.addaudithook(watch)\n"
    )
    canary = desk.folder / "canary.mp4"
    old = 1_000_000_000
    os.utime(canary, (old, old))
    arguments = {"ltx-stamp": (path, "-o", "out.mp4", "--model", "ltx-2.3"), "ltx-verify": (path,)}
    result = call(name, *arguments[name], before=watch)
    assert result.returncode == 3
    assert "media.unsupported" in result.stderr
    assert "CANARY" not in result.stderr
    # FFmpeg opens files past Python: reading an old file sets its time, where that is recorded.
    assert canary.stat().st_atime == old


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
    with as_nobody():
        stamped, verified = theirs.stamp(), theirs.verify(theirs.clip)
    assert (stamped.exit_code, verified.exit_code) == (3, 3), verified.output
    assert "[input.forbidden]" in stamped.stderr
    assert "[input.forbidden]" in verified.stderr
    assert names(theirs.folder) == {"clip.mp4"}


def test_a_cut_file_is_not_stamped_and_its_damage_is_told(desk, clip):
    cut = desk.folder / "cut.mp4"
    data = clip.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    stamped, verified = desk.stamp(source=cut), desk.verify(cut)
    assert (stamped.exit_code, verified.exit_code) == (3, 3)
    assert "[media.unreadable]" in stamped.stderr
    assert "[media.unreadable]" in verified.stderr
    assert "out.mp4" not in names(desk.folder)


def test_pictures_too_small_for_a_mark(desk):
    tiny = write_raw(
        desk.folder / "tiny.mp4", [yuv_frame(plane) for plane in moving_luma(5, 16, 16)]
    )
    stamped, verified = desk.stamp(source=tiny), desk.verify(tiny)
    assert (stamped.exit_code, verified.exit_code) == (3, 1)
    assert "[media.too_small]" in stamped.stderr
    assert "16x16" in verified.stdout
    assert "out.mp4" not in names(desk.folder)


def test_one_frame_is_a_film(desk):
    one = draw_clip(desk.folder / "one.mp4", frames=1, width=320, height=256, channels=None)
    facts = desk.stamped("--strength", 4, source=one)
    assert facts["frames"] == 1
    result = desk.verified(desk.folder / "out.mp4")
    assert result["verdict"] == "ai_generated"
    assert result["watermark"]["detected"] is facts["readable"]
    assert desk.verify(one).exit_code == 1


@pytest.mark.parametrize("output", ["same.mp4", "link.mp4", "hard.mp4"])
def test_output_equals_input(desk, clip, output):
    source = desk.folder / "same.mp4"
    source.write_bytes(clip.read_bytes())
    (desk.folder / "link.mp4").symlink_to(source)
    (desk.folder / "hard.mp4").hardlink_to(source)
    before = names(desk.folder)
    stamped = desk.stamp(source=source, output=desk.folder / output)
    verified = desk.verify(source, "-o", desk.folder / output)
    assert stamped.exit_code == verified.exit_code == 2
    assert "[output.is_input]" in stamped.stderr
    assert source.read_bytes() == clip.read_bytes()
    assert names(desk.folder) == before


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


class Canary(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 the name that the base class calls

    def log_message(self, *_):
        pass


@pytest.fixture
def canary():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_verifying_asks_nobody(desk, call, canary):
    """The file names a manifest on a server; nobody goes there."""
    url = f"http://127.0.0.1:{canary.server_address[1]}/manifest.c2pa"
    remote = sign_remotely(desk, url)
    assert url.encode() in remote.read_bytes()
    result = call("ltx-verify", remote, "--format", "json", "--keys", desk.keys)
    assert result.returncode == 1, result.stderr
    assert json.loads(result.stdout)["verdict"] == "no_evidence"
    stamped = call("ltx-stamp", remote, "-o", "out.mp4", "--model", "ltx-2.3", "--keys", desk.keys)
    assert stamped.returncode == 0, stamped.stderr
    assert call("ltx-verify", "out.mp4", "--keys", desk.keys).returncode == 0
    assert canary.requests == []
    # It does hear those who ask.
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    caught.value.close()
    assert canary.requests == ["/manifest.c2pa"]


def sign_remotely(desk: Desk, url: str) -> Path:
    """The clip, with a reference to its manifest on a server in place of the manifest."""
    import c2pa

    from provenance.keys import load_identity
    from provenance.manifest.signing_call import SigningCall

    identity = load_identity(desk.keys)
    remote = desk.folder / "remote.mp4"
    definition = {
        "claim_generator_info": [{"name": "elsewhere"}],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/"
                            "digitalCapture",
                        }
                    ]
                },
            }
        ],
    }
    with c2pa.Builder(definition) as builder, remote.open("w+b") as target:
        builder.set_no_embed()
        builder.set_remote_url(url)
        with desk.clip.open("rb") as source:
            builder.sign(SigningCall(identity, time_url=None).signer, "video/mp4", source, target)
    return remote


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


def test_help_names_every_option(call):
    """Options that users rely on: none goes away unnoticed."""
    text = call("ltx-stamp", "--help").stdout
    assert set(re.findall(r"--[a-z-]+", text)) >= {
        "--output", "--model", "--source", "--prompt", "--plain-prompt-hash", "--date", "--keys",
        "--store", "--strength", "--psnr", "--if-marked", "--codec", "--crf", "--preset",
        "--threads", "--format", "--quiet", "--version", "--help",
    }  # fmt: skip
