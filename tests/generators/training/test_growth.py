from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from generators.dit import DiT
from generators.training.growth import deepened, fill_deeper
from generators.weight_file import save_packed
from provenance.errors import UnreadableMedia
from tests.generators.tiny import CONFIG, drawn, tiny_dit, tiny_tokens


def test_a_deeper_model_makes_what_the_shallower_one_made(tmp_path):
    shallow, deep = tiny_dit(), DiT(replace(CONFIG, blocks=5))
    save_packed(tmp_path / "w", shallow)
    assert fill_deeper(tmp_path / "w", shallow) == 0  # rounded as the file is
    assert fill_deeper(tmp_path / "w", deep) == 3
    video, audio = tiny_tokens()
    text = shallow.read(torch.ones(2, 32, dtype=torch.long))
    with torch.no_grad():
        for ours, theirs in zip(deep(video, audio, text), shallow(video, audio, text), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_what_is_new_can_learn():
    state, new = deepened(tiny_dit().state_dict(), 3)
    model = DiT(replace(CONFIG, blocks=3))
    model.load_state_dict(state)
    model.requires_grad_()
    assert new == 1
    video, audio = tiny_tokens()
    velocity = model(video, audio, model.read(torch.ones(2, 32, dtype=torch.long)))[0]
    velocity.square().sum().backward()
    fresh = [
        number for number, block in enumerate(model.blocks) if not block.video.look.out.weight.any()
    ]
    assert fresh == [2]
    for way in ("look.out", "read.out", "listen.out", "think.2"):
        weight = model.get_parameter(f"blocks.2.video.{way}.weight")
        assert not weight.any()
        assert weight.grad.abs().sum() > 0


def test_a_shallower_model_takes_no_deeper_ones_weights(tmp_path):
    deep = drawn(DiT(replace(CONFIG, blocks=3)), 0, awake=True)
    save_packed(tmp_path / "w", deep)
    with pytest.raises(UnreadableMedia, match="do not fit"):
        fill_deeper(tmp_path / "w", tiny_dit())
