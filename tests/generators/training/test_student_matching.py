from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from itertools import count

import pytest
import torch

from generators.consistency import few_steps
from generators.flow import by_channel
from generators.latents import PATCH
from generators.presets import PRESETS, STREAMING
from generators.rollout import Stage, roll
from generators.training import student_matching as program
from generators.training.matching import (
    Judged,
    as_judged,
    follower_loss,
    matching_losses,
    student_says,
)
from generators.training.own_streams import Passage, drawn_captions, passages, tokens_of_passage
from generators.training.pool import Format
from generators.training.world import World
from generators.weight_file import load_weights, save_packed
from tests.generators.streaming import CAUSAL, tiny_causal
from tests.generators.tiny import CONFIG, tiny_dit

LAYOUT = Format(width=48, height=32, chunks=5, window=3)
PARTS = CONFIG.video.parts


def _captions(count: int = 4):
    return drawn_captions(count, CAUSAL.text.max_bytes, random.Random(3))


def _passages(model, turns: int, *, looks: int = 2):
    raw = _captions()
    return passages(
        model, LAYOUT, lambda: raw, turns=lambda: turns, looks=looks, read=model.read,
        generator=torch.Generator().manual_seed(5),
    )  # fmt: skip


def test_passages_are_what_a_stream_shows_with_its_first_moment_and_all_that_may_be_seen():
    model = tiny_causal()
    text = model.read(_captions())
    stage = Stage(
        rows=LAYOUT.height // PATCH, columns=LAYOUT.width // PATCH, rate=LAYOUT.rate, steps=2
    )
    with torch.no_grad():
        stream = roll(model, stage, lambda: text, generator=torch.Generator().manual_seed(5))
        shown = [next(stream) for _ in range(12)]
    made = _passages(model, 3)
    parts = [next(made) for _ in range(3)]
    wanted = [[0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7], [0, 5, 6, 7, 8, 9, 10, 11]]
    for passage, moments in zip(parts, wanted, strict=True):
        assert torch.equal(passage.latents, torch.stack([shown[one] for one in moments], 1))
        assert passage.judged == 4
    assert [passage.begins for passage in parts] == [True, False, False]
    again = next(made)
    assert again.begins
    assert not torch.equal(again.latents, parts[0].latents)


