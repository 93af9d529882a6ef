from __future__ import annotations

import json
import os
import shutil
import sys
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from generators import generate
from generators.base import Request, parse_rate, parse_size
from generators.bundle import DESCRIPTION, open_bundle
from generators.cli import main
from generators.download import download_repository
from generators.download_cli import main as download
from generators.pictures import read_image, read_sound, split_time
from generators.text import encode_bytes, normal_text, unknown_words, unread_text
from provenance.errors import (
    EveryframeError,
    PackageMissing,
    UnknownModel,
    UnreadableMedia,
    WeightsMissing,
)
from provenance.manifest import read_manifest
from provenance.own_trust import own_trust
from provenance.video import open_media
from tests.drawn import draw_clip
from tests.generators.untrained import WORDS, untrained_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return untrained_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    return tmp_path


def run(*arguments, model):
    return CliRunner().invoke(main, ["--model", str(model), *map(str, arguments)])


SMALL = ("--resolution", "192x128", "--duration", "0.7")


def test_a_generated_file_is_signed_and_has_sound(folder, places):
    output = places / "out.mp4"
    told = []
    made = generate(
        "a red ball bounces near zebras", output, model=str(folder), resolution="256x144",
        duration=1, progress=lambda stage, share: told.append((stage, share)),
    )  # fmt: skip
    assert made.unknown_words == ("near", "zebras")
    assert not made.trained
    assert told[-1] == ("done", 1.0)
    assert set(made.timings_s) >= {"loading", "generating", "marking and encoding", "signing"}
    result = read_manifest(output, own_trust(places / "keys"))
    assert result.state == "trusted"
    assert result.ai_generated
    with open_media(output) as media:
        assert media.info.audio is not None
    assert "zebras" not in output.read_bytes().decode("latin-1")


def test_the_command_says_what_it_made_and_what_it_did_not_know(folder, places):
    output = places / "out.mp4"
    ran = run("--prompt", "a zebra", "--output", output, *SMALL, "--format", "json", model=folder)
    assert ran.exit_code == 0, ran.output
    facts = json.loads(ran.stdout)
    assert facts["unknown_words"] == ["zebra"]
    assert facts["trained"] is False
    assert facts["frames"] == 17
    assert "zebra" in ran.stderr
    assert "not trained" in ran.stderr
    assert "%" not in ran.stderr  # progress is for terminals
    assert output.is_file()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--prompt", ""), "option.invalid"),
        (("--prompt", "x" * 1_000_000), "option.invalid"),
        (("--prompt", "a ball", "--resolution", "999999x2"), "option.invalid"),
        (("--prompt", "a ball", "--resolution", "7680x4320"), "option.invalid"),
        (("--prompt", "a ball", "--resolution", "101x99"), "option.invalid"),
        (("--prompt", "a ball", "--fps", "1000"), "option.invalid"),
        (("--prompt", "a ball", "--fps", "many"), "option.invalid"),
        (("--prompt", "a ball", "--duration", "3600"), "option.invalid"),
        (("--prompt", "a ball", "--duration", "nan"), "option.invalid"),
        (("--prompt", "a ball", "--image", "gone.png"), "input.missing"),
        (("--prompt", "a ball", "--sound", "gone.wav"), "input.missing"),
        (("--prompt", "a ball", "--device", "cuda:77"), "device.missing"),
        (("--prompt", "a ball", "--model", "ltx-9"), "model.unknown"),
        (("--prompt", "a ball", "--model", "./no/folder"), "weights.missing"),
        (("--prompt", "a ball", "--output", "out.gif"), "option.invalid"),
        (("--prompt", "a ball", "--output", "no/such/out.mp4"), "output.forbidden"),
    ],
)
def test_what_cannot_be_is_refused_in_words(folder, places, monkeypatch, arguments, code):
    monkeypatch.chdir(places)
    ran = run("--output", "out.mp4", *arguments, model=folder)
    assert ran.exit_code in {2, 3}, ran.output
    assert f"[{code}]" in ran.stderr
    assert "hint:" in ran.stderr
    assert not (places / "out.mp4").exists()


def test_the_reason_names_what_would_fit():
    with pytest.raises(EveryframeError) as caught:
        Request(prompt="a ball", width=8000, height=8000)
    assert "4096" in caught.value.hint


