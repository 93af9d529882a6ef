"""``ltx-stamp`` from the outside: every option, and what each leaves in the file."""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime

import av
import pytest
from click.testing import CliRunner

from provenance.cli import main
from provenance.keys import carrier_keys, create_carrier_key
from provenance.payload import MODELS
from provenance.prompt import prompt_digest
from provenance.quality import SAMPLED_EVERY
from provenance.store import open_store
from provenance.video import open_media
from tests.desk import (
    FRAMES,
    HEIGHT,
    PROMPT,
    WIDTH,
    Desk,
    identity_of,
    names,
    packets_of,
)
from tests.drawn import write_luma

FACTS = [
    "schema",
    "output",
    "content_id",
    "model",
    "model_name",
    "source",
    "date",
    "prompt_hash",
    "kept",
    "readable",
    "frames",
    "duration_s",
    "input_bytes",
    "bytes",
    "quality",
    "vmaf",
    "timings_s",
    "warnings",
]
QUALITY = ["frames", "psnr_db", "lowest_psnr_db", "worst_block_psnr_db", "flat_rms"]
QUALITY += ["ssim", "flicker"]


def test_text_output(desk):
    result = desk.stamp("--prompt", PROMPT, "--date", "2026-03-24")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == f"Stamped: {desk.folder / 'out.mp4'}"
    assert re.fullmatch(r"Watermark: LTX Video 2\.3, 2026-03-24, content id [0-9a-f]{14}", lines[1])
    assert re.fullmatch(r"Prompt hash: hmac-sha256:[0-9a-f]{64}", lines[2])
    assert lines[3] == "Mark read back: yes"
    assert re.fullmatch(
        r"Quality: \d\d\.\d dB luma PSNR, \d\d\.\d dB in the worst 32×32 block", lines[4]
    )
    assert len(lines) == 5


def test_json_output(done):
    facts = done.facts
    assert list(facts) == FACTS
    assert list(facts["quality"]) == QUALITY
    assert list(facts["timings_s"]) == ["look", "encode", "read_back", "sign"]
    assert facts["schema"] == "everyframe.stamp/1"
    assert facts["output"] == str(done.out)
    assert (facts["frames"], facts["duration_s"]) == (FRAMES, 2.5)
    assert facts["input_bytes"] == done.desk.clip.stat().st_size
    assert facts["bytes"] == done.out.stat().st_size
    assert facts["quality"]["frames"] == -(-FRAMES // SAMPLED_EVERY)
    assert (facts["kept"], facts["readable"]) == (False, True)


def test_vmaf_is_measured_where_it_is_asked_for(desk, done):
    assert done.facts["vmaf"] is None
    vmaf = desk.stamped("--vmaf")["vmaf"]
    assert list(vmaf) == ["frames", "vmaf", "vmaf_p1", "vmaf_neg", "vmaf_neg_p1"]
    assert vmaf["frames"] == FRAMES
    assert 80 < vmaf["vmaf_neg_p1"] <= vmaf["vmaf_neg"] <= 100


def test_similarity_and_flicker_are_measured_on_the_way(done):
    quality = done.facts["quality"]
    assert 0.9 < quality["ssim"] < 1
    assert 0 < quality["flicker"] < 2


def test_mark_manifest_and_store_say_the_same(done):
    desk, facts = done.desk, done.facts
    verified = desk.verified(done.out)
    mark, manifest = verified["watermark"], verified["manifest"]
    with open_store(desk.store) as store:
        stored = store.get(facts["content_id"])
    digest = str(prompt_digest(PROMPT, identity_of(desk).prompt_key))
    assert facts["prompt_hash"] == manifest["prompt_hash"] == stored.prompt_hash == digest
    assert mark["prompt_hash_prefix"] == digest.partition(":")[2][:6]
    assert facts["content_id"] == mark["content_id"] == manifest["content_id"] == stored.content_id
    assert facts["model"] == mark["model"] == manifest["model"] == stored.model == "ltx-2.3"
    assert facts["date"] == mark["date"] == stored.day.isoformat() == "2026-03-24"
    assert (stored.width, stored.height, stored.duration_s) == (WIDTH, HEIGHT, 2.5)
    assert (stored.mime, manifest["state"]) == ("video/mp4", "trusted")
    assert stored.manifest in done.out.read_bytes()


def test_the_prompt_itself_is_nowhere(done):
    for path in (done.out, done.desk.store):
        assert PROMPT.encode() not in path.read_bytes()


def test_a_plain_prompt_hash_can_be_checked_by_everybody(desk):
    import hashlib

    facts = desk.stamped("--prompt", PROMPT, "--plain-prompt-hash")
    assert facts["prompt_hash"] == f"sha256:{hashlib.sha256(PROMPT.encode()).hexdigest()}"


def test_an_empty_prompt_is_none_and_the_date_is_today(desk):
    facts = desk.stamped("--prompt", "")
    assert facts["prompt_hash"] is None
    assert facts["date"] == datetime.now(UTC).date().isoformat()
    assert desk.verified(desk.folder / "out.mp4")["watermark"]["prompt_hash_prefix"] is None


def test_without_a_mark_sound_is_carried_bit_by_bit(desk, heard):
    sound = packets_of(heard, "audio")
    assert len(sound) > 50
    desk.stamped("--no-audio-mark", source=heard)
    assert packets_of(desk.folder / "out.mp4", "audio") == sound


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("webm", "opus")])
def test_sound_is_marked_unless_told_otherwise_and_then_kept(desk, heard, suffix, codec):
    video = ("--codec", "av1") if suffix == "webm" else ()
    out, again = desk.folder / f"out.{suffix}", desk.folder / f"again.{suffix}"
    desk.stamped(*video, source=heard, output=out)
    assert packets_of(out, "audio") != packets_of(heard, "audio")
    with av.open(str(out)) as media:
        assert media.streams.audio[0].codec_context.codec.canonical_name == codec
    assert desk.stamped(source=out, output=again)["kept"]
    assert packets_of(again, "audio") == packets_of(out, "audio")


