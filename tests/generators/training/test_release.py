from __future__ import annotations

import pytest
import torch

from generators.bundle import read_bundle
from generators.dit import DiT
from generators.presets import preset
from generators.quantised import save_packed
from generators.text import unknown_words
from generators.training.release import release, taught_words
from provenance.errors import UnreadableMedia
from tests.generators.tiny import tiny_dit


def test_weights_are_described_with_their_words_and_checksums(tmp_path):
    dit = DiT(preset("ltx-2.3-small"))
    dit.initialise(torch.Generator().manual_seed(0))
    save_packed(tmp_path / "run.safetensors", dit)
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "video_codec.safetensors").write_bytes(b"a codec")
    bundle = read_bundle(release(tmp_path / "run.safetensors", folder, about="a test"))
    assert bundle.trained
    assert set(bundle.files) == {"dit", "video_codec"}
    assert bundle.files["dit"].bytes < 10.5e6
    for file in bundle.files.values():
        file.check()
    assert "bounces" in bundle.vocabulary


def test_weights_of_another_size_are_not_released(tmp_path):
    save_packed(tmp_path / "run.safetensors", tiny_dit())
    with pytest.raises(UnreadableMedia):
        release(tmp_path / "run.safetensors", tmp_path, about="a test")


def test_what_the_captions_say_is_known_and_nothing_else():
    words = taught_words(3000)
    assert not unknown_words("A crimson hoop rolls along the ground at sunset, slow zoom", words)
    assert unknown_words("a developer typing code", words) == ["developer", "typing", "code"]
