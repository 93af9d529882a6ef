"""``ltx-stamp`` from the outside: every option, and what each leaves in the file."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import av
import pytest
from click.testing import CliRunner

from provenance.cli import main
from provenance.keys import DEFAULT_CARRIER_KEY, carrier_keys, create_carrier_key
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
    names,
    packets_of,
    small_clip,
)
from tests.drawn import write_luma

if TYPE_CHECKING:
    from pathlib import Path

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
]
QUALITY = ["frames", "psnr_db", "lowest_psnr_db", "worst_block_psnr_db", "flat_rms"]
QUALITY += ["ssim", "flicker"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Without sound: so little of it carries no mark, and looking for one everywhere takes long."""
    return small_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", channels=None)


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    return small_clip(tmp_path_factory.mktemp("clip") / "heard.mp4")


@pytest.fixture
def desk(tmp_path, clip, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("LTX_KEYS", "LTX_STORE", "LTX_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Desk(folder=tmp_path, clip=clip).with_keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A stamp that was made once, for whoever only looks at it."""

    desk: Desk
    out: Path
    facts: dict


@pytest.fixture(scope="module")
def done(tmp_path_factory, clip):
    desk = Desk(folder=tmp_path_factory.mktemp("done"), clip=clip).with_keys()
    facts = desk.stamped("--prompt", PROMPT, "--date", "2026-03-24", "--model", "ltx-2.3-full")
    return Done(desk=desk, out=desk.folder / "out.mp4", facts=facts)


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
    digest = str(prompt_digest(PROMPT, _identity(desk).prompt_key))
    assert facts["prompt_hash"] == manifest["prompt_hash"] == stored.prompt_hash == digest
    assert mark["prompt_hash_prefix"] == digest.partition(":")[2][:6]
    assert facts["content_id"] == mark["content_id"] == manifest["content_id"] == stored.content_id
    assert facts["model"] == mark["model"] == manifest["model"] == stored.model == "ltx-2.3"
    assert facts["date"] == mark["date"] == stored.day.isoformat() == "2026-03-24"
    assert (stored.width, stored.height, stored.duration_s) == (WIDTH, HEIGHT, 2.5)
    assert (stored.mime, manifest["state"]) == ("video/mp4", "trusted")
    assert stored.manifest in done.out.read_bytes()


def _identity(desk):
    from provenance.keys import load_identity

    return load_identity(desk.keys)


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
        for crf, preset in ((18, "ultrafast"), (30, "ultrafast"), (30, "veryfast"))
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
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert set(facts["quality"]) == set(QUALITY)
    assert "Infinity" not in result.stdout


def test_a_mark_that_cannot_be_read_back_is_said(desk):
    import numpy as np

    flat = write_luma(desk.folder / "flat.mp4", [np.full((144, 144), 200, np.uint8)])
    result = desk.stamp("--crf", 51, "--preset", "ultrafast", source=flat)
    assert result.exit_code == 0
    assert "Mark read back: no" in result.stdout
    assert "cannot be read back" in result.stderr


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


def test_a_bad_request_makes_no_identity(desk):
    for options, paths in (
        (("--model", "nonsense"), {}),
        ((), {"output": desk.folder / "out.txt"}),
        ((), {"source": desk.folder / "gone.mp4"}),
    ):
        assert desk.stamp("--keys", desk.folder / "new", *options, **paths).exit_code in {2, 3}
    assert not (desk.folder / "new").exists()


class TestMarkedAlready:
    @pytest.fixture
    def marked(self, desk, done):
        """The stamped file with its keys and its store, to work on."""
        shutil.copytree(done.desk.folder, desk.folder, dirs_exist_ok=True)
        return (desk.folder / "out.mp4").rename(desk.folder / "marked.mp4")

    def test_keep_signs_and_touches_nothing_else(self, desk, marked):
        first = desk.verified(marked)
        out = desk.folder / "again.mp4"
        result = desk.stamp(
            "--date", "2020-02-02", "--prompt", "other", "--format", "json",
            source=marked, output=out,
        )  # fmt: skip
        facts = json.loads(result.stdout)
        assert result.exit_code == 0
        assert "that mark was kept" in result.stderr
        assert "LTX Video 2.3, generated, 2026-03-24" in result.stderr
        assert facts["kept"] is True
        assert facts["quality"] is None
        assert packets_of(out, "video") == packets_of(marked, "video")
        # What the new manifest says is what the mark says, not what was asked for.
        again = desk.verified(out)
        assert facts["content_id"] == first["watermark"]["content_id"]
        assert again["watermark"]["content_id"] == first["watermark"]["content_id"]
        assert again["manifest"]["content_id"] == first["watermark"]["content_id"]
        assert (again["manifest"]["model"], facts["date"]) == ("ltx-2.3", "2026-03-24")
        assert (again["verdict"], again["tampered"]) == ("ai_generated", False)
        # The store goes on answering with what was signed when the mark was made.
        with open_store(desk.store) as store:
            assert store.get(facts["content_id"]).manifest in marked.read_bytes()

    @pytest.mark.parametrize(
        "options", [("--model", "helios-1.0"), ("--source", "captured"), ("--source", "edited")]
    )
    def test_keep_vouches_for_no_other_statement(self, desk, marked, options):
        """Somebody else's mark must not decide what the signer says."""
        out = desk.folder / "again.mp4"
        result = desk.stamp(*options, source=marked, output=out)
        assert result.exit_code == 2
        assert "mark.present" in result.stderr
        assert "LTX Video 2.3, generated" in result.stderr
        assert not out.exists()

    def test_keep_claims_no_new_mark(self, desk, marked):
        from provenance.manifest import read_manifest
        from provenance.trust import TrustSettings

        out = desk.folder / "again.mp4"
        desk.stamped(source=marked, output=out)
        report = read_manifest(out, TrustSettings().with_anchor(_identity(desk).trust_anchor))
        assert report.actions == ("c2pa.opened", "c2pa.edited.metadata")

    def test_the_history_of_the_input_is_kept(self, desk, marked):
        from provenance.manifest import read_manifest
        from provenance.trust import TrustSettings

        out = desk.folder / "again.mp4"
        desk.stamped(source=marked, output=out)
        trust = TrustSettings().with_anchor(_identity(desk).trust_anchor)
        report = read_manifest(out, trust)
        (parent,) = report.ingredients
        assert (parent.relationship, parent.title) == ("parentOf", "Original")
        assert parent.manifest_label is not None
        assert "c2pa.opened" in report.actions
        third = desk.folder / "third.mp4"
        desk.stamped(source=out, output=third)
        report = read_manifest(third, trust)
        assert report.state == "trusted"
        assert len(report.ingredients) == 2

    def test_keep_names_the_key_that_read_the_mark(self, desk, marked):
        from provenance.manifest import read_manifest
        from provenance.trust import TrustSettings

        create_carrier_key(desk.keys, random=secrets.token_bytes)
        out = desk.folder / "again.mp4"
        assert desk.stamped(source=marked, output=out)["kept"] is True
        assert read_manifest(out, TrustSettings()).carrier == DEFAULT_CARRIER_KEY.name

    def test_keep_changes_no_container(self, desk, marked):
        result = desk.stamp(source=marked, output=desk.folder / "again.mkv")
        assert result.exit_code == 2
        assert "option.invalid" in result.stderr
        assert not (desk.folder / "again.mkv").exists()

    def test_keep_signs_no_file_that_lacks_its_end(self, desk, marked):
        cut = desk.folder / "cut.mp4"
        cut.write_bytes(marked.read_bytes()[:-2000])
        result = desk.stamp(source=cut, output=desk.folder / "again.mp4")
        assert result.exit_code == 3
        assert "media.unreadable" in result.stderr
        assert not (desk.folder / "again.mp4").exists()

    def test_refuse(self, desk, marked):
        before = names(desk.folder)
        result = desk.stamp("--if-marked", "refuse", source=marked)
        assert result.exit_code == 2
        assert "mark.present" in result.stderr
        assert names(desk.folder) == before

    def test_add_makes_a_new_mark(self, desk, marked):
        out = desk.folder / "added.mp4"
        facts = desk.stamped(
            "--if-marked",
            "add",
            "--strength",
            2,
            "--model",
            "helios-1.0",
            source=marked,
            output=out,
        )
        assert facts["kept"] is False
        assert facts["model"] == "helios-1.0"
        assert facts["content_id"] != desk.verified(marked)["watermark"]["content_id"]
        assert facts["readable"] is True
        assert desk.verified(out)["watermark"]["detected"] is True


def test_signed_input_without_a_mark_becomes_the_parent(desk):
    """Somebody else's credentials on unmarked footage."""
    from provenance.manifest import ManifestRequest, read_manifest, sign_file
    from provenance.payload import model_by_key
    from provenance.trust import TrustSettings

    signed = desk.folder / "signed.mp4"
    request = ManifestRequest(
        model=model_by_key("ltx-2.3"),
        title="signed.mp4",
        created=datetime.now(UTC),
        source="captured",
        width=WIDTH,
        height=HEIGHT,
        duration_s=2.5,
        tool_version="test",
    )
    sign_file(desk.clip, signed, request, _identity(desk))
    facts = desk.stamped("--source", "edited", source=signed)
    assert facts["kept"] is False
    report = read_manifest(desk.folder / "out.mp4", TrustSettings())
    (parent,) = report.ingredients
    assert (parent.relationship, parent.title) == ("parentOf", "Original")
    assert parent.manifest_label is not None
    assert desk.verified(desk.folder / "out.mp4")["verdict"] == "ai_edited"


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
