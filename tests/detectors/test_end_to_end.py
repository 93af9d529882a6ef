"""The main job through the real commands, and what happens to files that are none."""

from __future__ import annotations

import http.server
import json
import os
import re
import threading
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

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
from tests.desk import PROMPT, Desk, names
from tests.drawn import draw_clip, moving_luma, write_raw, yuv_frame

if TYPE_CHECKING:
    from pathlib import Path


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
    desk.stamped(source=path, output=out, readable=False)  # too short to be read
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
    stamped, verified = desk.stamp(source=path), desk.verify(path, "--format", "json")
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


def test_help_names_every_option(call):
    """Options that users rely on: none goes away unnoticed."""
    text = call("ltx-stamp", "--help").stdout
    assert set(re.findall(r"--[a-z-]+", text)) >= {
        "--output", "--model", "--source", "--prompt", "--plain-prompt-hash", "--date", "--keys",
        "--store", "--strength", "--psnr", "--if-marked", "--codec", "--crf", "--preset",
        "--threads", "--format", "--quiet", "--version", "--help",
    }  # fmt: skip
