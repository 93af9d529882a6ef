"""``python -m generators.training.dit``: train the joint transformer on scenes as they are drawn.

One process a GPU. A run lasts ``--seconds`` from its start to its end, samples and files included,
and ``--resume`` goes on from the folder of an earlier one::

    torchrun --nproc-per-node 2 -m generators.training.dit --out run1 --decay 0
    torchrun --nproc-per-node 2 -m generators.training.dit --out run2 --resume run1

The learning rate falls at the end of a run unless ``--decay 0``, so that only the last one should.
Everything lands in ``--out``: the weights to ship (``dit.safetensors``), the state to go on from,
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
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from generators.dit import DiT, parameter_count
from generators.presets import PRESETS, preset
from generators.sampling import SamplingSettings
from generators.training.growth import fill_deeper
from generators.training.loop import Run, begin, fill, go_on, train, update
from generators.training.objective import Losses, held_out_losses, losses
from generators.training.pool import Format, Pool
from generators.training.reading import draw_lesson, learn_to_read
from generators.training.samples import draw_clips, write_samples
from generators.training.scene_source import SceneSource
from generators.training.state import save_state
from generators.training.world import World
from provenance.programs import ready_folder, run_program

if TYPE_CHECKING:
    from collections.abc import Sequence

PRESET = "ltx-2.3-small"
FORMATS = (
    # The common case first; portrait has as many tokens, so that nothing is compiled again.
    (Format(), 0.5),
    (Format(rate=30), 0.2),
    (Format(rate=50), 0.1),
    (Format(width=112, height=192), 0.1),
    (Format(width=144, height=144), 0.1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the command line says. Times in seconds; ``batch``, ``pool`` and ``fill`` in clips, for
    each process.
    """

    out: Path
    seconds: float
    preset: str = PRESET
    batch: int = 64
    pool: int = 40_000
    fill: int = 2_000
    fill_s: float = 30.0
    render: int = 16
    render_share: float = 0.2
    rate: float = 1e-3
    decay: float = 0.35
    tail_s: float = 40.0
    seed: int = 0
    compiled: bool = False
    read_s: float = 25.0
    read_steps: int = 1500
    lesson: int = 20_000
    steps: int | None = None
    held_out: int = 64
    guidance: float = 3.0


def start_run(plan: Plan, world: World) -> Run[DiT]:
    """A model with new weights, the same in every process."""
    model = DiT(preset(plan.preset))
    model.initialise(torch.Generator().manual_seed(plan.seed))
    return begin(model, plan.rate, world.device)


def advance(run: Run[DiT], pool: Pool, plan: Plan, world: World, rate: float) -> Losses:
    """One step; returns its losses, still on the device."""
    windows = pool.draw(plan.batch, world.generator)
    with world.autocast():
        found = losses(run.model, windows, world.generator)
    update(run, found.total, world, rate)
    return Losses(*(part.detach() for part in found))


def compile_blocks(
    run: Run[DiT], pools: Sequence[tuple[Pool, float]], plan: Plan, world: World
) -> bool:
    """Compile the block, once for all formats. What a compiler gets wrong must not cost the run:
    where it fails, or its gradients are not those of the plain block, there is none. True if
    compiled.
    """
    probe = copy.deepcopy(run.model)
    with torch.no_grad():
        for weight in probe.parameters():  # with open gates, so that all of a block is compared
            weight.add_(torch.randn(weight.shape, device=weight.device), alpha=0.02)

    def gradient(pool: Pool) -> float:
        generator = torch.Generator(world.device).manual_seed(5)
        with world.autocast():
            found = losses(probe, pool.draw(plan.batch, generator), generator)
        probe.zero_grad()
        found.total.backward()  # type: ignore[no-untyped-call]
        return float(torch.nn.utils.clip_grad_norm_(probe.parameters(), 1e9))

    plain = [gradient(pool) for pool, _ in pools]
    for block in probe.blocks:
        block.compile(dynamic=True)
    try:
        compiled = [gradient(pool) for pool, _ in pools]
    except Exception as error:  # noqa: BLE001  whatever a compiler has to complain about
        world.say(f"not compiled: {type(error).__name__}: {str(error)[:500]}")
        return False
    world.say(f"gradients: compiled {compiled}, plain {plain}")
    if not all(abs(a - b) <= 0.05 * b for a, b in zip(compiled, plain, strict=True)):
        return False
    for block in run.model.blocks:
        block.compile(dynamic=True)
    return True


def prepare(
    run: Run[DiT],
    plan: Plan,
    world: World,
    source: SceneSource,
    *,
    resume: Path | None,
    weights: Path | None,
) -> None:
    """Go on from an earlier run, or from weights; a new model learns to read first."""
    if resume is not None:
        go_on(run, resume, plan, world, source)
    elif weights is not None:
        new = fill_deeper(weights, run.model)
        fill_deeper(weights, run.average)
        world.say(f"from {weights}, {new} of {len(run.model.blocks)} blocks new")
    elif plan.read_s > 0:
        config = run.model.config.text
        lesson = draw_lesson(plan.lesson, config.max_bytes, random.Random(plan.seed))  # noqa: S311
        read = learn_to_read(
            run.model.text, lesson, world, seconds=plan.read_s, steps=plan.read_steps, batch=256
        )
        run.average.load_state_dict(run.model.state_dict())
        world.say(f"reads {read}")