@pytest.mark.parametrize(
    ("source", "verdict", "code"),
    [("generated", "ai_generated", 0), ("edited", "ai_edited", 0), ("captured", "no_evidence", 0)],
)
def test_the_source_is_told_by_credentials_and_by_the_mark_alone(desk, source, verdict, code):
    from provenance.video import remux

    assert desk.stamped("--source", source)["source"] == source
    out, bare = desk.folder / "out.mp4", desk.folder / "bare.mp4"
    remux(out, bare)
    nothing = ("--store", desk.folder / "none.sqlite")
    signed, stripped = desk.verified(out), desk.verified(bare, *nothing)
    assert signed["verdict"] == stripped["verdict"] == verdict
    assert (signed["manifest"]["present"], stripped["manifest"]["present"]) == (True, False)
    assert signed["watermark"]["source"] == stripped["watermark"]["source"] == source
    assert desk.verify(bare, *nothing).exit_code == code


@pytest.mark.parametrize(
    ("codec", "suffix", "name"),
    [("h264", "mov", "h264"), ("hevc", "mp4", "hevc"), ("av1", "webm", "av1")],
)
def test_codec_and_container(desk, codec, suffix, name):
    out = desk.folder / f"out.{suffix}"
    facts = desk.stamped("--codec", codec, "--preset", "ultrafast", "--crf", 24, output=out)
    assert facts["readable"]
    with av.open(str(out)) as media:
        video = media.streams.video[0]
        assert video.codec_context.codec.canonical_name == name
        assert (video.width, video.height) == (WIDTH, HEIGHT)
    verified = desk.verified(out)
    assert (verified["verdict"], verified["tampered"]) == ("ai_generated", False)
    assert verified["manifest"]["source"] == ("sidecar" if suffix == "webm" else "embedded")


def test_crf_and_preset_reach_the_encoder(desk):
    sizes = [
        desk.stamped("--crf", crf, "--preset", preset)["bytes"]
        for crf, preset in ((12, "ultrafast"), (24, "ultrafast"), (24, "veryfast"))
    ]
    assert sizes[0] > 2 * sizes[1]
    assert sizes[2] < sizes[1]


def test_strength_is_louder(desk):
    psnrs = [desk.stamped("--strength", strength)["quality"]["psnr_db"] for strength in (0.5, 1, 2)]
    assert psnrs[0] > psnrs[1] + 3
    assert psnrs[1] > psnrs[2] + 3