def test_sizes_and_rates_are_read_as_people_write_them():
    assert parse_size("1080p") == (1920, 1080)
    assert parse_size("640X360") == (640, 360)
    assert str(parse_rate("29.97")) == "30000/1001"
    assert str(parse_rate("23.976")) == "24000/1001"
    assert parse_rate("25") == 25
    assert float(parse_rate("37.5")) == 37.5


def test_images_are_read_and_bad_ones_named(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    path = tmp_path / "image@home.png"
    cv2.imwrite(str(path), pixels[..., ::-1])
    assert (read_image(path).pixels == pixels).all()
    timed = read_image(f"{path}@1.5")
    assert timed.time_s == 1.5
    assert split_time(str(path)) == (path, 0.0)
    bomb = bytearray(path.read_bytes())
    bomb[16:24] = (60_000).to_bytes(4) * 2
    for name, raw, code in (
        ("empty.png", b"", "input.empty"),
        ("text.png", b"hello", "media.unsupported"),
        ("cut.png", path.read_bytes()[:60], "media.unsupported"),
        ("bomb.png", bytes(bomb), "media.too_large"),
    ):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(EveryframeError) as caught:
            read_image(tmp_path / name)
        assert caught.value.code == code


def test_webm_is_made_with_a_codec_that_it_holds(folder, places):
    ran = run("--prompt", "a ball", "--output", places / "out.webm", *SMALL, model=folder)
    assert ran.exit_code == 0, ran.output
    with open_media(places / "out.webm") as media:
        assert media.info.codec == "av1"
        assert media.info.audio is not None


def test_a_zero_byte_is_in_no_file_name(folder, places):
    for given, code in (
        ({"output": places / "o\0ut.mp4"}, "output.forbidden"),
        ({"images": ["a\0b.png"]}, "input.missing"),
        ({"sound": "a\0b.wav"}, "input.missing"),
        ({"model": "./a\0b"}, "weights.missing"),
    ):
        options = {"output": places / "out.mp4", "model": str(folder), "duration": 0.1} | given
        with pytest.raises(EveryframeError) as caught:
            generate("a ball", resolution="192x128", **options)
        assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    assert not [path.name for path in places.iterdir() if "out" in path.name]


def test_sound_is_read_from_any_file_at_the_rate_of_the_model(tmp_path):
    clip = draw_clip(tmp_path / "clip.mp4", frames=24)
    samples = read_sound(clip, seconds=2.0)
    assert samples.shape == (48_000, 2)
    assert samples[:20_000].std() > 0.1
    assert not samples[26_000:].any()


def test_sound_that_is_cut_off_before_its_end_is_refused(tmp_path):
    whole = tmp_path / "whole.wav"
    with wave.open(str(whole), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        noise = np.random.default_rng(0).integers(-9_000, 9_000, 48_000, np.int16)
        file.writeframes(noise.tobytes())
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole.read_bytes()[:60_000])  # 1.25 s of 2 s
    with pytest.raises(EveryframeError, match=r"cut\.wav: the file lacks") as caught:
        read_sound(cut, seconds=2.0)
    assert caught.value.code == "media.unreadable"
    assert (read_sound(cut, seconds=1.0) == read_sound(whole, seconds=1.0)).all()
    assert not read_sound(whole, seconds=3.0)[48_000:].any()  # a whole one may be shorter


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_an_image_that_is_no_file_is_refused_at_once(tmp_path, kind):
    place = tmp_path / kind if kind != "device" else Path("/dev/zero")
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    with pytest.raises(EveryframeError, match="not a regular file") as caught:
        read_image(place)
    assert caught.value.code == "media.unsupported"


def test_words_are_known_whatever_their_case():
    assert unknown_words("A RED ball, bounces; zebra's Zebra’s!", WORDS) == ["zebra's", "zebra’s"]


def test_what_is_cut_off_a_text_is_what_the_model_does_not_read():
    for text, most in (("A  red BALL", 20), ("a red ball", 5), ("grün", 3), ("\ud800 ball", 1)):
        unread = unread_text(text, most)
        read = normal_text(text)[: -len(unread) or None]
        assert read + unread == normal_text(text)
        # What it is has no say.
        other = read + "".join("x" for _ in unread)
        cut = len(read.encode("utf-8", "replace"))
        assert (encode_bytes([text], most)[:, :cut] == encode_bytes([other], most)[:, :cut]).all()
    assert unread_text("grün", 3) == "ün"
    assert unread_text("a red ball", 5) == " ball"
    assert unread_text("a red ball", 10) == ""


def test_a_text_that_is_too_long_is_told(folder, places):
    prompt = "a red ball bounces " * 5 + "and a pencil"  # the tiny model reads 64 bytes
    options = (*SMALL, "--style", "late", "--format", "json", "--output", places / "out.mp4")
    ran = run("--prompt", prompt, *options, model=folder)
    assert ran.exit_code == 0, ran.output
    unread = json.loads(ran.stdout)["unread_text"]
    assert len(unread) == len(f"{prompt}, late") - 64
    assert unread.endswith("and a pencil, late")
    assert "warning: the text is too long" in ran.stderr
    assert repr(unread) in ran.stderr


@pytest.mark.parametrize("times", [("", ""), ("", "@0.16"), ("@0.6", "@0.7")])
def test_two_images_at_one_key_frame_are_refused(folder, places, times):
    image = places / "a.png"
    image.write_bytes(cv2.imencode(".png", np.full((40, 40, 3), 90, np.uint8))[1].tobytes())
    images = [part for time in times for part in ("--image", f"{image}{time}")]
    options = (*SMALL, *images, "--output", places / "out.mp4")
    ran = run("--prompt", "a ball", *options, model=folder)
    assert ran.exit_code == 2, ran.output
    assert "[option.invalid]" in ran.stderr
    assert "one key frame" in ran.stderr
    assert "0.33 s apart" in ran.stderr
    # Nothing was made for it, not even an identity.
    assert [path.name for path in places.iterdir()] == ["a.png"]


def test_damaged_weights_are_refused_before_they_are_used(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    raw = bytearray((copy / "dit.safetensors").read_bytes())
    raw[-1] ^= 1
    (copy / "dit.safetensors").write_bytes(raw)
    with pytest.raises(UnreadableMedia, match="checksum"):
        open_bundle(str(copy))
    (copy / "dit.safetensors").unlink()
    with pytest.raises(WeightsMissing):
        open_bundle(str(copy))


def test_a_description_cannot_name_files_elsewhere(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    document = json.loads((copy / DESCRIPTION).read_text())
    document["files"]["dit"]["file"] = "../tiny/dit.safetensors"
    (copy / DESCRIPTION).write_text(json.dumps(document))
    with pytest.raises(UnreadableMedia):
        open_bundle(str(copy))


def test_weights_are_copied_whole_and_run_from_there(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(download, ["--model", str(folder), "-o", "models", "--format", "json"])
    assert ran.exit_code == 0, ran.output
    facts = json.loads(ran.stdout)
    assert facts["complete"]
    assert open_bundle(facts["folder"]).model == "ltx-2.3"
    again = CliRunner().invoke(download, ["--model", str(folder), "-o", "models"])
    assert "there already" in again.stderr


def test_downloading_asks_for_one_source():
    for arguments in ([], ["--model", "a", "--repository", "b/c"]):
        ran = CliRunner().invoke(download, arguments)
        assert ran.exit_code == 2
        assert "[option.invalid]" in ran.stderr


def test_a_name_without_weights_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("generators.bundle._package_folder", lambda: tmp_path)
    with pytest.raises(WeightsMissing, match="no trained weights"):
        open_bundle("ltx-2.3")
    (tmp_path / "mine.json").touch()
    with pytest.raises(UnknownModel) as caught:
        open_bundle("ltx-9")
    assert caught.value.hint == "models that come with us: mine"


def test_a_repository_needs_the_package_for_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(PackageMissing, match="huggingface-hub"):
        download_repository("somebody/weights", None, tmp_path)


def test_a_disk_without_room_is_found_before_the_work(folder, places, monkeypatch):
    class Full:
        f_bavail, f_frsize = 1, 4096

    monkeypatch.setattr("generators.generation.os.statvfs", lambda _path: Full)
    ran = run("--prompt", "a ball", "--output", places / "out.mp4", *SMALL, model=folder)
    assert ran.exit_code == 4
    assert "[output.disk_full]" in ran.stderr


def test_a_clip_that_is_stopped_on_the_way_leaves_nothing(folder, places):
    def stop(stage, share):
        if stage == "decoding" and share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate("a ball", places / "out.mp4", model=str(folder), resolution="192x128",
                 duration=1.0, progress=stop)  # fmt: skip
    assert [path.name for path in places.iterdir() if "out" in path.name] == []
