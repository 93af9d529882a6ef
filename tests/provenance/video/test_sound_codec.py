"""Sound through codecs and filters in memory: in its place, of its length, in any blocks."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.clip import AudioSpec
from provenance.errors import FrameError, OptionError
from provenance.video import SoundSettings, coded_sound, filtered_sound


def sweep(rate: int, channels: int, seconds: float = 1.5):
    time = np.arange(round(seconds * rate)) / rate
    waves = [
        0.3 * np.sin(2 * np.pi * (300 + (500 + 60 * c) * time) * time) for c in range(channels)
    ]
    return np.stack(waves, axis=1).astype(np.float32)


def blocks(samples, size=1111):
    return [samples[i : i + size] for i in range(0, len(samples), size)]


def lag(heard, wanted) -> int:
    size = 1 << 18
    spectrum = np.fft.rfft(heard[:, 0], size) * np.conj(np.fft.rfft(wanted[:, 0], size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)))
    return at if at < size // 2 else at - size


@pytest.mark.parametrize("rate", [48_000, 44_100, 16_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("codec", "bitrate"),
    [
        ("aac", 96_000),
        ("mp3", 96_000),
        ("opus", 48_000),
        ("ac3", 128_000),
        ("flac", None),
        ("pcm", None),
        ("amr", 12_200),
    ],
)
def test_what_comes_out_is_where_it_went_in(rate, channels, codec, bitrate) -> None:
    audio = AudioSpec(sample_rate=rate, channels=channels)
    samples = sweep(rate, channels)
    settings = SoundSettings(codec=codec, bitrate=bitrate)
    heard = np.concatenate(list(coded_sound(blocks(samples), audio, settings)))
    assert heard.dtype == np.float32
    assert heard.shape[1] == channels
    # AMR is a model of speech: it is allowed two milliseconds, the others a few samples at 48 kHz.
    assert abs(lag(heard, samples)) <= (rate // 500 if codec == "amr" else 3)
    assert -0.005 * rate < len(heard) - len(samples) < 0.05 * rate
    if codec in {"pcm", "flac"}:
        assert np.abs(heard[: len(samples)] - samples).max() < 1e-4
    elif codec != "amr":
        assert 1e-6 < np.abs(heard[: len(samples)] - samples[: len(heard)]).mean() < 0.15


def test_blocks_do_not_matter() -> None:
    audio, samples = AudioSpec(sample_rate=48_000, channels=2), sweep(48_000, 2)
    settings = SoundSettings(codec="aac", bitrate=64_000)
    one = np.concatenate(list(coded_sound([samples], audio, settings)))
    many = np.concatenate(list(coded_sound(blocks(samples, 77), audio, settings)))
    np.testing.assert_array_equal(one, many)


def test_filters_of_ffmpeg() -> None:
    audio, samples = AudioSpec(sample_rate=48_000, channels=2), sweep(48_000, 2)
    halved = np.concatenate(list(filtered_sound(blocks(samples), audio, ("volume", "0.5"))))
    np.testing.assert_allclose(halved, samples / 2, atol=1e-6)
    quick = list(
        filtered_sound(blocks(samples), audio, ("asetrate", "96000"), ("aresample", "48000"))
    )
    assert sum(map(len, quick)) == len(samples) // 2


@pytest.mark.parametrize(("codec", "kept"), [("mp3", 2), ("amr", 1), ("aac", 6)])
def test_channels_that_a_codec_has_not_are_mixed(codec, kept) -> None:
    audio = AudioSpec(sample_rate=48_000, channels=6)
    settings = SoundSettings(codec=codec, bitrate=12_200 if codec == "amr" else None)
    assert settings.channels_of(6) == kept
    assert SoundSettings(codec=codec, most_channels=2).channels_of(6) == min(kept, 2)
    heard = np.concatenate(list(coded_sound(blocks(sweep(48_000, 6)), audio, settings)))
    assert heard.shape[1] == 6
    assert np.abs(heard).max() > 0.05


def test_rates_that_a_codec_has_not_are_said() -> None:
    audio, settings = (
        AudioSpec(sample_rate=48_000, channels=2),
        SoundSettings(codec="opus", bitrate=10**7),
    )
    with pytest.raises(OptionError, match="opus"):
        list(coded_sound(blocks(sweep(48_000, 2)), audio, settings))


def test_silence_and_nothing() -> None:
    audio, settings = AudioSpec(sample_rate=48_000, channels=1), SoundSettings(codec="aac")
    assert sum(map(len, coded_sound([], audio, settings))) == 0
    quiet = np.concatenate(list(coded_sound([np.zeros((4800, 1), np.float32)], audio, settings)))
    assert np.abs(quiet).max() < 1e-4


def test_what_is_no_sound_is_refused() -> None:
    audio, settings = AudioSpec(sample_rate=48_000, channels=2), SoundSettings(codec="aac")
    for wrong in (
        np.zeros((5, 1), np.float32),
        np.zeros((5, 2)),
        np.full((5, 2), np.nan, np.float32),
    ):
        with pytest.raises(FrameError):
            list(coded_sound([wrong], audio, settings))
        with pytest.raises(FrameError):
            list(filtered_sound([wrong], audio, ("volume", "1")))
    with pytest.raises(OptionError):
        list(coded_sound([], audio, SoundSettings()))
    with pytest.raises(OptionError):
        list(coded_sound([], AudioSpec(sample_rate=48_000, channels=9), settings))
