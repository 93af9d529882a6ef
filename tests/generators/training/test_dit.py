from __future__ import annotations

import json
import random
import time
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from generators.flow import TaskShares, by_channel, clean_of, draw_task, mix
from generators.presets import PRESETS
from generators.text import TextConfig, TextEncoder
from generators.training import dit as program
from generators.training.loop import rate_at, train
from generators.training.objective import losses
from generators.training.pool import Encoded, Format, Pool, encode_clips
from generators.training.reading import draw_lesson, learn_to_read
from generators.training.scene_source import SceneSource
from generators.training.state import load_state, save_state
from generators.training.world import World
from provenance.errors import DiskFull, UnreadableMedia
from tests.full_disk import full_disk
from tests.generators.tiny import CONFIG, FoldingAudioCodec, FoldingVideoCodec, tiny_dit

LAYOUT = Format(width=48, height=32, chunks=6, window=3)


class DrawnSource:
    """Clips of a moving bar with a click, through codecs that need no training."""

    def __init__(self) -> None:
        self.video_codec, self.audio_codec = FoldingVideoCodec(), FoldingAudioCodec()
        self.captions: tuple[str, ...] = ()
        self.rendered = 0
        self.rng = np.random.default_rng(0)

    def clips(self, layout: Format, count: int, *, split: str = "train") -> Encoded:
        del split
        frames = torch.zeros(count, 3, layout.frames, layout.height, layout.width)
        sound = torch.zeros(count, 2, layout.samples)
        for clip in range(count):
            left = self.rng.uniform(0, layout.width, 1)[0]
            x = torch.arange(layout.width) - left
            move = torch.arange(layout.frames)[:, None] * 0.3
            frames[clip] = torch.cos((x - move) / 8)[None, :, None]
            sound[clip] = torch.cos(torch.arange(layout.samples) / 4000 + left)
        self.captions = ("a bar moves",) * count
        self.rendered += count
        rows, columns = layout.height // 16, layout.width // 16
        return encode_clips(
            frames, sound, self.captions, torch.zeros(count, layout.chunks + 1, rows, columns),
            video_codec=self.video_codec,
            audio_codec=self.audio_codec, layout=layout, max_bytes=32,
        )  # fmt: skip


@pytest.fixture
def tiny_program(monkeypatch, tmp_path):
    monkeypatch.setitem(PRESETS, "tiny", CONFIG)
    formats = ((LAYOUT, 0.7), (Format(width=32, height=48, rate=30, chunks=6, window=3), 0.3))
    monkeypatch.setattr(program, "FORMATS", formats)
    return program.Plan(
        out=tmp_path / "out", seconds=60, tail_s=1, preset="tiny", batch=8, pool=32, fill=8,
        render=4, held_out=4, steps=6, read_steps=2, lesson=8,
    )  # fmt: skip


def _pool(count: int = 8) -> Pool:
    pool = Pool(LAYOUT, count)
    pool.put(DrawnSource().clips(LAYOUT, count))
    return pool


def test_a_window_is_cut_where_its_pictures_and_its_sound_are():
    source, pool = DrawnSource(), Pool(LAYOUT, 4)
    clips = source.clips(LAYOUT, 4)
    pool.put(clips)
    windows = pool._cut(torch.tensor([2, 1]), torch.tensor([3, 0]))
    torch.testing.assert_close(windows.video.latents[0], clips.video[2, 3:7].float())
    torch.testing.assert_close(windows.audio.latents[0], clips.audio[2, 25:50].float())
    torch.testing.assert_close(windows.video.latents[1], clips.video[1, :4].float())
    assert windows.started.tolist() == [True, False]
    assert windows.video.time_s[0].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_full_pool_forgets_the_oldest():
    source, pool = DrawnSource(), Pool(LAYOUT, 6)
    first, second = source.clips(LAYOUT, 4), source.clips(LAYOUT, 4)
    pool.put(first)
    pool.put(second)
    assert pool.filled == 6
    kept = pool.first(6).video.latents[:, 0]
    torch.testing.assert_close(kept[:2], second.video[2:, 0].float())
    torch.testing.assert_close(kept[2:4], first.video[2:, 0].float())


def _tasks(shares: TaskShares, *, started: bool = False, batch: int = 400):
    return draw_task(
        video_time_s=(torch.arange(10) / 3).expand(batch, -1),
        audio_time_s=((torch.arange(75) + 0.5) / 25).expand(batch, -1),
        started=torch.full((batch,), started),
        shares=shares,
        generator=torch.Generator().manual_seed(0),
    )


