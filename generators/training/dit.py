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
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from generators.dit import DiT, parameter_count
from generators.presets import PRESETS, preset
from generators.sampling import SamplingSettings
from generators.training.objective import Losses, losses
from generators.training.pool import Format, Pool
from generators.training.samples import draw_clips, write_samples
from generators.training.scene_source import SceneSource
from generators.training.state import load_state, save_state
from generators.training.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from generators.training.pool import Encoded

PRESET = "ltx-2.3-small"
WARMUP_STEPS = 300
SYNC_EVERY = 10
"""Steps after which the processes agree on how much of the time is used up."""
LOG_EVERY = 100
SAVE_EVERY_S = 150.0
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
    batch: int = 128
    pool: int = 40_000
    fill: int = 2_000
    fill_s: float = 30.0
    render: int = 16
    render_share: float = 0.4
    rate: float = 1e-3
    decay: float = 0.35
    tail_s: float = 40.0
    seed: int = 0
    compiled: bool = True
    steps: int | None = None
    held_out: int = 64
    guidance: float = 3.0


@dataclass(slots=True, kw_only=True)
class Run:
    """A training run on its way."""

    model: DiT
    average: DiT
    optimizer: torch.optim.Optimizer
    skipped: torch.Tensor
    step: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)


def start_run(plan: Plan, world: World) -> Run:
    """A model with new weights, the same in every process."""
    model = DiT(preset(plan.preset))
    model.initialise(torch.Generator().manual_seed(plan.seed))
    model.to(world.device)
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}],
        lr=plan.rate,
        betas=(0.9, 0.99),
        fused=True,
    )
    average = copy.deepcopy(model).requires_grad_(requires_grad=False).eval()
    skipped = torch.zeros((), device=world.device)
    return Run(model=model, average=average, optimizer=optimizer, skipped=skipped)


def rate_at(step: int, share: float, plan: Plan) -> float:
    """The learning rate: a short rise, level, and a fall to 1/20 over the last ``decay`` of the
    time, in which most of the loss goes (Hu et al. 2024, MiniCPM, arXiv:2404.06395).
    """
    rise = min(1.0, (step + 1) / WARMUP_STEPS)
    left = 1.0 if plan.decay <= 0 else min(1.0, max(0.0, (1 - share) / plan.decay))
    return plan.rate * rise * (0.05 + 0.95 * left)


def advance(run: Run, pool: Pool, plan: Plan, world: World, rate: float) -> Losses:
    """One step; returns its losses, still on the device. A step whose gradient is not finite
    changes nothing.
    """
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    windows = pool.draw(plan.batch, world.generator)
    with world.autocast():
        found = losses(run.model, windows, world.generator)
    run.optimizer.zero_grad(set_to_none=False)
    found.total.backward()  # type: ignore[no-untyped-call]
    gradients = [weight.grad for weight in run.model.parameters() if weight.grad is not None]
    world.average(gradients)
    norm = torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    # What GradScaler does: the fused optimizer looks at this by itself, without waiting for it.
    run.optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
    run.optimizer.grad_scale = None  # type: ignore[attr-defined]
    run.optimizer.step()
    run.skipped += run.optimizer.found_inf  # type: ignore[attr-defined]
    run.step += 1
    keep = min(0.9995, (run.step + 1) / (run.step + 20))
    with torch.no_grad():
        torch._foreach_lerp_(list(run.average.parameters()), list(run.model.parameters()), 1 - keep)
    return Losses(*(part.detach() for part in found))


def train(
    run: Run,
    pools: Sequence[tuple[Pool, float]],
    render: Callable[[Format, int], Encoded],
    plan: Plan,
    world: World,
    started: float,
) -> None:
    """Steps until the time is up, or ``plan.steps`` are made; renews the pools on the way."""
    ends = started + plan.seconds - plan.tail_s
    began = time.monotonic()
    turn = np.random.default_rng([plan.seed, run.step])  # the same in every process
    renewal = np.random.default_rng([plan.seed, run.step, 1 + world.rank])
    chances = np.array([share for _, share in pools])
    chances /= chances.sum()
    last_step = None if plan.steps is None else run.step + plan.steps
    share, step_s, render_s, owed = 0.0, 0.1, 0.0, 0.0
    reported, at, saved = run.step, began, began
    total = torch.zeros(3, device=world.device)
    while True:
        if run.step % SYNC_EVERY == 0:
            share = world.agree((time.monotonic() - began) / max(1e-6, ends - began))
        if share >= 1 or (last_step is not None and run.step >= last_step):
            return
        pool = pools[int(turn.choice(len(pools), p=chances))][0]
        found = advance(run, pool, plan, world, rate_at(run.step, share, plan))
        total += torch.stack(list(found))
        # Rendering gets its share of the time, however long it takes here.
        owed += step_s * plan.render_share / (1 - plan.render_share)
        if owed >= render_s:
            world.wait()
            before = time.monotonic()
            chosen = pools[int(renewal.choice(len(pools), p=chances))][0]
            chosen.put(render(chosen.layout, plan.render))
            world.wait()
            render_s = time.monotonic() - before
            owed = 0.0
        if run.step - reported >= LOG_EVERY:
            steps, now = run.step - reported, time.monotonic()
            means = [round(value / steps, 4) for value in total.tolist()]
            step_s = world.agree((now - at) / steps * (1 - plan.render_share))
            line = dict(zip(Losses._fields, means, strict=True))
            line |= {"step": run.step, "s": round(now - started, 1), "step_s": round(step_s, 4)}
            line |= {"skipped": int(run.skipped), "rate": rate_at(run.step, share, plan)}
            line |= {"render_s": round(render_s, 3), "clips": sum(p.filled for p, _ in pools)}
            run.log.append(line)
            world.say(json.dumps(line))
            reported, at = run.step, now
            total.zero_()
            if world.rank == 0 and now - saved > SAVE_EVERY_S:
                save_state(plan.out, run.model, run.average, run.optimizer, run.step)
                saved = now


