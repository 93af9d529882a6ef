from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest

from attacks.base import Desk
from attacks.catalog import find_attack
from attacks.clip import Clip, silence
from attacks.systems.everyframe_audio import EveryframeAudio, message
from benchmarks.drawn_sound import voice
from provenance.clip import AudioSpec, VideoSpec
from provenance.errors import OptionError

RATE, SECONDS = 16_000, 8


@pytest.fixture(scope="module")
def clip():
    samples = voice(SECONDS, RATE, seed=3)
    return Clip(
        video=VideoSpec(width=16, height=16, rate=Fraction(1)),
        audio=AudioSpec(sample_rate=RATE, channels=1),
        duration_s=SECONDS,
        pictures=lambda: iter(()),
        sound=lambda: iter(np.array_split(samples, 7)),
    )


def test_the_message_of_a_seed_comes_back_after_an_attack_and_no_other(clip, tmp_path):
    system = pickle.loads(pickle.dumps(EveryframeAudio()))
    marked = system.mark(clip, seed=5)
    attack = find_attack("audio_opus").draw(32, np.random.default_rng(0))
    attacked = attack.apply(marked, Desk(folder=tmp_path))
    reading = system.read(attacked, seed=5)
    assert (reading.recovered, reading.present) == (True, True)
    assert 0 < reading.bound < 1e-9
    other = system.read(attacked, seed=6)
    assert (other.recovered, other.present) == (False, False)
    assert other.presence_p > 1e-6


def test_seeds_are_different_messages_and_each_pass_is_the_same(clip):
    assert message(1) != message(2)
    marked = EveryframeAudio().mark(clip, seed=1)
    first, second = (np.concatenate(list(marked.sound())) for _ in range(2))
    assert np.array_equal(first, second)
    assert len(first) == RATE * SECONDS


def test_a_silent_clip_is_not_marked_and_reads_nothing(clip):
    silent = clip.changed(audio=None, sound=silence)
    with pytest.raises(OptionError):
        EveryframeAudio().mark(silent, seed=1)
    assert EveryframeAudio().read(silent, seed=1).recovered is False


def test_the_accomplice_marks_and_brings_the_stranger(clip):
    ally = EveryframeAudio().accomplice(clip, seed=1, stranger=clip)
    assert len(ally.copies(2)) == 2
    assert ally.stranger() is clip
    with pytest.raises(OptionError):
        EveryframeAudio().accomplice(clip, seed=1, stranger=None).stranger()
