"""What the listener of the mark in the sound learns from is what it says."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file

from benchmarks.audio import Sound
from benchmarks.listener_examples import SPOTS, examples
from benchmarks.listener_training import cells_of, gain, loss_of, main, strength, train
from benchmarks.spoken import spoken
from provenance.audio_watermark.bands import FEATURES, HALVES
from provenance.audio_watermark.listener import assembled
from provenance.audio_watermark.tile import ROWS
from provenance.errors import MediaTooShort, PackageMissing
from tests.drawn_sound import float_wav


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_cells_are_summed_where_they_lie():
    signs = torch.sign(torch.randn(1, ROWS, 20, generator=torch.Generator().manual_seed(0)))
    spots = torch.repeat_interleave(signs, 2, dim=2)
    exact, whole = cells_of(spots, torch.tensor([0.0]), 20)
    assert torch.equal(exact[..., :-1], 2 * signs[..., :-1])
    late, heard = cells_of(spots[..., 2:], torch.tensor([0.04]), 20)
    assert not heard[0, 0, 0]
    assert torch.equal(late[..., 1:-1], 2 * signs[..., 1:-1])
    right, wrong = (loss_of(exact, side * signs, whole) for side in (1, -1))
    assert right < 0.2
    assert wrong > 2
    noise = 0.1 * torch.randn(exact.shape, generator=torch.Generator().manual_seed(1))
    assert strength(exact + noise, signs, whole) > 10
    assert strength(exact + noise, -signs, whole) == 0


def test_an_example_carries_its_signs_and_steps_are_learned_from_it():
    rng = np.random.default_rng(3)
    hiss = 0.1 * rng.standard_normal((8 * 16_000, 1)).astype(np.float32)
    file = Sound(name="hiss", samples=hiss, rate=16_000)
    drawn = list(islice(examples([file], np.random.default_rng(3)), 1))
    for example in drawn:
        assert example.features.shape == (FEATURES, HALVES, SPOTS)
        assert set(np.unique(example.signs)) == {-1, 1}
        assert 0 <= example.late_s < 0.041
    network, before = (train(drawn, steps=steps, seed=0) for steps in (2, 0))
    pairs = zip(before.parameters(), network.parameters(), strict=True)
    assert all(not torch.equal(*pair) for pair in pairs)
    assert 0.2 < gain(network, drawn) < 3


def test_one_command_makes_weights_from_nothing_and_always_the_same(tmp_path, monkeypatch):
    """However many processes draw what is learned from."""
    monkeypatch.setattr("benchmarks.listener_training._GROUP", 2)
    made = []
    for name, workers in (("a", 1), ("b", 2)):
        out = tmp_path / name / "listener.safetensors"
        options = ["--examples", "4", "--steps", "2", "--out", str(out), "--workers", str(workers)]
        result = CliRunner().invoke(main, options)
        assert result.exit_code == 0, result.output
        assert "times the whitened map" in result.output
        made.append(load_file(out))
        assert [path.name for path in out.parent.iterdir()] == [out.name]
    (tmp_path / "usual").touch()
    assert out.stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert made[0].keys() == made[1].keys()
    assert all(np.array_equal(made[0][name], made[1][name]) for name in made[0])
    heard = np.random.default_rng(0).standard_normal((FEATURES, HALVES, 40)).astype(np.float32)
    assert assembled(made[0]).listen(heard).shape == (ROWS, 40)


def test_a_file_shorter_than_an_example_is_refused(tmp_path):
    """Nothing can be learned from it: half of the examples would never come."""
    short = float_wav(tmp_path / "short.wav", np.zeros((16_000, 1), np.float32), rate=16_000)
    options = [str(short), "--out", str(tmp_path / "out"), "--examples", "4"]
    refused = CliRunner().invoke(main, options)
    assert isinstance(refused.exception, MediaTooShort)
    assert "short.wav lasts 1.0 s" in str(refused.exception)


def test_voices_differ_and_who_has_none_is_told_where_they_come_from(monkeypatch):
    rng = np.random.default_rng(0)
    said = [spoken(rng) for _ in range(3)]
    for sound in said:
        assert sound.samples.shape[1] == 1
        assert 5 < sound.seconds < 40
        assert sound.samples.std() > 0.01
    assert len({len(sound.samples) for sound in said}) == 3
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PackageMissing) as missing:
        spoken(rng)
    assert "espeak-ng" in str(missing.value.hint)
