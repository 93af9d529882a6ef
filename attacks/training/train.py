"""``python -m attacks.training.train``: train the embedder and the extractor together.

Made for short leases: a run stops after ``--stop-after`` seconds, and ``--resume`` goes on from
where it stopped. Every step draws from generators seeded by (seed, step), so a resumed run sees
what an uninterrupted one would have seen (replays of real codecs excepted: their order depends on
how fast the encoders are).
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from attacks.training.checkpoint import load_checkpoint, save_checkpoint
from attacks.training.data import SIDE, Pack, read_pack
from attacks.training.replay import Batch, Replay
from attacks.training.scenes import Sources
from attacks.training.screens import draw_screens
from attacks.training.step import Progress, Recipe, draw_marked, run_step
from provenance.errors import OptionError
from provenance.watermark.net import DEFAULT_SIZES, NetSizes, build_nets, channels_last

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One training: what it draws (``recipe``), how long, how fast, on what.

    ``steps``: of the whole training, over all its runs; the rate falls over the last ``decay``.
    ``ramp``: steps until the attacks have their full strength and the mark is hidden.
    ``replay``: clips a batch for the real encoders (0: none), one every ``feed_every`` steps;
    ``workers``: encoder processes.
    """

    steps: int = 20_000
    decay: int = 6_000
    warm: int = 300
    ramp: int = 4_000
    rate: float = 1.2e-3
    seed: int = 1
    replay: int = 0
    feed_every: int = 8
    workers: int = 14
    log_every: int = 200
    sizes: NetSizes = DEFAULT_SIZES
    recipe: Recipe = field(default_factory=Recipe)


_PLAN = Plan()


@dataclass(slots=True, kw_only=True)
class Training:
    """The state that steps change."""

    nets: nn.ModuleDict
    average: nn.ModuleDict
    optimizer: torch.optim.Optimizer
    step: int = 0


def rate_at(step: int, plan: Plan) -> float:
    """Learning rate: warm up, stay, fall to nearly zero as a cosine."""
    left = min(1.0, max(0.0, (plan.steps - step) / plan.decay))
    return plan.rate * min(1.0, (step + 1) / plan.warm) * (0.5 - 0.49 * math.cos(math.pi * left))


def progress_at(step: int, plan: Plan) -> Progress:
    """Attacks grow while the mark goes under; the last step of the ramp is the real task."""
    share = min(1.0, step / plan.ramp)
    return Progress(level=0.1 + 0.9 * share, hidden=min(1.0, 1.25 * share))


def start_training(plan: Plan, device: torch.device) -> Training:
    torch.manual_seed(plan.seed)
    nets = build_nets(plan.sizes).to(device)
    channels_last(nets)
    average = copy.deepcopy(nets).requires_grad_(requires_grad=False)
    optimizer = torch.optim.AdamW(nets.parameters(), plan.rate, weight_decay=0.01, fused=True)
    return Training(nets=nets, average=average, optimizer=optimizer)


