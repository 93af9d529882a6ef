"""What the benchmarks compare with is right, and each says how to use it."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import convolutional
from benchmarks.audio import ATTACKS, attacks, draw, mark, read, snr_db
from benchmarks.fec import approximation
from benchmarks.masking import noise_to_mask_db
from benchmarks.tables import markdown

COMMANDS = (
    "audio",
    "audio_false_positives",
    "false_positives",
    "fec",
    "geometry",
    "gpu",
    "stamping",
    "tampering",
    "verifying",
)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name):
    result = CliRunner().invoke(importlib.import_module(f"benchmarks.{name}").main, ["--help"])
    assert result.exit_code == 0
    assert "--" in result.output


def test_the_convolutional_code_corrects_noise():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (20, 128), dtype=np.uint8)
    coded = convolutional.encode(bits, 800)
    assert coded.shape == (20, 800)
    noisy = 1 - 2.0 * coded + rng.normal(0, 1, coded.shape)
    assert (convolutional.decode(noisy.astype(np.float32), 128) == bits).all()
    hopeless = rng.normal(size=coded.shape).astype(np.float32)
    assert (convolutional.decode(hopeless, 128) != bits).any(1).all()


def test_the_convolutional_code_has_its_free_distance():
    # 18 for the rate-1/3 code (Larsen 1973), and each bit is sent twice.
    bits = np.zeros((1, 128), np.uint8)
    bits[0, 20] = 1
    assert int(convolutional.encode(bits, 816).sum()) >= 36


def test_the_bound_grows_from_never_to_always():
    shares = [approximation(gamma) for gamma in (0.05, 0.2, 0.25, 0.3, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] < 1e-6
    assert shares[-1] == pytest.approx(1)
    assert 0.4 < shares[2] < 0.8


def test_tables_are_markdown():
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"


def test_louder_noise_lies_higher_above_the_mask_and_shaped_noise_below_white():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(32_000).astype(np.float32)
    sound = np.convolve(noise, np.ones(30) / 30, "same").astype(np.float32)
    white = 0.05 * rng.standard_normal(len(sound)).astype(np.float32) * sound.std()
    quiet_db, few = noise_to_mask_db(sound, sound + 0.1 * white, 16_000)
    loud_db, many = noise_to_mask_db(sound, sound + 10 * white, 16_000)
    assert loud_db - quiet_db == pytest.approx(40, abs=0.5)
    assert few < 0.1
    assert many > 0.7
    shaped_db, _ = noise_to_mask_db(sound, 1.05 * sound, 16_000)
    assert shaped_db < noise_to_mask_db(sound, sound + white, 16_000)[0]


def test_drawn_sound_is_marked_and_read():
    sounds = list(draw(8, 1))
    assert [sound.seconds for sound in sounds] == [8, 8, 8]
    for sound in sounds:
        marked = mark(sound)
        assert snr_db(sound, marked) > 27
        assert read(marked.samples, sound.rate)[0] == "read"
    assert read(sounds[0].samples[:32_000], sounds[0].rate)[0] == "-"


def test_every_attack_of_the_table_can_be_drawn():
    assert len(list(attacks())) == len(ATTACKS) + 1
