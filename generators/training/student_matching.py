"""``python -m generators.training.student_matching``: make a tuned streaming transformer sharp.

It starts from what :mod:`generators.training.student` exported, and is judged by the joint
transformer (:mod:`generators.training.matching`) on streams of its own. One process a GPU, no
scenes are rendered; a run lasts ``--seconds``, and ``--resume`` goes on from an earlier one::

    torchrun --nproc-per-node 2 -m generators.training.student_matching --student s.safetensors \
        --teacher dit.safetensors --out m1

In ``--out``: the weights to ship (``dit.safetensors``), the states of student and follower,
samples, a log. The last line on stdout is JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from generators.causal_dit import CausalDiT
from generators.dit import DiT
from generators.presets import PRESETS, STREAMING, preset, streaming_preset
from generators.training.loop import (
    LOG_EVERY,
    SAVE_EVERY_S,
    SYNC_EVERY,
    Meter,
    Run,
    begin,
    rate_at,
    update,
)
from generators.training.matching import (
    as_judged,
    follower_loss,
    matching_losses,
    student_says,
)
from generators.training.own_streams import Passage, drawn_captions, passages
from generators.training.pool import Format
from generators.training.scene_source import load_codecs
from generators.training.state import load_state, save_state
from generators.training.student import SHOWN, write_streams
from generators.training.world import World
from generators.weight_file import load_weights
from provenance.programs import ready_folder, run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORMATS = (
    (Format(), 0.6),
    (Format(rate=30), 0.2),
    (Format(width=112, height=192), 0.1),
    (Format(width=144, height=144), 0.1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the command line says. Times in seconds; ``batch`` and ``rolled`` in clips, for each
    process: of a step, and of a passage of streams, a multiple of it. ``lasting``: the share of
    passages from long streams, of ``longest`` passages at most. ``follows``: steps of the follower
    for each of the student. ``warm``: steps that the follower makes before the student's first.
    """

    out: Path
    seconds: float = 540.0
    preset: str = "helios-1.0-small"
    teacher_preset: str = "ltx-2.3-small"
    batch: int = 48
    rolled: int = 96
    rate: float = 1e-4
    follower_rate: float = 2e-4
    decay: float = 0.0
    tail_s: float = 20.0
    seed: int = 0
    steps: int | None = None
    looks: int = 2
    guidance: float = 2.0
    follows: int = 3
    warm: int = 100
    lasting: float = 0.4
    longest: int = 18


class StepLosses(NamedTuple):
    """() each, as the log shows them: how far the judges are apart, by how key frames look and how
    they move, and what the follower does not foresee of the student.
    """

    looks: torch.Tensor
    moves: torch.Tensor
    follower: torch.Tensor


@dataclass(slots=True)
class Players:
    """Who takes part: the student, what rolls its streams, and both judges."""

    student: Run[CausalDiT]
    roller: CausalDiT  # the student's weights, as it is used
    follower: Run[DiT]
    teacher: DiT

    def refresh(self) -> None:
        """Roll the student as it is now."""
        with torch.no_grad():
            torch._foreach_copy_(
                list(self.roller.parameters()), list(self.student.model.parameters())
            )


def gather(plan: Plan, world: World, student: CausalDiT, teacher: DiT) -> Players:
    """The follower begins as the teacher does."""
    follower = copy.deepcopy(teacher).requires_grad_()
    run = begin(student, plan.rate, world.device)
    roller = copy.deepcopy(student).eval().requires_grad_(requires_grad=False)
    if world.device.type == "cuda":
        roller = roller.bfloat16()
    return Players(
        student=run,
        roller=roller,
        follower=begin(follower, plan.follower_rate, world.device),
        teacher=teacher.to(world.device).eval().requires_grad_(requires_grad=False),
    )


