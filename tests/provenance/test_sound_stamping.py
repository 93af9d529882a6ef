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
from tests.drawn_sound import RATE, marked

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


def test_the_command_stamps_sound(tmp_path, desk, spoken, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    source, output = written(tmp_path / "in.wav", spoken[: RATE // 2]), tmp_path / "out.wav"
    options = ["--model", "ltx-2.3", "--keys", str(desk[0].directory)]
    options += ["--store", str(tmp_path / "store.sqlite"), "-o", str(output)]
    ran = CliRunner().invoke(main, [str(source), *options])
    assert ran.exit_code == 0, ran.output
    assert "too little sound to carry it" in ran.output
    assert output.exists()