@pytest.mark.parametrize("wish", [40, 46])
def test_psnr_is_kept_and_used_up(desk, wish):
    quality = desk.stamped("--psnr", wish)["quality"]
    assert wish <= quality["lowest_psnr_db"]
    assert quality["psnr_db"] < wish + 2.5


def test_low_psnr_is_stronger_than_the_default(desk):
    usual = desk.stamped()["quality"]["psnr_db"]
    assert desk.stamped("--psnr", 38)["quality"]["psnr_db"] < usual - 3


def test_a_picture_that_cannot_be_changed_has_no_infinite_quality(desk):
    import numpy as np

    flat = write_luma(desk.folder / "flat.mp4", [np.full((144, 144), 16, np.uint8)] * 4)
    result = desk.stamp("--psnr", 60, "--format", "json", source=flat)
    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["readable"]) == (1, False)
    assert set(facts["quality"]) == set(QUALITY)
    assert "Infinity" not in result.stdout


def test_a_mark_that_cannot_be_read_back_is_said(desk):
    import numpy as np

    flat = write_luma(desk.folder / "flat.mp4", [np.full((144, 144), 200, np.uint8)])
    options = ("--crf", 51, "--preset", "ultrafast")
    result = desk.stamp(*options, source=flat)
    assert result.exit_code == 1
    assert "Mark read back: no" in result.stdout
    assert "cannot be read back" in result.stderr
    result = desk.stamp(*options, "--format", "json", "--quiet", source=flat)
    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["readable"], result.stderr) == (1, False, "")
    assert any("cannot be read back" in warning for warning in facts["warnings"])
    # The file is there all the same, and its credentials say what it is.
    assert desk.verified(desk.folder / "out.mp4")["manifest"]["present"]


def test_what_is_neither_video_nor_sound_is_told_what_would_fit(desk):
    other = desk.folder / "notes.txt"
    other.write_text("no film, no tape\n")
    result = desk.stamp(source=other)
    assert result.exit_code == 3
    assert "neither sound nor video that can be opened: it looks like text" in result.stderr
    assert "media.unsupported" in result.stderr
    assert all(fits in result.stderr for fits in ("WAV", "MP4"))
    assert "a video, sound" in desk.verify(other).stderr


def test_quiet_says_nothing_but_the_result(desk):
    fresh = Desk(folder=desk.folder, clip=desk.clip)
    loud = fresh.stamp("--keys", desk.folder / "new")
    assert "made a development identity" in loud.stderr
    quiet = fresh.stamp("--keys", desk.folder / "newer", "--quiet")
    assert quiet.stderr == ""
    assert quiet.stdout.startswith("Stamped: ")


def test_without_options_the_users_own_folders_are_used(desk, tmp_path):
    out = tmp_path / "out.mp4"
    result = CliRunner().invoke(main, [str(desk.clip), "-o", str(out), "--model", "ltx-2.3"])
    assert result.exit_code == 0
    assert carrier_keys(tmp_path / "home/.config/everyframe/keys")
    assert (tmp_path / "home/.local/share/everyframe/manifests.sqlite").is_file()


