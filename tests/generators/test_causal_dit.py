from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice

import pytest
import torch

from generators.causal_dit import CausalConfig, CausalDiT
from generators.consistency import few_steps
from generators.dit import DiT
from generators.offload import StreamedBlocks
from generators.presets import STREAMING, config_as_json, streaming_from_json, streams
from generators.rollout import Stage, roll
from tests.generators.streaming import CAUSAL, tiny_causal
from tests.generators.tiny import CONFIG, drawn, tiny_dit, tiny_tokens

PLACE = tiny_tokens()[0].place


def _moments(keys: int, seed: int):
    video = tiny_tokens(keys=keys, seed=seed)[0]
    span_s = video.span_s.double()
    return video._replace(
        latents=video.latents.double(), level=video.level.double(), span_s=span_s,
        time_s=torch.arange(keys) * span_s[:, None],
    )  # fmt: skip


@pytest.mark.parametrize("keys", [3, 9])  # within the window, and far beyond it
def test_moment_by_moment_with_the_cache_is_all_at_once_under_the_mask(keys):
    model = tiny_causal().double()
    text = model.read(torch.randint(1, 120, (2, 32), generator=torch.Generator().manual_seed(1)))
    noisy, clean = _moments(keys, 1), _moments(keys, 2)
    at_once = model(noisy, clean, text)
    context = model.text_context(text)
    cache = model.cache(batch=2, places=len(PLACE), span_s=float(noisy.span_s[0]))
    one_by_one = []
    for key in range(keys):
        now = slice(key, key + 1)
        for moments, keep in ((noisy, False), (noisy, False), (clean, True)):
            moment = moments._replace(
                latents=moments.latents[:, now], level=moments.level[:, now],
                time_s=moments.time_s[:, now], first=moments.first[now],
            )  # fmt: skip
            said = model.step(moment, context, cache, keep=keep)
            if not keep:
                made = said
        one_by_one.append(made)
    torch.testing.assert_close(torch.cat(one_by_one, 1), at_once, rtol=1e-9, atol=1e-9)


def test_no_moment_sees_what_comes_after_it_or_has_left_the_window():
    model = tiny_causal()
    text = model.read(torch.ones(2, 32, dtype=torch.long))
    noisy, clean = tiny_tokens(keys=7, seed=1)[0], tiny_tokens(keys=7, seed=2)[0]
    said = model(noisy, clean, text)

    def changed_by(moment: int) -> list[bool]:
        latents = clean.latents.clone()
        latents[:, moment] += 1
        other = model(noisy, clean._replace(latents=latents), text)
        return [bool((other[:, key] - said[:, key]).abs().max() > 1e-5) for key in range(7)]

    assert changed_by(5) == [False] * 6 + [True]
    assert changed_by(0) == [False] + [True] * 6  # the first one is never forgotten
    one_block = CausalDiT(
        CausalConfig(
            video=CAUSAL.video, text=CAUSAL.text, blocks=1, window_s=CAUSAL.window_s,
            window_moments=CAUSAL.window_moments,
        )
    )  # fmt: skip
    one_block.load_state_dict({name: model.state_dict()[name] for name in one_block.state_dict()})
    model = one_block
    said = model(noisy, clean, text)
    assert changed_by(1) == [False, False, True, True, False, False, False]  # a window of two


def test_the_memory_of_a_stream_does_not_grow():
    model = tiny_causal()
    context = model.text_context(model.read(torch.ones(1, 32, dtype=torch.long)))
    moment = tiny_tokens(keys=1)[0]
    moment = moment._replace(
        latents=moment.latents[:1], level=moment.level[:1], span_s=moment.span_s[:1]
    )
    cache = model.cache(batch=1, places=len(PLACE), span_s=1 / 3)
    size, storages = cache.bytes, (cache._keys.data_ptr(), cache._values.data_ptr())
    held = []
    for _ in range(12):
        model.step(moment, context, cache, keep=True)
        held.append(cache.held)
    assert held == [1, 2] + [3] * 10
    # Keys and values of two blocks and two heads in four seats, and the first keys once more.
    assert cache.bytes == size == 2 * 2 * (2 * 4 + 1) * 6 * 16 * 4
    assert (cache._keys.data_ptr(), cache._values.data_ptr()) == storages
    cache.forget()
    assert cache.held == 0


