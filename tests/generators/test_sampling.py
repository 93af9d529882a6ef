from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from generators.flow import by_channel
from generators.sampling import Given, SamplingSettings, sample
from generators.text import encode_bytes
from tests.generators.tiny import CONFIG, tiny_dit, tiny_tokens


def drawn(settings, *, seed=0, given=None, calls=None):
    model, (video, audio) = tiny_dit(), tiny_tokens()
    nothing = Given(
        video=video.latents,
        video_given=torch.zeros(2, 4, 2, dtype=torch.bool),
        audio=audio.latents,
        audio_given=torch.zeros(2, 6, 1, dtype=torch.bool),
    )
    if calls is not None:
        model.register_forward_pre_hook(lambda _model, asked: calls.append(len(asked[2])))
    return sample(
        model, video, audio, given or nothing,
        text=model.read(encode_bytes(["a ball", "a box"], 32)),
        empty_text=model.read(encode_bytes(["", ""], 32)),
        settings=settings, generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip


SETTINGS = SamplingSettings(steps=3, guidance=2.0)


def test_a_seed_says_everything():
    first, again, other = drawn(SETTINGS), drawn(SETTINGS), drawn(SETTINGS, seed=1)
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[1], other[1])


@pytest.mark.parametrize(
    "change", [{"guidance": 4.0}, {"method": "heun"}, {"shift": 5.0}, {"sound_shift": 5.0}]
)
def test_every_setting_changes_what_is_made(change):
    assert not torch.equal(drawn(SETTINGS)[0], drawn(replace(SETTINGS, **change))[0])


def test_guidance_is_paid_for_only_where_it_is_wanted():
    calls: list[int] = []
    drawn(replace(SETTINGS, guided_down_to=0.7), calls=calls)
    assert calls == [4, 4, 2]  # levels 1, 0.8 and 0.5
    calls.clear()
    drawn(replace(SETTINGS, guidance=1.0), calls=calls)
    assert calls == [2, 2, 2]


def test_what_is_given_comes_back_as_it_was_and_changes_the_rest():
    _, (video, audio) = tiny_dit(), tiny_tokens()
    looks = torch.zeros(2, 4, 2, dtype=torch.bool)
    looks[:, 0, 0] = True
    heard = torch.zeros(2, 6, 1, dtype=torch.bool)
    heard[:, 3:] = True
    given = Given(video=video.latents, video_given=looks, audio=audio.latents, audio_given=heard)
    pictures, sound = drawn(SETTINGS, given=given)
    kept = by_channel(looks, CONFIG.video.parts).expand_as(pictures)
    assert torch.equal(pictures[kept], video.latents[kept])
    assert torch.equal(sound[:, 3:], audio.latents[:, 3:])
    alone = drawn(SETTINGS)
    assert not torch.allclose(pictures[:, 1:], alone[0][:, 1:])
    assert not torch.allclose(sound[:, :3], alone[1][:, :3])


def test_the_sound_stays_noisier_than_the_pictures_until_both_are_made():
    model, (video, audio) = tiny_dit(), tiny_tokens()
    levels: list[tuple[float, float]] = []
    model.register_forward_pre_hook(
        lambda _model, asked: levels.append(
            (float(asked[0].level.max()), float(asked[1].level.max()))
        )
    )
    nothing = Given(
        video=video.latents,
        video_given=torch.zeros(2, 4, 2, dtype=torch.bool),
        audio=audio.latents,
        audio_given=torch.zeros(2, 6, 1, dtype=torch.bool),
    )
    text = model.read(encode_bytes(["a ball", "a box"], 32))
    sample(
        model, video, audio, nothing, text=text, empty_text=text,
        settings=SamplingSettings(steps=4, shift=2.0, sound_shift=16.0),
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert levels[0] == (1.0, 1.0)
    assert levels[1:] == [
        pytest.approx(pair) for pair in ((6 / 7, 48 / 49), (2 / 3, 16 / 17), (0.4, 16 / 19))
    ]