def load_sources(pack: Pack, seed: int, device: torch.device) -> Sources:
    """Photographs and, for every five of them, one drawn screen."""
    screens = draw_screens(len(pack.stills) // 5 + 1, SIDE, np.random.default_rng(seed))
    stills = torch.from_numpy(np.concatenate([pack.stills, screens]))
    return Sources(stills.to(device), torch.from_numpy(pack.runs).to(device))


def _seed(plan: Plan, step: int, stream: int) -> int:
    return int(np.random.SeedSequence([plan.seed, step, stream]).generate_state(1)[0])


def advance(
    training: Training, sources: Sources, plan: Plan, random: torch.Generator,
    extra: tuple[Tensor, Tensor] | None = None,
) -> dict[str, Tensor]:  # fmt: skip
    """One step: returns its figures, still on the device."""
    step = training.step
    random.manual_seed(_seed(plan, step, 0))
    choice = np.random.default_rng(_seed(plan, step, 1))
    for group in training.optimizer.param_groups:
        group["lr"] = rate_at(step, plan)
    progress = progress_at(step, plan)
    loss, figures = run_step(training.nets, sources, plan.recipe, progress, random, choice, extra)
    training.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(training.nets.parameters(), 1.0)
    training.optimizer.step()
    training.step += 1
    _average(training, keep=min(0.999, (step + 1) / (step + 10)))
    return figures


def _average(training: Training, *, keep: float) -> None:
    pairs = zip(_tensors(training.average), _tensors(training.nets), strict=True)
    kept, new = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
    with torch.no_grad():
        torch._foreach_lerp_(kept, new, 1.0 - keep)


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    return chain(module.parameters(), module.buffers())


def _feed(
    training: Training, sources: Sources, plan: Plan, random: torch.Generator, replay: Replay
) -> None:
    """Give the encoders another batch, marked by the nets as they are now."""
    random.manual_seed(_seed(plan, training.step, 2))
    choice = np.random.default_rng(_seed(plan, training.step, 3))
    clips, patterns = draw_marked(
        training.nets["embedder"], sources, plan.recipe, plan.replay, 8, random, choice
    )
    batch = Batch(clips=clips.cpu().numpy(), patterns=patterns.cpu().numpy())
    replay.submit(batch, choice)


def run(
    training: Training, sources: Sources, plan: Plan, *, device: torch.device, stop_after_s: float
) -> list[dict[str, float]]:
    """Steps until the plan's end or the time is up; returns the logged figures."""
    random = torch.Generator(device)
    log: list[dict[str, float]] = []
    started, reported = time.monotonic(), training.step
    with ExitStack() as stack:
        replay = stack.enter_context(Replay(workers=plan.workers)) if plan.replay else None
        while training.step < plan.steps and time.monotonic() - started < stop_after_s:
            extra = None
            if replay is not None and training.step >= plan.ramp // 2:
                if training.step % plan.feed_every == 0 and not replay.full:
                    _feed(training, sources, plan, random, replay)
                back = replay.take(np.random.default_rng(_seed(plan, training.step, 4)))
                if back is not None:
                    extra = (
                        torch.from_numpy(back.means).to(device, non_blocking=True),
                        torch.from_numpy(back.patterns).to(device, non_blocking=True),
                    )
            figures = advance(training, sources, plan, random, extra)
            if training.step - reported >= plan.log_every:
                line = {name: round(float(value), 4) for name, value in figures.items()}
                line |= {"step": training.step, "s": round(time.monotonic() - started, 1)}
                reported = training.step
                log.append(line)
                click.echo(json.dumps(line), err=True)
    return log


def export_weights(path: Path, average: nn.ModuleDict) -> None:
    """The averaged nets as half-precision safetensors, complete or not at all."""
    state = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).cpu().contiguous()
        for name, tensor in average.state_dict().items()
    }
    part = path.with_name(path.name + ".part")
    safetensors.torch.save_file(state, part)
    os.replace(part, path)  # noqa: PTH105  the rename that cannot half happen


@click.command()
@click.option("--pack", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False),
              help="Folder for the checkpoint, the weights and the log.")  # fmt: skip
@click.option("--resume", type=click.Path(path_type=Path, file_okay=False), help="A checkpoint.")
@click.option("--steps", default=_PLAN.steps, show_default=True, help="Of all runs together.")
@click.option("--decay", default=_PLAN.decay, show_default=True, help="Last steps, rate falling.")
@click.option("--ramp", default=_PLAN.ramp, show_default=True, help="Steps to the full task.")
@click.option("--rate", default=_PLAN.rate, show_default=True, help="Learning rate.")
@click.option("--replay", default=0, show_default=True, help="Clips a batch for real encoders.")
@click.option("--workers", default=_PLAN.workers, show_default=True, help="Encoder processes.")
@click.option("--stop-after", default=math.inf, help="Seconds; then stop and save.")
@click.option("--seed", default=_PLAN.seed, show_default=True)
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu")
def main(
    pack: Path, out: Path, resume: Path | None, steps: int, decay: int, ramp: int, rate: float,
    replay: int, workers: int, stop_after: float, seed: int, device: str,
) -> None:  # fmt: skip
    """Train the watermark's nets and write checkpoint, weights and log to --out."""
    if steps < 1 or decay < 1 or ramp < 1:
        raise OptionError("--steps, --decay and --ramp count from 1", hint="give positive numbers")
    torch.backends.cudnn.benchmark = True
    plan = Plan(
        steps=steps, decay=decay, ramp=ramp, rate=rate, seed=seed, replay=replay, workers=workers
    )
    target = torch.device(device)
    sources = load_sources(read_pack(pack), seed, target)
    training = start_training(plan, target)
    if resume is not None:
        training.step = load_checkpoint(resume, training.nets, training.average, training.optimizer)
    out.mkdir(parents=True, exist_ok=True)
    log = run(training, sources, plan, device=target, stop_after_s=stop_after)
    save_checkpoint(
        out / "checkpoint", training.nets, training.average, training.optimizer, training.step
    )
    export_weights(out / "modem.safetensors", training.average)
    (out / "log.json").write_text(json.dumps(log))


if __name__ == "__main__":
    main()