def test_it_takes_over_the_picture_half_of_a_joint_model():
    teacher, model = tiny_dit(), tiny_causal(seed=9)
    assert model.adopt(teacher) == len(model.state_dict())
    torch.testing.assert_close(
        model.state_dict()["blocks.1.stream.look.query.weight"],
        teacher.state_dict()["blocks.1.video.look.query.weight"],
    )
    # Alone in a clip, a moment is seen by both alike: without sound the joint model is this one.
    video = tiny_tokens(keys=1)[0]
    text = model.read(torch.ones(2, 32, dtype=torch.long))
    plain = DiT(
        type(CONFIG)(video=CONFIG.video, audio=None, text=CONFIG.text, blocks=CONFIG.blocks)
    )
    kept = {name: teacher.state_dict()[name] for name in plain.state_dict()}
    plain.load_state_dict(kept)
    theirs = plain(video, None, text)[0]
    torch.testing.assert_close(model(video, video, text), theirs, rtol=1e-4, atol=1e-4)


def test_of_a_deeper_teacher_blocks_are_taken_evenly():
    model = tiny_causal()
    deeper = drawn(DiT(replace(CONFIG, blocks=2 * len(model.blocks))), 3, awake=True)
    assert model.adopt(deeper) == len(model.state_dict())
    for index in range(len(model.blocks)):
        torch.testing.assert_close(
            model.state_dict()[f"blocks.{index}.stream.think.0.weight"],
            deeper.state_dict()[f"blocks.{2 * index}.video.think.0.weight"],
        )


def test_blocks_that_wait_in_the_host_give_the_same_stream():
    model = tiny_causal()
    offloaded = tiny_causal()
    offloaded.blocks = StreamedBlocks.of(
        model.blocks, lambda: type(model.blocks[0])(CAUSAL.video, text_width=CAUSAL.text.width),
        torch.device("cpu"),
    )  # fmt: skip
    first, second = (_stream(one, 4) for one in (model, offloaded))
    assert (first - second).abs().max() < 0.05 * first.abs().max()  # 8-bit weights


def _stream(model: CausalDiT, moments: int, **given) -> torch.Tensor:
    stage = Stage(rows=2, columns=3, rate=Fraction(24), steps=2)
    with torch.inference_mode():
        text = model.read(torch.ones(1, 32, dtype=torch.long))
        stream = roll(
            model, stage, lambda: text, generator=torch.Generator().manual_seed(0), **given
        )
        return torch.stack(list(islice(stream, moments)), 1)


def test_a_stream_begins_still_and_passes_through_the_images_that_are_given():
    images = {0: torch.full((6, 3), 0.5), 2: torch.full((6, 3), -0.5)}
    made = _stream(tiny_causal(), 4, images=images)
    assert made.shape == (1, 4, 6, 5)
    assert (made[0, 0, :, 3:] == 0).all()
    assert (made[0, 0, :, :3] == 0.5).all()
    assert (made[0, 2, :, :3] == -0.5).all()
    assert (made[0, 1, :, :3] != _stream(tiny_causal(), 4)[0, 1, :, :3]).any()


def test_a_right_velocity_finds_the_latents_at_any_number_of_looks():
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(1, 2, 3, 4, generator=generator)
    for steps in (1, 2, 4):
        looked = []

        def velocity(state, level, looked=looked):
            looked.append(level)
            return (state - wanted) / level

        found = few_steps(velocity, lambda: torch.randn(1, 2, 3, 4, generator=generator), steps)
        torch.testing.assert_close(found, wanted)
        assert len(looked) == steps
        assert looked[0] == 1
        assert looked == sorted(looked, reverse=True)


def test_sizes_come_back_from_their_description():
    for config in STREAMING.values():
        document = config_as_json(config)
        assert streams(document)
        assert streaming_from_json(document) == config
    assert not streams(config_as_json(CONFIG))