def test_what_the_student_says_at_once_is_what_it_streams():
    """All moments under the mask, from its own past, are the moments that it made one by one."""
    model = tiny_causal()
    passage = next(_passages(model, 1))
    past = tokens_of_passage(passage.latents, LAYOUT)
    noise = iter(
        torch.randn(passage.latents.shape, generator=torch.Generator().manual_seed(at))
        for at in range(2)
    )
    text = model.read(passage.raw)
    given = torch.zeros_like(past.level, dtype=torch.bool)
    given[:, 0, 1] = True
    held = by_channel(given, PARTS)

    def velocity(state, level):
        at = past._replace(
            latents=torch.where(held, 0.0, state), level=torch.where(given, 0.0, level)
        )
        return model(at, past, text)

    wanted = torch.where(held, 0.0, few_steps(velocity, lambda: next(noise), 2))

    seeds = count()

    def again(latents, _generator):
        return torch.randn(latents.shape, generator=torch.Generator().manual_seed(next(seeds)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generators.training.matching._noise_like", again)
        said = student_says(model, passage, torch.Generator(), looks=2, at=1)
    assert torch.allclose(said, wanted, atol=1e-5)


def test_only_the_last_look_teaches_and_nothing_of_the_past_does():
    model = tiny_causal().requires_grad_()
    passage = next(_passages(model, 2))
    assert not passage.latents.requires_grad
    learning = []
    model.register_forward_pre_hook(lambda *_: learning.append(torch.is_grad_enabled()))
    for at, wanted in ((0, [True]), (1, [False, True])):
        learning.clear()
        said = student_says(model, passage, torch.Generator().manual_seed(1), looks=2, at=at)
        assert learning == wanted
        assert said.shape[:2] == (4, 4)
        model.zero_grad()
        said.square().mean().backward()
        slopes = [p.grad for p in model.parameters() if p.grad is not None]
        assert all(slope.isfinite().all() for slope in slopes)
        assert any(slope.any() for slope in slopes)


def _judged(latents, begins: bool = True):
    raw = _captions(len(latents))
    passage = Passage(latents, latents.shape[1], begins, raw, LAYOUT)
    return as_judged(latents, passage, PARTS, torch.Generator().manual_seed(2)), raw


def test_judges_that_agree_move_nothing_and_the_student_is_led_to_the_teacher():
    teacher = tiny_dit()
    latents = torch.randn(4, 4, 6, 5, generator=torch.Generator().manual_seed(0))
    judged, raw = _judged(latents)

    def losses(follower, guidance, latents=None):
        made = (judged.video.latents if latents is None else latents).clone().requires_grad_()
        found = matching_losses(
            Judged(judged.video._replace(latents=made), judged.given), raw, teacher, follower,
            torch.Generator().manual_seed(4), layout=LAYOUT, guidance=guidance,
        )  # fmt: skip
        sum(found).backward()
        return float(sum(found).detach()), made.grad

    same, slope = losses(copy.deepcopy(teacher), 1.0)
    assert same < 1e-9
    assert float(slope.abs().max()) < 1e-6
    other, slope = losses(tiny_dit(seed=9), 1.0)
    assert other > 1e-3
    assert float(slope.abs().max()) > 0
    # Nothing is asked of what is given: no motion before the first key frame.
    assert float(slope[:, 0, :, PARTS[0] :].abs().max()) == 0
    assert losses(copy.deepcopy(teacher), 3.0)[0] > 1e-6  # the text pulls


def test_the_step_is_from_where_the_follower_sees_to_where_the_teacher_does():
    """Two judges that each know one clip: the student is moved towards the teacher's."""
    theirs = torch.full((2, 4, 6, 5), 0.5)
    own = torch.full((2, 4, 6, 5), -0.25)

    class Knows(torch.nn.Module):
        config = CONFIG

        def __init__(self, clip):
            super().__init__()
            self.clip = clip

        def read(self, raw):
            return raw

        def forward(self, video, _sound, _text):
            level = by_channel(video.level, PARTS).clamp(min=1e-3)
            return (video.latents - self.clip) / level, None

    judged, raw = _judged(torch.zeros(2, 4, 6, 5))
    made = judged.video.latents.clone().requires_grad_()
    looks, moves = matching_losses(
        Judged(judged.video._replace(latents=made), judged.given), raw, Knows(theirs), Knows(own),
        torch.Generator().manual_seed(1), layout=LAYOUT, guidance=1.0,
    )  # fmt: skip
    (looks + moves).backward()
    assert float(made.grad[:, 1:].max()) < 0  # down the gradient is up to 0.5


def test_later_passages_are_judged_with_and_without_their_first_image():
    latents = torch.randn(64, 4, 6, 5, generator=torch.Generator().manual_seed(0))
    begins, _ = _judged(latents)
    later, _ = _judged(latents, begins=False)
    assert not begins.given[:, 0, 0].any()
    assert 16 < int(later.given[:, 0, 0].sum()) < 48
    for judged in (begins, later):
        assert judged.given[:, 0, 1].all()
        assert not judged.given[:, 1:].any()
        assert not judged.video.latents[:, 0, :, PARTS[0] :].any()


def test_the_follower_learns_what_the_student_makes():
    follower = tiny_dit(awake=False).requires_grad_()
    latents = 0.1 * torch.randn(4, 4, 6, 5, generator=torch.Generator().manual_seed(0)) + 1
    judged, raw = _judged(latents)
    optimizer = torch.optim.AdamW(follower.parameters(), lr=1e-2)
    found = []
    for _ in range(15):
        loss = follower_loss(judged, raw, follower, torch.Generator().manual_seed(7), layout=LAYOUT)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.8 * found[0]


@pytest.fixture
def plan(monkeypatch, tmp_path):
    monkeypatch.setitem(STREAMING, "tiny", CAUSAL)
    monkeypatch.setitem(PRESETS, "tiny", CONFIG)
    tall = Format(width=32, height=48, rate=30, chunks=5, window=3)
    monkeypatch.setattr(program, "FORMATS", ((LAYOUT, 0.7), (tall, 0.3)))
    return program.Plan(
        out=tmp_path / "out", seconds=60, tail_s=1, preset="tiny", teacher_preset="tiny",
        batch=2, rolled=4, steps=3, warm=2, follows=1, longest=3,
    )  # fmt: skip


def test_a_run_changes_the_student_and_another_goes_on_from_it(plan, monkeypatch):
    monkeypatch.setattr(program, "LOG_EVERY", 1)
    world = World.join("cpu", 0)
    before = tiny_causal()
    figures = program.work(plan, world, copy.deepcopy(before).requires_grad_(), tiny_dit())
    assert figures["step"] == 3
    log = json.loads((plan.out / "log.json").read_text())["log"]
    assert [line["step"] for line in log[:2]] == [0, 0]  # the follower alone
    assert log[0]["looks"] == 0
    assert log[-1]["looks"] > 0
    after = tiny_causal()
    load_weights(plan.out / "dit.safetensors", after)
    assert any(
        not torch.allclose(a, b, atol=1e-4)
        for a, b in zip(before.parameters(), after.parameters(), strict=True)
    )
    again = program.work(
        replace(plan, out=plan.out.with_name("b")), world, tiny_causal().requires_grad_(),
        tiny_dit(), plan.out,
    )  # fmt: skip
    assert again["step"] == 6
    assert again["steps"] == 3
    assert (plan.out.with_name("b") / "follower" / "state-0.safetensors").is_file()


def test_without_a_step_the_student_is_exported_as_it_was(plan):
    student = tiny_causal()
    save_packed(plan.out.with_name("given.safetensors"), student)
    program.work(
        replace(plan, steps=0), World.join("cpu", 0), copy.deepcopy(student).requires_grad_(),
        tiny_dit(),
    )  # fmt: skip
    assert (plan.out / "dit.safetensors").read_bytes() == plan.out.with_name(
        "given.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        ["--rolled", "50"],
        ["--batch", "0"],
        ["--looks", "0"],
        ["--follows", "0"],  # the follower's first steps would never be over
        ["--rate", "0"],
        ["--follower-rate", "nan"],
        ["--lasting", "2"],
    ],
)
def test_what_cannot_be_rolled_is_refused_before_anything_is_read(options, tmp_path, capsys):
    nowhere = str(tmp_path / "none")
    with pytest.raises(SystemExit) as refused:
        program.main(["--out", nowhere, "--student", nowhere, "--teacher", nowhere, *options])
    assert refused.value.code == 2
    assert options[0] in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())