def held_out_losses(run: Run, pool: Pool, world: World, *, batches: int = 4) -> dict[str, float]:
    """Mean losses of the averaged weights on a pool of held-out scenes, drawn by a fixed seed."""
    generator = torch.Generator(world.device).manual_seed(1)
    total = torch.zeros(3, device=world.device)
    with torch.no_grad(), world.autocast():
        for _ in range(batches):
            found = losses(run.average, pool.draw(min(64, pool.filled), generator), generator)
            total += torch.stack([part.float() for part in found])
    return {
        name: round(float(value) / batches, 4)
        for name, value in zip(Losses._fields, total, strict=True)
    }


def compile_blocks(run: Run, pools: Sequence[tuple[Pool, float]], plan: Plan, world: World) -> bool:
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


def work(plan: Plan, world: World, source: SceneSource, resume: Path | None) -> dict[str, Any]:
    """A whole run, from rendering the first clips to writing the last file; returns its figures."""
    started = time.monotonic()
    run = start_run(plan, world)
    if resume is not None:
        run.step = load_state(resume, run.model, run.average, run.optimizer)
        # Other scenes and other noise than those of the run before.
        world.generator.manual_seed(run.step * 1000 + world.rank)
        source.rng = np.random.default_rng([plan.seed, world.rank, run.step])
        world.say(f"resumed at step {run.step}")
    pools = [(Pool(layout, max(plan.render, int(plan.pool * share))), share)
             for layout, share in FORMATS]  # fmt: skip
    for pool, share in pools:
        before = time.monotonic()
        while pool.filled < max(1, min(pool.capacity, int(plan.fill * share))):
            pool.put(source.clips(pool.layout, plan.render))
            world.wait()
            if time.monotonic() - before > plan.fill_s * share:
                break
        took = time.monotonic() - before
        world.say(f"{pool.layout}: {pool.filled} clips in {took:.1f} s")
    compiled = plan.compiled and compile_blocks(run, pools, plan, world)
    world.say(f"compiled: {compiled}, after {time.monotonic() - started:.1f} s")
    first = run.step
    began = time.monotonic()
    train(run, pools, source.clips, plan, world, started)
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
        plan.out.mkdir(parents=True, exist_ok=True)
        save_state(plan.out, run.model, run.average, run.optimizer, run.step)
        source.rng = np.random.default_rng(2026)  # the same scenes after every run
        held_out = Pool(FORMATS[0][0], plan.held_out)
        captions: list[str] = []
        while held_out.filled < held_out.capacity:
            held_out.put(source.clips(held_out.layout, plan.render, split="held_out"))
            captions += source.captions
        shown = min(8, held_out.filled)
        figures["held_out"] = held_out_losses(run, held_out, world)
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
    parser.add_argument("--batch", type=int, default=128, help="clips a step, each process")
    parser.add_argument("--pool", type=int, default=40_000, help="clips kept, each process")
    parser.add_argument("--fill", type=int, default=2_000, help="clips rendered before training")
    parser.add_argument("--fill-s", type=float, default=30.0, help="the most time for that")
    parser.add_argument("--render", type=int, default=16, help="clips rendered at a time")
    parser.add_argument("--render-share", type=float, default=0.4, help="of the time")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--decay", type=float, default=0.35, help="last share of the time; 0: none")
    parser.add_argument("--held-out", type=int, default=64, help="clips that losses are read on")
    parser.add_argument("--guidance", type=float, default=3.0, help="of the samples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-compile", dest="compiled", action="store_false")
    given = vars(parser.parse_args(arguments))
    resume, device = given.pop("resume"), given.pop("device")
    files = given.pop("video_codec"), given.pop("audio_codec")
    plan = Plan(**given)
    world = World.join(device, plan.seed)
    source = SceneSource.open(*files, world=world, config=preset(plan.preset), seed=plan.seed)
    figures = work(plan, world, source, resume)
    world.leave()
    if world.rank == 0:
        sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