def test_environment_and_settings_file(desk, monkeypatch, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(
        'store = "mine.sqlite"\n[stamp]\nmodel = "ltx-2.3"\ndate = 2026-03-24\nformat = "json"\n'
        'preset = "ultrafast"\n'
    )
    monkeypatch.setenv("LTX_CONFIG", str(settings))
    monkeypatch.setenv("LTX_KEYS", str(desk.keys))
    arguments = [str(desk.clip), "-o", str(tmp_path / "out.mp4")]
    facts = json.loads(CliRunner().invoke(main, arguments).stdout)
    assert (facts["model"], facts["date"]) == ("ltx-2.3", "2026-03-24")
    assert (tmp_path / "mine.sqlite").is_file()
    monkeypatch.setenv("LTX_STAMP_MODEL", "helios")
    facts = json.loads(CliRunner().invoke(main, [*arguments, "--date", "2026-03-25"]).stdout)
    assert (facts["model"], facts["date"]) == ("helios-1.0", "2026-03-25")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--strength", "1", "--psnr", "40"), "option.invalid"),
        (("--strength", "0.1"), "option.invalid"),
        (("--strength", "nan"), "option.invalid"),
        (("--psnr", "20"), "option.invalid"),
        (("--psnr", "nan"), "option.invalid"),
        (("--date", "1999-12-31"), "option.invalid"),
        (("--date", "2200-01-01"), "option.invalid"),
        (("--date", "yesterday"), "not match the format"),
        (("--crf", "99"), "option.invalid"),
        (("--preset", "nonsense"), "option.invalid"),
        (("--threads", "0"), "option.invalid"),
        (("--codec", "mpeg2"), "Invalid value"),
        (("--if-marked", "maybe"), "Invalid value"),
        (("--source", "dreamed"), "Invalid value"),
        (("--model", "nonsense"), "model.unknown"),
        (("--store", "mysql://x/y"), "option.invalid"),
        (("--aigc-producer", "Example"), "option.invalid"),
        (("--aigc", "--aigc-producer", ""), "option.invalid"),
    ],
)
def test_options_that_make_no_sense(desk, options, code):
    before = names(desk.folder)
    result = desk.stamp(*options)
    assert result.exit_code == 2
    assert code in result.stderr
    assert names(desk.folder) - {"store.sqlite"} == before


def test_a_bad_request_makes_noidentity_of(desk):
    for options, paths in (
        (("--model", "nonsense"), {}),
        ((), {"output": desk.folder / "out.txt"}),
        ((), {"source": desk.folder / "gone.mp4"}),
    ):
        assert desk.stamp("--keys", desk.folder / "new", *options, **paths).exit_code in {2, 3}
    assert not (desk.folder / "new").exists()


def test_a_private_key_authenticates_and_nobody_else_reads_it(desk):
    key = create_carrier_key(desk.keys, random=secrets.token_bytes)
    desk.stamped()
    out = desk.folder / "out.mp4"
    mark = desk.verified(out)["watermark"]
    assert (mark["detected"], mark["authenticated"], mark["key"]) == (True, True, key.name)
    other = desk.folder / "other"
    create_carrier_key(other, random=secrets.token_bytes)
    # The published key is tried too.
    result = desk.verify("--keys", other, "--store", desk.folder / "no.sqlite", out)
    assert result.exit_code == 1
    assert result.stdout.startswith("Watermark detected: none\n")


def test_the_input_is_untouched_and_nothing_else_appears(desk, clip):
    before, content = names(clip.parent), clip.read_bytes()
    desk.stamped(output=desk.folder / "out.mp4")
    assert (names(clip.parent), clip.read_bytes()) == (before, content)
    assert names(desk.folder) == {"keys", "out.mp4", "store.sqlite"}


def test_a_turned_clip_is_marked_as_it_is_shown(desk):
    from tests.drawn import moving_frames, write_raw, yuv_frame

    luma = [frame[..., 1].copy() for frame in moving_frames(30, HEIGHT, WIDTH)]
    turned = write_raw(
        desk.folder / "turned.mp4",
        [yuv_frame(plane) for plane in luma],
        matrix=[0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30],
    )
    assert desk.stamped("--strength", 2, source=turned)["readable"]
    with open_media(desk.folder / "out.mp4") as media:
        assert (media.info.video.width, media.info.video.height) == (HEIGHT, WIDTH)
    assert desk.verified(desk.folder / "out.mp4")["watermark"]["detected"]


def test_a_video_that_is_called_sound_is_refused_by_the_names_that_were_given(clip, tmp_path):
    source = tmp_path / "clip.wav"
    source.write_bytes(clip.read_bytes())
    arguments = [str(source), "-o", str(tmp_path / "out.wav"), "--model", "wan"]
    result = CliRunner().invoke(main, [*arguments, "--keys", str(tmp_path / "keys")])
    assert result.exit_code == 2
    assert ".out-" not in result.output  # the hidden name of what is not complete yet
    assert "use one of .mp4" in result.output


def test_the_help_names_every_model():
    told = CliRunner().invoke(main, ["--help"], terminal_width=200).output
    words = set(re.findall(r"[\w.-]*\w", told[told.index("--model") : told.index("--edit")]))
    assert {model.key for model in MODELS} <= words
