"""Files of sound alone: marked, signed, and read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.drawn_sound import voice
from detectors.verification import verify
from provenance.cli import main
from provenance.clip import AudioSpec
from provenance.errors import AlreadyMarked, EveryframeError, OptionError, UnreadableMedia
from provenance.keys import ensure_identity
from provenance.stamping import stamp
from provenance.store import open_store
from provenance.video import SOUND_SUFFIXES, SoundWriter, open_sound
from tests.drawn_sound import RATE, float_wav, marked

MONO = AudioSpec(sample_rate=RATE, channels=1)


@pytest.fixture(scope="module")
def spoken():
    return voice(6, RATE, seed=3)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    identity, _ = ensure_identity(folder / "keys", now=datetime.now(UTC))
    with open_store(str(folder / "store.sqlite")) as store:
        yield identity, store


def written(path, samples, like=None):
    with SoundWriter(path, MONO, like=like) as writer:
        writer.write(samples)
    return path


def stamped(desk, path, output, **options):
    identity, store = desk
    return stamp(path, output, model="ltx-2.3", identity=identity, store=store, **options)


def samples_of(path):
    with open_sound(path) as media:
        return np.concatenate(list(media.blocks()))


@pytest.mark.parametrize("suffix", SOUND_SUFFIXES)
def test_every_kind_of_file_is_marked_signed_and_verified(tmp_path, desk, spoken, suffix):
    source, output = written(tmp_path / f"in{suffix}", spoken), tmp_path / f"out{suffix}"
    before = source.read_bytes()
    done = stamped(desk, source, output)
    assert (done.readable, done.kept, done.carried.frames) == (True, False, 0)
    result = verify(output, keys=desk[0].directory, store=desk[1])
    assert (result.verdict, result.tampered, result.modified) == ("ai_generated", False, ())
    assert result.manifest.state == "trusted"
    assert result.manifest.source == "sidecar" if suffix in (".ogg", ".opus") else "embedded"
    assert result.audio_watermark.content_id == done.sealed.payload.content_id_hex
    assert result.manifest.content_id == result.audio_watermark.content_id
    assert result.content_match is not None
    assert source.read_bytes() == before


@pytest.fixture(scope="module")
def once(tmp_path_factory, desk, spoken):
    """A stamped WAV file, and what stamping said."""
    folder = tmp_path_factory.mktemp("once")
    source, output = written(folder / "in.wav", spoken), folder / "out.wav"
    return output, stamped(desk, source, output)


def test_a_mark_that_is_there_is_kept_with_every_sample(tmp_path, desk, once):
    path, first = once
    again = stamped(desk, path, tmp_path / "again.wav")
    assert again.kept
    assert again.sealed.payload == first.sealed.payload
    assert np.array_equal(samples_of(tmp_path / "again.wav"), samples_of(path))
    with pytest.raises(AlreadyMarked, match="carries a mark already"):
        stamped(desk, path, tmp_path / "no.wav", if_marked="refuse")
    with pytest.raises(AlreadyMarked, match="captured"):
        stamped(desk, path, tmp_path / "no.wav", source="captured")
    with pytest.raises(OptionError, match=r"not \.flac"):
        stamped(desk, path, tmp_path / "no.flac")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["again.wav"]


def test_a_second_mark_is_added(tmp_path, desk, once):
    path, first = once
    added = stamped(desk, path, tmp_path / "added.wav", if_marked="add")
    assert not added.kept
    assert added.sealed.payload.content_id != first.sealed.payload.content_id
    # Whichever is read, if one is: the credentials name both.
    result = verify(added.sealed.path, keys=desk[0].directory, store=desk[1])
    assert result.manifest.content_id == added.sealed.payload.content_id_hex
    assert result.manifest.piece_ids == (first.sealed.payload.content_id_hex,)
    assert (result.verdict, result.tampered) == ("ai_generated", False)


def test_what_is_marked_in_part_is_not_signed_as_marked(tmp_path, desk, spoken):
    identity, _ = desk
    long = np.concatenate([spoken, spoken])
    half = marked(long, key=identity.carrier_key)
    half[len(spoken) :] = spoken
    with pytest.raises(AlreadyMarked, match="not throughout"):
        stamped(desk, written(tmp_path / "half.wav", half), tmp_path / "out.wav")


@pytest.mark.parametrize(
    ("suffix", "codec", "bits"),
    [(".wav", "pcm_s24le", 32), (".flac", "flac", 32), (".m4a", "alac", 32)],
)
def test_lossless_sound_stays_lossless_with_its_bits(tmp_path, desk, spoken, suffix, codec, bits):
    source, output = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    with open_sound(written(tmp_path / "plain.wav", spoken)) as media:
        written(source, spoken, like=replace(media.info, codec=codec, bits=bits))
    stamped(desk, source, output)
    with open_sound(output) as media:
        assert (media.info.codec, media.info.bits) == (codec, bits)
    # Finer than 16 bits: what is written is not a multiple of their step.
    steps = samples_of(output) * 2**15
    assert np.abs(steps - np.rint(steps)).max() > 0.1


def test_what_is_for_video_is_refused(tmp_path, desk, once):
    for options in ({"psnr": 45.0}, {"vmaf": True}, {"audio_mark": False}, {"aigc_producer": "x"}):
        with pytest.raises(OptionError, match="sound alone"):
            stamped(desk, once[0], tmp_path / "out.wav", **options)
    with pytest.raises(OptionError, match="no suffix"):
        stamped(desk, once[0], tmp_path / "out.mp4")
    assert not list(tmp_path.iterdir())


def test_damaged_sound_leaves_nothing(tmp_path, desk, spoken):
    whole = written(tmp_path / "whole.flac", spoken).read_bytes()
    broken = tmp_path / "broken.flac"
    broken.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EveryframeError) as raised:
        stamped(desk, broken, tmp_path / "out.flac")
    assert raised.type is UnreadableMedia
    assert sorted(one.name for one in tmp_path.iterdir()) == ["broken.flac", "whole.flac"]


def spoilt(samples, value):
    out = samples.copy()
    out[len(out) // 2] = value
    return out


@pytest.mark.parametrize(
    ("name", "why"),
    [("cut", "lacks 192000 bytes"), ("nan", "1 samples"), ("inf", "1 samples"), ("huge", "1 samp")],
)
def test_sound_that_is_cut_or_no_sound_is_refused(tmp_path, desk, spoken, name, why):
    path = tmp_path / "in.wav"
    if name == "cut":
        float_wav(path, spoken[: len(spoken) // 2], data_bytes=4 * len(spoken))
    else:
        value = {"nan": np.nan, "inf": -np.inf, "huge": 1e30}[name]
        float_wav(path, spoilt(spoken, value))
    with pytest.raises(UnreadableMedia, match=why):
        stamped(desk, path, tmp_path / "out.wav")
    assert [one.name for one in tmp_path.iterdir()] == ["in.wav"]
    # It is searched, and what is wrong with it is told.
    result = verify(path, keys=desk[0].directory, store=desk[1])
    assert why in result.error.message


def test_an_ogg_file_cut_between_two_pages_is_told_to_be_without_an_end(tmp_path, desk, spoken):
    whole, cut = written(tmp_path / "whole.ogg", spoken), tmp_path / "cut.ogg"
    content = whole.read_bytes()
    cut.write_bytes(content[: content.rfind(b"OggS")])
    for path, told in ((whole, 0), (cut, 1)):
        result = verify(path, keys=desk[0].directory, store=desk[1])
        assert result.error is None  # a recording that was broken off is whole as it is
        ends = [check for check in result.checks if check.name == "file_end"]
        assert [check.state for check in ends] == ["skipped"] * told
        done = stamped(desk, path, tmp_path / f"of-{path.name}")
        assert len([one for one in done.sealed.warnings if "does not say" in one]) == told


@pytest.mark.parametrize("data_bytes", [0, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_sound_of_which_the_length_was_not_known_is_marked(tmp_path, desk, spoken, data_bytes):
    path = float_wav(tmp_path / "in.wav", spoken, data_bytes=data_bytes)
    assert stamped(desk, path, tmp_path / "out.wav").readable


def test_a_mark_is_read_beside_samples_that_are_no_numbers(tmp_path, desk, spoken):
    identity, store = desk
    heard = spoilt(marked(spoken, key=identity.carrier_key), np.nan)
    result = verify(float_wav(tmp_path / "in.wav", heard), keys=identity.directory, store=store)
    assert result.audio_watermark.detected
    assert result.verdict == "ai_generated"
    assert "no numbers" in result.error.message


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_mono_is_marked_at_any_rate_in_opus(tmp_path, desk, suffix, rate):
    samples = voice(6, rate, seed=3)
    path = tmp_path / f"in{suffix}"
    with SoundWriter(path, AudioSpec(sample_rate=rate, channels=1)) as writer:
        writer.write(samples)
    done = stamped(desk, path, tmp_path / f"out{suffix}")
    assert done.readable
    with open_sound(tmp_path / f"out{suffix}") as media:
        assert media.info.audio.channels == 1


@pytest.mark.parametrize("suffix", SOUND_SUFFIXES)
def test_plain_sound_is_written_to_every_kind_of_file(tmp_path, spoken, suffix):
    """One channel of 16 bits, whose bit rate is more than Opus has for one."""
    with open_sound(float_wav(tmp_path / "in.wav", spoken[:RATE])) as media:
        like = replace(media.info, codec="pcm_s16le", bitrate=768_000)
    written(tmp_path / f"out{suffix}", spoken[:RATE], like=like)
    assert len(samples_of(tmp_path / f"out{suffix}")) >= RATE


def test_more_channels_than_a_file_holds_are_refused_in_words(tmp_path, desk, spoken):
    source = tmp_path / "in.wav"
    with SoundWriter(source, AudioSpec(sample_rate=RATE, channels=6)) as writer:
        writer.write(np.repeat(spoken[:RATE], 6, axis=1))
    with pytest.raises(OptionError, match=r"\.mp3 holds 2 channels"):
        stamped(desk, source, tmp_path / "out.mp3")
    assert [one.name for one in tmp_path.iterdir()] == ["in.wav"]


def test_options_for_pictures_are_not_taken_silently(tmp_path, desk, spoken):
    source, output = written(tmp_path / "in.wav", spoken[: RATE // 2]), tmp_path / "out.wav"
    options = ["--model", "ltx-2.3", "--keys", str(desk[0].directory), "-o", str(output)]
    options += ["--store", str(tmp_path / "store.sqlite")]
    given = {"LTX_STAMP_PRESET": "slow"}  # for all files, and so no mistake
    ran = CliRunner().invoke(
        main, [str(source), *options, "--crf", "20", "--codec", "av1"], env=given
    )
    assert ran.exit_code == 1, ran.output  # so short a sound is not read back
    assert "--codec, --crf are for pictures: not used" in ran.stderr
    ran = CliRunner().invoke(main, [str(source), *options], env=given)
    assert "for pictures" not in ran.stderr


def test_the_command_stamps_sound(tmp_path, desk, spoken, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    source, output = written(tmp_path / "in.wav", spoken[: RATE // 2]), tmp_path / "out.wav"
    options = ["--model", "ltx-2.3", "--keys", str(desk[0].directory)]
    options += ["--store", str(tmp_path / "store.sqlite"), "-o", str(output)]
    ran = CliRunner().invoke(main, [str(source), *options])
    assert ran.exit_code == 1, ran.output
    assert "too little sound to carry it" in ran.output
    assert output.exists()