def rolling(plan: Plan, world: World, players: Players) -> Iterator[Passage]:
    """Passages of short and of long streams, by their shares, in all formats; the same kinds in all
    processes after the same steps.
    """
    shared = np.random.default_rng([plan.seed, players.student.step])
    own = random.Random(plan.seed * 1000 + world.rank + players.student.step)  # noqa: S311
    chances = np.array([share for _, share in FORMATS])
    size = players.roller.config.text.max_bytes

    def streams(layout: Format, turns: int) -> Iterator[Passage]:
        return passages(
            players.roller,
            layout,
            lambda: drawn_captions(plan.rolled, size, own).to(world.device),
            turns=lambda: 1 if turns == 1 else int(shared.integers(2, turns + 1)),
            looks=plan.looks,
            read=players.roller.read,
            generator=world.generator,
        )

    kinds = {
        turns: [streams(layout, turns) for layout, _ in FORMATS] for turns in (1, plan.longest)
    }
    while True:
        turns = plan.longest if shared.random() < plan.lasting else 1
        which = int(shared.choice(len(FORMATS), p=chances / chances.sum()))
        players.refresh()
        passage = next(kinds[turns][which])
        for row in range(0, plan.rolled, plan.batch):
            yield passage.part(slice(row, row + plan.batch))


def advance(
    players: Players,
    passage: Passage,
    plan: Plan,
    world: World,
    rates: tuple[float, float],
    at: int,
) -> StepLosses:
    """One step of the student, after look number ``at``, and those of the follower."""
    student, follower, noise = players.student, players.follower, world.generator
    learns = follower.step >= plan.warm
    parts = student.model.config.video.parts
    nothing = torch.zeros((), device=world.device)
    looks = moves = nothing
    with world.autocast(), torch.set_grad_enabled(learns):
        made = student_says(student.model, passage, noise, looks=plan.looks, at=at)
    if learns:
        with world.autocast():
            looks, moves = matching_losses(
                as_judged(made, passage, parts, noise),
                passage.raw,
                players.teacher,
                follower.model,
                noise,
                layout=passage.layout,
                guidance=plan.guidance,
            )
        update(student, looks + moves, world, rates[0])
    made = made.detach()
    foreseen = nothing
    for _ in range(plan.follows):
        with world.autocast():
            foreseen = follower_loss(
                as_judged(made, passage, parts, noise),
                passage.raw,
                follower.model,
                noise,
                layout=passage.layout,
            )
        update(follower, foreseen, world, rates[1])
    return StepLosses(looks.detach(), moves.detach(), foreseen.detach())


def work(
    plan: Plan, world: World, student: CausalDiT, teacher: DiT, resume: Path | None = None
) -> dict[str, Any]:
    """A whole run; returns its figures."""
    started = time.monotonic()
    players = gather(plan, world, student, teacher)
    run, follower = players.student, players.follower
    if resume is not None:
        run.step = load_state(resume, run.model, run.average, run.optimizer)
        follower.step = load_state(
            resume / "follower", follower.model, follower.average, follower.optimizer
        )
        world.generator.manual_seed(run.step * 1000 + world.rank)
        world.say(f"resumed at step {run.step}")
    began, first = time.monotonic(), run.step
    _play(plan, world, players, started)
    figures: dict[str, Any] = {
        "processes": world.size,
        "batch": plan.batch * world.size,
        "steps": run.step - first,
        "step": run.step,
        "trained_s": round(time.monotonic() - began, 1),
        "peak_gb": world.peak_gb(),
        "last": run.log[-1] if run.log else None,
    }
    if world.rank == 0:
        _save(plan.out, players)
        (plan.out / "log.json").write_text(json.dumps({"log": run.log, "figures": figures}))
    return figures


def _play(plan: Plan, world: World, players: Players, started: float) -> None:
    """Steps until the time is up, or ``plan.steps`` are made."""
    run, follower = players.student, players.follower
    ends = started + plan.seconds - plan.tail_s
    began = time.monotonic()
    turn = np.random.default_rng([plan.seed, run.step, 2])  # the same in every process
    source = rolling(plan, world, players)
    last = None if plan.steps is None else run.step + plan.steps
    share, saved, meter = 0.0, began, Meter()
    for number, passage in enumerate(source):
        if number % SYNC_EVERY == 0:
            share = world.agree((time.monotonic() - began) / max(1e-6, ends - began))
        if share >= 1 or (last is not None and run.step >= last):
            return
        rate = rate_at(run.step, share, plan)
        look = int(turn.integers(plan.looks))
        rates = rate, plan.follower_rate / plan.rate * rate
        if follower.step < plan.warm:
            rates = rate, plan.follower_rate
        meter.add(advance(players, passage, plan, world, rates, look))
        if meter.steps >= LOG_EVERY:
            means, step_s = meter.read()
            now = time.monotonic()
            line: dict[str, Any] = dict(means)
            line |= {"step": run.step, "s": round(now - started, 1)}
            line |= {"step_s": round(step_s, 4), "rate": rate}
            line |= {"skipped": int(run.skipped) + int(follower.skipped)}
            run.log.append(line)
            world.say(json.dumps(line))
            if world.rank == 0 and now - saved > SAVE_EVERY_S:
                _save(plan.out, players)
                saved = now


