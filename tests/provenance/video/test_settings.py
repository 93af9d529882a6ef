"""Wishes to encoders: what each can, and what is refused at once."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from provenance.clip import AudioSpec, VideoSpec
from provenance.errors import OptionError
from provenance.video import (
    EncodeSettings,
    MediaWriter,
    SoundSettings,
    describe_ffmpeg,
    open_media,
    picture_from_rgb,
)
from tests.drawn import SOUND_RATE, draw_clip, moving_frames, tone

if TYPE_CHECKING:
    from pathlib import Path

SPEC = VideoSpec(width=64, height=48, rate=Fraction(25))


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("vp9", ".webm"),
        ("vp9", ".mp4"),
        ("vp9", ".mkv"),
        ("mpeg4", ".mp4"),
        ("mpeg4", ".mov"),
        ("mpeg4", ".mkv"),
        ("prores", ".mov"),
        ("prores", ".mkv"),
    ],
)
@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001)])
def test_codecs_beside_those_of_delivery(tmp_path: Path, capfd, codec, suffix, rate) -> None:
    settings = EncodeSettings(codec=codec, threads=2)
    path = draw_clip(tmp_path / f"clip{suffix}", frames=12, rate=rate, settings=settings)
    with open_media(path) as reader:
        assert reader.info.codec == codec
        assert reader.info.video.rate == rate
        times = [picture.time for picture in reader.pictures()]
        assert reader.damaged is None
    assert [round(time * rate) for time in times] == list(range(12))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("rate", [Fraction(60_000, 1001), Fraction(70_001), Fraction(1, 3)])
def test_mpeg4_has_stamps_of_sixteen_bits(tmp_path: Path, rate) -> None:
    video = VideoSpec(width=64, height=48, rate=rate)
    path = tmp_path / "clip.mp4"
    with MediaWriter(path, video=video, settings=EncodeSettings(codec="mpeg4")) as writer:
        for index, frame in enumerate(moving_frames(5, 48, 64)):
            writer.write(picture_from_rgb(frame, time=index / min(rate, 1000), spec=video))
    with av.open(str(path)) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert np.diff(times) == pytest.approx(float(1 / min(rate, 1000)), rel=0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        {"crf": 23, "bitrate": 100_000},
        {"bitrate": 10},
        {"max_bitrate": 10},
        {"gop": 0},
        {"b_frames": -1},
        {"codec": "vp9", "b_frames": 1},
        {"codec": "av1", "b_frames": 1},
        {"codec": "av1", "bitrate": 100_000, "max_bitrate": 200_000},
        {"codec": "mpeg4", "crf": 0},
        {"codec": "mpeg4", "crf": 32},
        {"codec": "mpeg4", "crf": 5, "max_bitrate": 100_000},
        {"codec": "prores", "crf": 1},
        {"codec": "prores", "bitrate": 100_000},
        {"codec": "prores", "gop": 5},
        {"codec": "prores", "preset": "medium"},
    ],
)
def test_wishes_that_no_encoder_grants(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError) as caught:
        EncodeSettings(**wrong)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("codec", "suffix"), [("prores", ".mp4"), ("mpeg4", ".webm"), ("vp9", ".mov")]
)
def test_containers_that_do_not_hold_a_codec(tmp_path: Path, codec: str, suffix: str) -> None:
    with pytest.raises(OptionError, match="does not hold") as caught:
        MediaWriter(tmp_path / f"a{suffix}", video=SPEC, settings=EncodeSettings(codec=codec))
    # ltx-stamp shows this hint, and has three codecs to choose from.
    assert "prores" not in caught.value.hint
    assert "mpeg4" not in caught.value.hint


def test_what_a_file_could_not_say_about_its_pictures(tmp_path: Path) -> None:
    wide = VideoSpec(width=64, height=48, rate=Fraction(25), pixel_aspect=Fraction(4, 3))
    full = VideoSpec(width=64, height=48, rate=Fraction(25), full_range=True)
    for name, codec, video in (("a.webm", "vp9", wide), ("a.mov", "prores", full)):
        with pytest.raises(OptionError):
            MediaWriter(tmp_path / name, video=video, settings=EncodeSettings(codec=codec))


@pytest.mark.parametrize(
    ("suffix", "sound", "canonical"),
    [
        (".mp4", SoundSettings(), "aac"),
        (".mp4", SoundSettings(codec="mp3", bitrate=64_000), "mp3"),
        (".mp4", SoundSettings(codec="opus", bitrate=48_000), "opus"),
        (".mp4", SoundSettings(codec="flac"), "flac"),
        (".mkv", SoundSettings(codec="ac3", bitrate=128_000), "ac3"),
        (".mov", SoundSettings(codec="pcm"), "pcm_s16le"),
        (".mp4", SoundSettings(codec="aac", bitrate=48_000, sample_rate=22_050), "aac"),
    ],
)
def test_sound_is_encoded_as_wished(tmp_path: Path, suffix, sound, canonical) -> None:
    path, audio = tmp_path / f"clip{suffix}", AudioSpec(sample_rate=SOUND_RATE, channels=2)
    samples = tone(2.0)
    fast = EncodeSettings(preset="ultrafast")
    with MediaWriter(path, video=SPEC, settings=fast, audio=audio, sound=sound) as writer:
        for index, frame in enumerate(moving_frames(50, 48, 64)):
            writer.write(picture_from_rgb(frame, time=Fraction(index, 25), spec=SPEC))
            writer.write_audio(samples[index * 1920 : (index + 1) * 1920])
    with open_media(path) as reader:
        assert reader.info.audio_codec == canonical
        assert reader.info.audio.sample_rate == (sound.sample_rate or SOUND_RATE)
        heard = np.concatenate(list(reader.sound()))
    wanted = tone(2.0, rate=reader.info.audio.sample_rate)
    middle = slice(5000, 35_000)
    assert np.abs(heard[middle] - wanted[middle]).mean() < 0.02
    if sound.bitrate is not None:
        with av.open(str(path)) as container:
            packets = sum(packet.size for packet in container.demux(audio=0))
        assert packets * 8 / 2 == pytest.approx(sound.bitrate, rel=0.4)


def test_sound_that_cannot_be_had(tmp_path: Path) -> None:
    for wrong in ({"codec": "midi"}, {"bitrate": 1}, {"sample_rate": 5}):
        with pytest.raises(OptionError):
            SoundSettings(**wrong)
    for suffix, codec in ((".webm", "aac"), (".mp4", "pcm"), (".mov", "opus"), (".mp4", "amr")):
        settings = EncodeSettings(codec="vp9" if suffix == ".webm" else "h264")
        with pytest.raises(OptionError, match="sound"):
            MediaWriter(
                tmp_path / f"a{suffix}",
                video=SPEC,
                settings=settings,
                sound=SoundSettings(codec=codec),
            )
    assert not list(tmp_path.iterdir())


def test_this_build_has_all_encoders() -> None:
    encoders = describe_ffmpeg()["encoders"]
    assert {"libvpx-vp9", "mpeg4", "prores_ks"} <= set(encoders)
    assert all(encoders.values())