def test_tasks_give_what_their_shares_say():
    none = TaskShares(image=0, two_images=0, history=0, sound=0)
    alone = _tasks(none)
    assert not alone.video_given[:, :, 0].any()
    assert alone.video_given[:, 0, 1].all()
    assert not alone.video_given[:, 1:, 1].any()
    assert not alone.audio_given.any()
    image = _tasks(none._replace(image=1))
    assert image.video_given[:, 0, 0].all()
    assert not image.video_given[:, 1:, 0].any()
    two = _tasks(none._replace(two_images=1))
    assert (two.video_given[:, :, 0].sum(1) == 2).all()
    assert _tasks(none._replace(sound=1)).audio_given.all()


def test_history_leaves_something_to_make_and_gives_its_sound():
    task = _tasks(TaskShares(image=0, two_images=0, history=1, sound=0))
    until = task.video_given[:, :, 1].sum(1)  # moments
    assert until.min() >= 4
    assert until.max() <= 7
    heard = task.audio_given[:, :, 0].sum(1)
    torch.testing.assert_close(heard, ((until - 1) * 25 / 3 + 0.5).floor().long(), atol=1, rtol=0)


def test_clips_from_the_middle_of_a_scene_are_never_made_from_the_text_alone():
    task = _tasks(TaskShares(image=0, two_images=0, history=0, sound=0), started=True)
    assert task.video_given[:, 0, 0].all()


def test_what_is_given_has_next_to_no_noise_and_the_rest_shares_a_level():
    task = _tasks(TaskShares())
    assert task.video_level[task.video_given].max() <= 0.1
    assert (task.video_level[:, 0, 1] == 0).all()
    free = torch.where(task.video_given, torch.nan, task.video_level).flatten(1)
    assert ((free.nan_to_num(2).amin(1) - free.nan_to_num(-1).amax(1)).abs() < 1e-6).all()
    same = (task.audio_level.amax((1, 2)) - task.video_level.amax((1, 2))).abs() < 1e-6
    assert 0.3 < same.float().mean() < 0.7


def test_the_velocity_points_back_to_the_latents():
    latents, noise = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    level = by_channel(torch.rand(2, 3, 2), (3, 2))
    assert level.shape == (2, 3, 1, 5)
    mixed = mix(latents, noise, level)
    torch.testing.assert_close(clean_of(mixed, noise - latents, level), latents)


def test_what_is_wrong_on_a_body_counts_more():
    """One token of six is a body's, at the first moment of each window; a model that says nothing
    is wrong by 100 in one token.
    """
    clips = DrawnSource().clips(LAYOUT, 8)
    clips.bodies[:, ::3, 0] = 1

    def found(token: int, moments: list[int], channels: slice, emphasis: float):
        pool, latents = Pool(LAYOUT, 8), clips.video.clone()
        latents[:, moments, token, channels] = 10
        pool.put(clips._replace(video=latents))
        generator = torch.Generator().manual_seed(2)
        none = TaskShares(image=0, two_images=0, history=0, sound=0)
        return losses(
            tiny_dit(awake=False), pool.draw(64, generator), generator, shares=none,
            emphasis=emphasis,
        )  # fmt: skip

    looks = slice(0, 3)
    assert found(0, [0, 3], looks, 4).looks > 1.5 * found(0, [0, 3], looks, 0).looks
    assert found(1, [0, 3], looks, 4).looks < found(1, [0, 3], looks, 0).looks
    # What moves counts where the body was before, too.
    moves = slice(3, 5)
    assert found(0, [1, 4], moves, 4).moves > 1.5 * found(0, [1, 4], moves, 0).moves
    assert found(0, [2, 5], moves, 4).moves < 1.1 * found(0, [2, 5], moves, 0).moves


def test_a_tiny_batch_is_learned():
    model = tiny_dit(awake=False).requires_grad_()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    pool = _pool(4)
    found = []
    for _ in range(60):
        generator = torch.Generator().manual_seed(7)
        loss = losses(model, pool.draw(16, generator), generator).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.6 * found[0]


def test_a_run_writes_everything_and_another_goes_on_from_it(tiny_program, tmp_path):
    world = World.join("cpu", 0)
    figures = program.work(tiny_program, world, DrawnSource(), None)
    assert figures["step"] == 6
    out = tiny_program.out
    names = {path.name for path in out.iterdir()}
    assert {"dit.safetensors", "state-0.safetensors", "samples.png", "samples.wav"} <= names
    assert json.loads((out / "log.json").read_text())["figures"]["step"] == 6
    again = program.work(tiny_program, world, DrawnSource(), out)
    assert again["step"] == 12


