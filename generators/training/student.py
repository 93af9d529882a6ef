"""``python -m generators.training.student``: tune a streaming transformer to one or two looks.

It starts from the picture half of a joint transformer (``--teacher dit.safetensors`` of
:mod:`generators.training.dit`), or without one from nothing. As there, one process a GPU, a run
lasts ``--seconds``, and ``--resume`` goes on from the folder of an earlier one::

    torchrun --nproc-per-node 2 -m generators.training.student --teacher dit.safetensors --out run1
    torchrun --nproc-per-node 2 -m generators.training.student --resume run1 --out run2

How far it is in :func:`~generators.training.student_objective.gap_at` depends on the steps of all
runs, so that they may be of any length. Everything lands in ``--out``: the weights to ship
(``dit.safetensors``), the state to go on from, samples, a log. The last line on stdout is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from generators.causal_dit import CausalDiT
from generators.dit import DiT, parameter_count
from generators.latents import PATCH, latents_of
from generators.presets import STREAMING, preset, streaming_preset
from generators.rollout import Stage, roll
from generators.training.loop import Run, begin, fill, go_on, train, update
from generators.training.pool import Format, Pool
from generators.training.reading import draw_lesson, learn_to_read
from generators.training.scene_source import SceneSource
from generators.training.sheet import write_sheet
from generators.training.state import save_state
from generators.training.student_objective import (
    StudentLosses,
    gap_at,
    held_out_losses,
    student_losses,
)
from generators.training.world import World
from generators.weight_file import load_weights
from provenance.programs import ready_folder, run_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from generators.training.samples import Decoder

PRESET = "helios-1.0-small"
TEACHER = "ltx-2.3-small"
# Windows are longer than the cache, so that the first moment is seen from afar.
FORMATS = (
    (Format(chunks=15, window=12), 0.6),
    (Format(rate=30, chunks=15, window=12), 0.2),
    (Format(width=112, height=192, chunks=15, window=12), 0.1),
    (Format(width=144, height=144, chunks=15, window=12), 0.1),
)
SHOWN = 6
"""Clips on the sheet, and frames of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the command line says. Times in seconds; ``batch``, ``pool`` and ``fill`` in clips, for
    each process. ``warm``, ``halve`` and ``least``: see
    :func:`~generators.training.student_objective.gap_at`.
    """

    out: Path
    seconds: float = 540.0
    preset: str = PRESET
    batch: int = 32
    pool: int = 20_000
    fill: int = 1_500
    fill_s: float = 40.0
    render: int = 16
    render_share: float = 0.2
    rate: float = 4e-4
    decay: float = 0.0
    tail_s: float = 30.0
    seed: int = 0
    steps: int | None = None
    held_out: int = 32
    warm: int = 3000
    halve: int = 1000
    least: float = 1 / 64
    read_s: float = 25.0
    looks: int = 2


def advance(
    run: Run[CausalDiT], pool: Pool, plan: Plan, world: World, rate: float
) -> StudentLosses:
    """One step; returns its losses, still on the device."""
    gap = gap_at(run.step, warm=plan.warm, halve=plan.halve, least=plan.least)
    windows = pool.draw(plan.batch, world.generator)
    with world.autocast():
        found = student_losses(run.model, windows, world.generator, gap=gap)
    update(run, found.total, world, rate)
    return StudentLosses(*(part.detach() for part in found))


def start_run(plan: Plan, world: World) -> Run[CausalDiT]:
    """A model with new weights, the same in every process."""
    model = CausalDiT(streaming_preset(plan.preset))
    model.initialise(torch.Generator().manual_seed(plan.seed))
    return begin(model, plan.rate, world.device)


def prepare(
    run: Run[CausalDiT],
    plan: Plan,
    world: World,
    source: SceneSource,
    *,
    resume: Path | None,
    weights: Path | None,
    teacher: DiT | None,
) -> None:
    """Go on from an earlier run, from its weights, or from a teacher; else learn to read first."""
    if resume is not None:
        go_on(run, resume, plan, world, source)
        return
    if weights is not None:
        load_weights(weights, run.model)
    elif teacher is not None:
        taken = run.model.adopt(teacher)
        world.say(f"{taken} of {len(run.model.state_dict())} tensors are the teacher's")
    elif plan.read_s > 0:
        size = run.model.config.text.max_bytes
        lesson = draw_lesson(20_000, size, random.Random(plan.seed))  # noqa: S311
        read = learn_to_read(
            run.model.text, lesson, world, seconds=plan.read_s, steps=1500, batch=256
        )
        world.say(f"reads {read}")
    run.average.load_state_dict(run.model.state_dict())


def clips_of(
    model: CausalDiT, raw_text: Tensor, layout: Format, *, looks: int, seed: int
) -> Tensor:
    """Latents (B, S, P, C) of streams for texts (B, bytes), as long as a window of the layout."""
    stage = Stage(
        rows=layout.height // PATCH,
        columns=layout.width // PATCH,
        rate=Fraction(layout.rate),
        steps=looks,
    )
    with torch.inference_mode():
        text = model.read(raw_text)
        stream = roll(model, stage, lambda: text, generator=torch.Generator().manual_seed(seed))
        return torch.stack([next(stream) for _ in range(layout.window + 1)], dim=1)


def write_streams(
    folder: Path,
    model: CausalDiT,
    raw_text: Tensor,
    layout: Format,
    codec: Decoder,
    *,
    looks: int,
    seed: int,
) -> None:
    """``samples.png`` in ``folder``: frames of streams for texts (B, bytes), a row each."""
    made = clips_of(model, raw_text, layout, looks=looks, seed=seed)
    with torch.inference_mode():
        frames = codec.decode(latents_of(made, layout.height // PATCH).float())
    shown = torch.linspace(0, frames.shape[2] - 1, SHOWN).round().int().tolist()
    write_sheet(folder / "samples.png", [[clip[:, at] for at in shown] for clip in frames])


def work(
    plan: Plan,
    world: World,
    source: SceneSource,
    resume: Path | None = None,
    weights: Path | None = None,
    teacher: DiT | None = None,
) -> dict[str, Any]:
    """A whole run, from rendering the first clips to writing the last file; returns its figures."""
    started = time.monotonic()
    run = start_run(plan, world)
    prepare(run, plan, world, source, resume=resume, weights=weights, teacher=teacher)
    pools = [(Pool(layout, max(plan.render, int(plan.pool * share))), share)
             for layout, share in FORMATS]  # fmt: skip
    fill(pools, source.clips, world, each=plan.render, clips=plan.fill, longest_s=plan.fill_s)
    first, began = run.step, time.monotonic()
    train(
        run,
        pools,
        source.clips,
        lambda pool, rate: advance(run, pool, plan, world, rate),
        plan,
        world,
        started,
    )
    gap = gap_at(run.step, warm=plan.warm, halve=plan.halve, least=plan.least)
    figures: dict[str, Any] = {
        "preset": plan.preset,
        "parameters": parameter_count(run.model),
        "processes": world.size,
        "batch": plan.batch * world.size,
        "steps": run.step - first,
        "step": run.step,
        "gap": gap,
        "trained_s": round(time.monotonic() - began, 1),
        "peak_gb": world.peak_gb(),
        "clips_rendered": source.rendered * world.size,
        "last": run.log[-1] if run.log else None,
    }
    if world.rank == 0:
        save_state(plan.out, run.model, run.average, run.optimizer, run.step)
        figures |= _look(run.average, plan, world, source, gap)
        figures["total_s"] = round(time.monotonic() - started, 1)
        (plan.out / "log.json").write_text(json.dumps({"log": run.log, "figures": figures}))
    return figures


def _look(
    model: CausalDiT, plan: Plan, world: World, source: SceneSource, gap: float
) -> dict[str, Any]:
    """Losses on held-out scenes, and a sheet of streams for their captions."""
    source.rng = np.random.default_rng(2026)  # the same scenes after every run
    held_out = Pool(FORMATS[0][0], plan.held_out)
    captions: list[str] = []
    while held_out.filled < held_out.capacity:
        held_out.put(source.clips(held_out.layout, plan.render, split="held_out"))
        captions += source.captions
    raw = held_out.first(min(SHOWN, held_out.filled)).text
    write_streams(
        plan.out, model, raw, held_out.layout, source.video_codec,
        looks=plan.looks, seed=plan.seed,
    )  # fmt: skip
    return {
        "held_out": held_out_losses(model, held_out, world, gap=gap),
        "captions": captions[:SHOWN],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m generators.training.student",
        description=__doc__.splitlines()[0],
        argument_default=argparse.SUPPRESS,  # the plan has its own
    )
    add = parser.add_argument
    add("--out", type=Path, required=True)
    add("--resume", type=Path, help="the folder of an earlier run", default=None)
    add("--weights", type=Path, help="start from these, as a run exported them", default=None)
    add("--teacher", type=Path, help="weights of the joint transformer to start from", default=None)
    add("--teacher-preset", default=TEACHER)
    add("--video-codec", type=Path, help="weights; default: the bundled ones", default=None)
    add("--audio-codec", type=Path, help="weights; default: the bundled ones", default=None)
    add("--device", choices=["cpu", "cuda"], default=None)
    add("--preset", choices=sorted(STREAMING))
    add("--seconds", type=float, help="of the whole run")
    add("--tail-s", type=float, help="kept for the end of it")
    add("--steps", type=int, help="stop after so many, if time does not")
    add("--batch", type=int, help="clips a step, each process")
    add("--pool", type=int, help="clips kept, each process")
    add("--fill", type=int, help="clips rendered before training")
    add("--fill-s", type=float, help="the most time for that")
    add("--render", type=int, help="clips rendered at a time")
    add("--render-share", type=float, help="of the time")
    add("--rate", type=float, help="learning rate")
    add("--decay", type=float, help="last share of the time; 0: none")
    add("--held-out", type=int, help="clips that losses are read on")
    add("--warm", type=int, help="steps of flow matching at first")
    add("--halve", type=int, help="steps after which the gap is halved")
    add("--least", type=float, help="the smallest gap")
    add("--read-s", type=float, help="to learn to read without a teacher; 0: not")
    add("--looks", type=int, help="at noise, for each moment of the samples")
    add("--seed", type=int)
    given = vars(parser.parse_args(arguments))
    resume, device = given.pop("resume"), given.pop("device")
    weights = given.pop("weights")
    taught, size = given.pop("teacher"), given.pop("teacher_preset")
    files = given.pop("video_codec"), given.pop("audio_codec")
    plan = Plan(**given)
    teacher = None
    if taught is not None and weights is None and resume is None:
        teacher = DiT(preset(size))
        load_weights(taught, teacher)
    world = World.join(device, plan.seed)
    ready_folder(plan.out)
    text = streaming_preset(plan.preset).text
    source = SceneSource.open(*files, world=world, max_bytes=text.max_bytes, seed=plan.seed)
    figures = work(plan, world, source, resume, weights, teacher)
    world.leave()
    if world.rank == 0:
        sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    run_program(main)