def _save(folder: Path, players: Players) -> None:
    run, follower = players.student, players.follower
    save_state(folder, run.model, run.average, run.optimizer, run.step)
    save_state(
        folder / "follower", follower.model, follower.average, follower.optimizer, follower.step
    )


def show(plan: Plan, world: World, model: CausalDiT) -> None:
    """``samples.png``: streams for captions of the training split, the same after every run."""
    size = model.config.text.max_bytes
    raw = drawn_captions(SHOWN, size, random.Random(2026)).to(world.device)  # noqa: S311
    codec = load_codecs(None, None, world.device)[0]
    write_streams(plan.out, model, raw, FORMATS[0][0], codec, looks=plan.looks, seed=plan.seed)


def _check(plan: Plan, parser: argparse.ArgumentParser) -> None:
    if min(plan.batch, plan.rolled, plan.looks, plan.longest) < 1:
        parser.error("--batch, --rolled, --looks and --longest: give at least 1")
    if plan.follows < 1 <= plan.warm:
        parser.error(f"--follows {plan.follows}: --warm {plan.warm} steps would never be made")
    if not (plan.rate > 0 and plan.follower_rate > 0):
        parser.error("--rate and --follower-rate: give more than 0")
    if not 0 <= plan.lasting <= 1:
        parser.error(f"--lasting {plan.lasting}: give a share, 0 to 1")
    if plan.rolled % plan.batch:
        parser.error(f"--rolled {plan.rolled}: give a multiple of --batch {plan.batch}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m generators.training.student_matching",
        description=__doc__.splitlines()[0],
        argument_default=argparse.SUPPRESS,  # the plan has its own
    )
    add = parser.add_argument
    add("--out", type=Path, required=True)
    add("--student", type=Path, required=True, help="weights to start from")
    add("--teacher", type=Path, required=True, help="weights of the joint transformer")
    add("--resume", type=Path, help="the folder of an earlier run", default=None)
    add("--device", choices=["cpu", "cuda"], default=None)
    add("--preset", choices=sorted(STREAMING))
    add("--teacher-preset", choices=sorted(PRESETS))
    add("--seconds", type=float, help="of the whole run")
    add("--tail-s", type=float, help="kept for the end of it")
    add("--steps", type=int, help="stop after so many, if time does not")
    add("--batch", type=int, help="clips a step, each process")
    add("--rolled", type=int, help="streams at a time, a multiple of it")
    add("--rate", type=float, help="learning rate of the student")
    add("--follower-rate", type=float)
    add("--decay", type=float, help="last share of the time; 0: none")
    add("--looks", type=int, help="at noise, for each moment")
    add("--guidance", type=float, help="of the teacher")
    add("--follows", type=int, help="steps of the follower for one of the student")
    add("--warm", type=int, help="steps of the follower alone at first")
    add("--lasting", type=float, help="share of passages out of long streams")
    add("--longest", type=int, help="passages of a long stream")
    add("--seed", type=int)
    given = vars(parser.parse_args(arguments))
    files = given.pop("student"), given.pop("teacher")
    resume, device = given.pop("resume"), given.pop("device")
    plan = Plan(**given)
    _check(plan, parser)
    world = World.join(device, plan.seed)
    student, teacher = CausalDiT(streaming_preset(plan.preset)), DiT(preset(plan.teacher_preset))
    load_weights(files[0], student)
    load_weights(files[1], teacher)
    ready_folder(plan.out)
    figures = work(plan, world, student, teacher, resume)
    if world.rank == 0:
        weights = CausalDiT(streaming_preset(plan.preset))
        load_weights(plan.out / "dit.safetensors", weights)  # shown as it ships
        show(plan, world, weights.to(world.device).eval())
    world.leave()
    if world.rank == 0:
        sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    run_program(main)