def work(
    plan: Plan,
    world: World,
    source: SceneSource,
    resume: Path | None = None,
    weights: Path | None = None,
) -> dict[str, Any]:
    """A whole run, from rendering the first clips to writing the last file; returns its figures."""
    started = time.monotonic()
    run = start_run(plan, world)
    prepare(run, plan, world, source, resume=resume, weights=weights)
    pools = [(Pool(layout, max(plan.render, int(plan.pool * share))), share)
             for layout, share in FORMATS]  # fmt: skip
    fill(pools, source.clips, world, each=plan.render, clips=plan.fill, longest_s=plan.fill_s)
    compiled = plan.compiled and compile_blocks(run, pools, plan, world)
    world.say(f"compiled: {compiled}, after {time.monotonic() - started:.1f} s")
    first = run.step
    began = time.monotonic()
    train(
        run,
        pools,
        source.clips,
        lambda pool, rate: advance(run, pool, plan, world, rate),
        plan,
        world,
        started,
    )
    trained_s = time.monotonic() - began
    figures: dict[str, Any] = {
        "preset": plan.preset,
        "parameters": parameter_count(run.model),
        "processes": world.size,
        "batch": plan.batch * world.size,
        "steps": run.step - first,
        "step": run.step,
        "trained_s": round(trained_s, 1),
        "compiled": compiled,
        "peak_gb": world.peak_gb(),
        "clips_rendered": source.rendered * world.size,
        "last": run.log[-1] if run.log else None,
    }
    if world.rank == 0:
        save_state(plan.out, run.model, run.average, run.optimizer, run.step)
        source.rng = np.random.default_rng(2026)  # the same scenes after every run
        held_out = Pool(FORMATS[0][0], plan.held_out)
        captions: list[str] = []
        while held_out.filled < held_out.capacity:
            held_out.put(source.clips(held_out.layout, plan.render, split="held_out"))
            captions += source.captions
        shown = min(8, held_out.filled)
        figures["held_out"] = held_out_losses(run.average, held_out, world)
        windows = held_out.first(shown)
        drawn = draw_clips(
            run.average,
            windows,
            images=shown // 4,
            settings=SamplingSettings(guidance=plan.guidance),
            seed=plan.seed,
        )
        codecs = (source.video_codec, source.audio_codec)
        write_samples(plan.out, "samples", drawn, held_out.layout, *codecs)
        figures["captions"] = captions[:shown]
        figures["total_s"] = round(time.monotonic() - started, 1)
        (plan.out / "log.json").write_text(json.dumps({"log": run.log, "figures": figures}))
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m generators.training.dit", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", type=Path, help="the folder of an earlier run")
    parser.add_argument("--video-codec", type=Path, help="weights; default: the bundled ones")
    parser.add_argument("--audio-codec", type=Path, help="weights; default: the bundled ones")
    parser.add_argument("--device", choices=["cpu", "cuda"])
    parser.add_argument("--preset", choices=sorted(PRESETS), default=PRESET)
    parser.add_argument("--seconds", type=float, default=540.0, help="of the whole run")
    parser.add_argument("--tail-s", type=float, default=40.0, help="kept for the end of it")
    parser.add_argument("--steps", type=int, help="stop after so many, if time does not")
    parser.add_argument("--batch", type=int, default=64, help="clips a step, each process")
    parser.add_argument("--pool", type=int, default=40_000, help="clips kept, each process")
    parser.add_argument("--fill", type=int, default=2_000, help="clips rendered before training")
    parser.add_argument("--fill-s", type=float, default=30.0, help="the most time for that")
    parser.add_argument("--render", type=int, default=16, help="clips rendered at a time")
    parser.add_argument("--render-share", type=float, default=0.2, help="of the time")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--decay", type=float, default=0.35, help="last share of the time; 0: none")
    parser.add_argument("--held-out", type=int, default=64, help="clips that losses are read on")
    parser.add_argument("--guidance", type=float, default=3.0, help="of the samples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--compile",
        dest="compiled",
        action="store_true",
        help="a fifth faster a step after two minutes: for long runs",
    )
    parser.add_argument("--weights", type=Path, help="start from these, of as many blocks or fewer")
    parser.add_argument("--read-s", type=float, default=25.0, help="to learn to read; 0: not")
    given = vars(parser.parse_args(arguments))
    resume, device = given.pop("resume"), given.pop("device")
    weights = given.pop("weights")
    files = given.pop("video_codec"), given.pop("audio_codec")
    plan = Plan(**given)
    world = World.join(device, plan.seed)
    ready_folder(plan.out)
    text = preset(plan.preset).text
    source = SceneSource.open(*files, world=world, max_bytes=text.max_bytes, seed=plan.seed)
    figures = work(plan, world, source, resume, weights)
    world.leave()
    if world.rank == 0:
        sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    run_program(main)
