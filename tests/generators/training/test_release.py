from __future__ import annotations

import pytest
import safetensors.torch
import torch
from torch import nn

from generators.bundle import read_bundle
from generators.dit import DiT
from generators.presets import preset
from generators.text import unknown_words
from generators.training.release import release, taught_words
from generators.weight_file import save_packed, save_weights
from provenance.errors import UnreadableMedia
from tests.generators.tiny import tiny_dit


def test_weights_are_described_with_their_words_and_checksums(tmp_path):
    dit = DiT(preset("ltx-2.3-small"))
    dit.initialise(torch.Generator().manual_seed(0))
    save_packed(tmp_path / "run.safetensors", dit)
    folder = tmp_path / "weights"
    folder.mkdir()
    save_weights(folder / "video_codec.safetensors", nn.Conv2d(4, 4, 3))
    save_weights(folder / "attributes.safetensors", nn.Linear(64, 4))
    bundle = read_bundle(release(tmp_path / "run.safetensors", folder, about="a test"))
    assert bundle.trained
    assert set(bundle.files) == {"dit", "video_codec"}
    assert bundle.files["dit"].bytes < 13e6
    for file in bundle.files.values():
        file.check()
    assert "bounces" in bundle.vocabulary
    for name in ("video_codec", "attributes"):  # all that ships is rounded, once
        stored = safetensors.torch.load_file(folder / f"{name}.safetensors")
        assert stored["weight"].dtype == torch.int8
    before = (folder / "video_codec.safetensors").read_bytes()
    release(tmp_path / "run.safetensors", folder, about="again")
    assert (folder / "video_codec.safetensors").read_bytes() == before


def test_weights_of_another_size_are_not_released(tmp_path):
    save_packed(tmp_path / "run.safetensors", tiny_dit())
    with pytest.raises(UnreadableMedia):
        release(tmp_path / "run.safetensors", tmp_path, about="a test")


def test_what_the_captions_say_is_known_and_nothing_else():
    words = taught_words(3000)
    assert not unknown_words("A crimson hoop rolls along the ground at sunset, slow zoom", words)
    assert unknown_words("a developer typing code", words) == ["developer", "typing", "code"]