def test_a_resumed_run_has_the_weights_it_stopped_with(tiny_program):
    world = World.join("cpu", 0)
    program.work(tiny_program, world, DrawnSource(), None)
    first, second = program.start_run(tiny_program, world), program.start_run(tiny_program, world)
    load_state(tiny_program.out, first.model, first.average, first.optimizer)
    moments = [first.optimizer.state[weight]["exp_avg_sq"] for weight in first.model.parameters()]
    assert all(moment.any() for moment in moments[:4])
    assert (first.model.video.leave.out.weight - second.model.video.leave.out.weight).any()


def test_a_damaged_state_is_refused(tiny_program):
    world = World.join("cpu", 0)
    program.work(tiny_program, world, DrawnSource(), None)
    (tiny_program.out / "state-0.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UnreadableMedia):
        program.work(tiny_program, world, DrawnSource(), tiny_program.out)


def test_a_disk_that_is_full_leaves_the_earlier_state_whole(tiny_program):
    world = World.join("cpu", 0)
    program.work(tiny_program, world, DrawnSource(), None)
    before = {path.name: path.read_bytes() for path in tiny_program.out.iterdir()}
    largest = max(len(data) for name, data in before.items() if name.startswith("state-"))
    run = program.start_run(tiny_program, world)
    load_state(tiny_program.out, run.model, run.average, run.optimizer)
    with full_disk(largest - 1), pytest.raises(DiskFull, match="state-"):
        save_state(tiny_program.out, run.model, run.average, run.optimizer, 7)
    assert {path.name: path.read_bytes() for path in tiny_program.out.iterdir()} == before


def test_a_step_without_a_finite_gradient_changes_nothing(tiny_program):
    world = World.join("cpu", 0)
    run, pool = program.start_run(tiny_program, world), _pool()
    program.advance(run, pool, tiny_program, world, 1e-3)
    before = [weight.clone() for weight in run.model.parameters()]
    pool._clips.video[:] = torch.inf
    program.advance(run, pool, tiny_program, world, 1e-3)
    after = run.model.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_rate_rises_stays_and_falls(tiny_program):
    rates = [rate_at(10_000, share, tiny_program) for share in (0.1, 0.6, 0.8, 1.0)]
    assert rates[0] == rates[1] == tiny_program.rate
    assert rates[1] > rates[2] > rates[3] > 0
    assert rate_at(0, 0.0, tiny_program) < rates[0]


def test_time_ends_a_run(tiny_program):
    world = World.join("cpu", 0)
    run, pools = program.start_run(tiny_program, world), [(_pool(), 1.0)]
    started = time.monotonic() - 100
    train(
        run, pools, DrawnSource().clips, lambda *_: pytest.fail("too late"), tiny_program, world,
        started,
    )  # fmt: skip
    assert run.step == 0


def test_scenes_come_with_their_mirror_images():
    source = SceneSource(
        video_codec=FoldingVideoCodec(),
        audio_codec=FoldingAudioCodec(),
        device=torch.device("cpu"),
        max_bytes=256,
        rng=np.random.default_rng(0),
    )
    layout = Format(width=48, height=32, chunks=3, window=3)
    clips = source.clips(layout, 1)
    one, mirrored = clips.video.unflatten(2, (2, 3))  # (4, rows, columns, C)
    torch.testing.assert_close(mirrored, one.flip(2), atol=0.02, rtol=0.02)
    assert len(source.captions) == 2
    assert source.rendered == 1
    left, right = clips.audio[0, :, 0].float(), clips.audio[1, :, 0].float()
    torch.testing.assert_close(right[:, :2], left[:, 2:])
    assert len(source.clips(layout, 2, split="held_out").video) == 2


def test_captions_teach_the_encoder_what_they_say():
    torch.manual_seed(0)
    encoder = TextEncoder(TextConfig(heads=2, head_dim=16, layers=1, max_bytes=160))
    lesson = draw_lesson(24, 160, random.Random(0))
    assert lesson.raw.shape == (24, 160)
    assert (lesson.said >= 0).all()
    world = World.join("cpu", 0)
    one = learn_to_read(encoder, lesson, world, seconds=60, steps=2, batch=24)
    then = learn_to_read(encoder, lesson, world, seconds=60, steps=120, batch=24)
    assert then["background"] > one["background"] + 0.2


def test_a_run_starts_from_weights_that_another_exported(tiny_program):
    world = World.join("cpu", 0)
    program.work(tiny_program, world, DrawnSource())
    weights = tiny_program.out / "dit.safetensors"
    plan = replace(tiny_program, out=tiny_program.out.with_name("other"), steps=0)
    program.work(plan, world, DrawnSource(), weights=weights)
    first, second = (safetensors.torch.load_file(path) for path in (
        weights, plan.out / "dit.safetensors"))  # fmt: skip
    assert all((first[name].float() - second[name].float()).abs().max() <= 1 for name in first)
