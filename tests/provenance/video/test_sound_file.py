from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drawn_sound import voice
from provenance.clip import AudioSpec
from provenance.errors import (
    FrameError,
    InputMissing,
    MediaTooLarge,
    NoVideo,
    OptionError,
    OutputForbidden,
    UnreadableMedia,
    UnsupportedMedia,
)
from provenance.video import SOUND_SUFFIXES, Limits, SoundWriter, open_sound
from provenance.video.sniff import sniff_sound
from tests.drawn import draw_clip, tone
from tests.drawn_sound import float_wav

STEREO = AudioSpec(sample_rate=44_100, channels=2)
CONTAINERS = {".m4a": "mp4", ".opus": "ogg"}


def written(path, samples, spec=STEREO):
    with SoundWriter(path, spec) as writer:
        for at in range(0, len(samples), 3000):
            writer.write(samples[at : at + 3000])
    return path


def read(path, **limits):
    with open_sound(path, limits=Limits(**limits)) as media:
        return np.concatenate(list(media.blocks())), media


@pytest.mark.parametrize("suffix", SOUND_SUFFIXES)
def test_sound_comes_back_at_its_place(tmp_path, suffix):
    sound = np.repeat(voice(2, 44_100), 2, axis=1)
    path = written(tmp_path / f"a{suffix}", sound)
    heard, media = read(path)
    assert media.damaged is None
    assert media.info.container == CONTAINERS.get(suffix, suffix[1:])
    assert media.info.bytes == path.stat().st_size
    assert media.info.duration_s == pytest.approx(2, abs=0.1)
    # Opus works at 48 kHz and is read at that.
    rate = media.info.audio.sample_rate
    assert rate == (48_000 if suffix in (".ogg", ".opus") else 44_100)
    assert len(heard) / rate == pytest.approx(2, abs=0.1)
    if rate == 44_100:
        count = min(len(heard), len(sound))
        match = np.corrcoef(heard[:count, 0], sound[:count, 0])[0, 1]
        assert match > 0.9
        assert suffix not in (".wav", ".flac") or match > 0.9999


@pytest.mark.parametrize("long", [False, True])
def test_sound_that_is_shorter_than_its_head_says_is_damaged(tmp_path, long):
    sound = np.repeat(voice(1, 16_000), 2, axis=1)
    whole = float_wav(tmp_path / "whole.wav", sound, long=long)
    assert read(whole)[1].damaged is None
    notes = tmp_path / "notes.wav"
    notes.write_bytes(whole.read_bytes() + b"LIST" + (8).to_bytes(4, "little") + b"INFO")
    assert read(notes)[1].damaged is None
    for missing in (1, 8, 100_000):
        cut = tmp_path / "cut.wav"
        cut.write_bytes(whole.read_bytes()[:-missing])
        assert read(cut)[1].damaged == f"the file lacks {missing} bytes at its end"


@pytest.mark.parametrize(("suffix", "missing"), [(".mp3", 8_000), (".ogg", 9), (".opus", 700)])
def test_compressed_sound_that_breaks_off_is_damaged(tmp_path, suffix, missing):
    whole = written(tmp_path / f"whole{suffix}", np.repeat(voice(4, 44_100), 2, axis=1))
    assert read(whole)[1].damaged is None
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[:-missing])
    damaged = read(cut)[1].damaged
    assert damaged is not None
    assert damaged.startswith("the file lacks ")
    noted = tmp_path / f"noted{suffix}"
    noted.write_bytes(whole.read_bytes() + b"TAG".ljust(128, b" "))
    assert read(noted)[1].damaged is None


