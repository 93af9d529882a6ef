"""Sound in spans and at other speeds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from attacks.temporal.soundtrack import SoundReader, silent, spliced, varispeed
from provenance.clip import AudioSpec
from tests.painted import painted

FRAME = np.zeros((16, 16), np.uint8)


def clip_of(sound, rate=8000, frames=20):
    return painted([FRAME] * frames, sound=np.asarray(sound, np.float32), sample_rate=rate)


def counting(seconds, rate=8000):
    return np.arange(round(seconds * rate), dtype=np.float32)[:, None] / 1e5


def joined(blocks):
    return np.concatenate(list(blocks))


def test_readers_give_what_is_asked_for_and_then_silence():
    sound = counting(0.5)
    reader = SoundReader(clip_of(sound))
    assert np.array_equal(reader.take(7), sound[:7])
    reader.skip_to(2500)
    assert np.array_equal(reader.take(1100), sound[2500:3600])
    rest = joined(reader.blocks(9000))
    assert len(rest) == 9000
    assert np.array_equal(rest[:400], sound[3600:])
    assert not rest[400:].any()
    assert len(reader.take(0)) == 0


def test_spans_are_cut_to_the_sample():
    sound = counting(2)
    spans = [(Fraction(1, 10), Fraction(1, 4)), (Fraction(1), Fraction(3, 2))]
    cut = joined(spliced(clip_of(sound), spans))
    assert np.array_equal(cut, np.concatenate([sound[800:2000], sound[8000:12000]]))


def test_many_cuts_do_not_add_up():
    """Spans of 1/30 s are 266⅔ samples each."""
    spans = [(Fraction(2 * n, 30), Fraction(2 * n + 1, 30)) for n in range(30)]
    assert len(joined(spliced(clip_of(counting(2)), spans))) == 8000


def test_silence_is_as_long_as_asked():
    quiet = joined(silent(AudioSpec(sample_rate=8000, channels=2), Fraction(3, 2)))
    assert quiet.shape == (12000, 2)
    assert not quiet.any()
    assert list(silent(None, Fraction(1))) == []


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.25, 2.0])
def test_a_tone_moves_with_the_speed_and_stays_clean(factor):
    rate, hertz = 48_000, 1000
    place = np.arange(2 * rate) / rate
    sound = np.stack([np.sin(2 * np.pi * hertz * place), np.cos(2 * np.pi * hertz * place)], 1)
    out = joined(varispeed(clip_of(sound, rate), factor))
    assert out.dtype == np.float32
    assert len(out) == round(2 * rate / factor)
    there = np.arange(len(out)) / rate * factor
    middle = slice(500, -500)
    wrong = out[middle, 0] - np.sin(2 * np.pi * hertz * there)[middle]
    assert np.abs(wrong).max() < 1e-3


def test_what_would_fold_back_is_taken_out():
    rate = 48_000
    high = np.sin(2 * np.pi * 18_000 * np.arange(2 * rate) / rate)[:, None]
    out = joined(varispeed(clip_of(high, rate), 2.0))
    assert np.abs(out[1000:-1000]).max() < 0.02