def test_what_is_no_sound_is_silence_and_told(tmp_path):
    sound = 0.5 * np.repeat(voice(1, 16_000), 2, axis=1)
    bad = sound.copy()
    bad[100], bad[101, 0], bad[-1, 1] = np.nan, 1e9, -np.inf
    heard, media = read(float_wav(tmp_path / "bad.wav", bad))
    assert media.damaged == "4 samples of its sound are no numbers, or none of any sound"
    assert np.isfinite(heard).all()
    assert not heard[100].any()
    assert (heard[:100] == sound[:100]).all()
    loud, media = read(float_wav(tmp_path / "loud.wav", sound * 2**15))  # as of 16 bits
    assert media.damaged is None
    assert np.abs(loud).max() > 1000


def test_the_sound_of_a_video_is_read_too(tmp_path):
    path = draw_clip(tmp_path / "clip.mp4", frames=24, width=96, height=64)
    heard, media = read(path)
    assert heard.shape[1] == media.info.audio.channels == 2
    assert len(heard) / media.info.audio.sample_rate == pytest.approx(1, abs=0.1)


def test_what_holds_no_sound_is_refused(tmp_path):
    with pytest.raises(InputMissing):
        open_sound(tmp_path / "none.wav")
    silent = draw_clip(tmp_path / "silent.mp4", frames=5, width=96, height=64, channels=None)
    with pytest.raises(NoVideo):
        open_sound(silent)
    # A head may state any rate; what looks at a second of it would need gigabytes.
    fast = float_wav(tmp_path / "fast.wav", np.zeros((4000, 1), np.float32), rate=2**28)
    with pytest.raises(NoVideo):
        open_sound(fast)
    text = tmp_path / "list.wav"
    text.write_text("ffconcat version 1.0\nfile other.wav\n")
    with pytest.raises(UnsupportedMedia, match=r"neither sound nor video.*ffconcat") as caught:
        open_sound(text)
    assert "WAV" in caught.value.hint
    junk = tmp_path / "junk.wav"
    junk.write_bytes(b"RIFF\xff\xff\xff\x7fWAVEfmt " + bytes(range(200)))
    with pytest.raises((UnreadableMedia, NoVideo)):
        read(junk)


def test_a_damaged_end_is_told_and_a_long_file_refused(tmp_path):
    path = written(tmp_path / "a.flac", tone(4, rate=44_100))
    with pytest.raises(MediaTooLarge):
        read(path, max_duration_s=2)
    whole = path.read_bytes()
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(written(tmp_path / "b.mp3", tone(4, rate=44_100)).read_bytes()[:20_000])
    heard, _ = read(cut)
    assert 0.2 < len(heard) / 44_100 < 3
    path.write_bytes(whole[: len(whole) // 2] + b"\xa5" * (len(whole) // 2))
    heard, media = read(path)
    assert len(heard) < 4 * 44_100 or media.damaged is not None


def test_heads_are_told_apart():
    heads = {
        b"RIFF\0\0\0\0WAVE": "wav",
        b"fLaC": "flac",
        b"OggS": "ogg",
        b"ID3\x04": "mp3",
        b"\xff\xfb\x90\x00": "mp3",
        b"\xff\xf3\x90\x00": "mp3",
        b"\xff\xf1\x50\x80": "aac",
        b"\0\0\0\x20ftypM4A ": "mp4",
        b"RIFF\0\0\0\0AVI ": "avi",
    }
    assert {head: sniff_sound(head, "x").container for head in heads} == heads
    for head in (b"\xff\xd8\xff\xe0", b"\xff", b"\xff\xff\xff\xff"):
        with pytest.raises(UnsupportedMedia):
            sniff_sound(head, "x")


def test_nothing_is_left_behind_by_a_failure(tmp_path):
    with pytest.raises(OptionError, match="suffix"):
        SoundWriter(tmp_path / "a.txt", STEREO)
    with pytest.raises(OutputForbidden):
        SoundWriter(tmp_path / "none" / "a.wav", STEREO)
    with pytest.raises(FrameError), SoundWriter(tmp_path / "a.wav", STEREO) as writer:
        writer.write(tone(1, rate=44_100, channels=1))
    assert list(tmp_path.iterdir()) == []
