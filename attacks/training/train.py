"""``python -m attacks.training.train``: train the listener on what real codecs leave of the mark.

Made for short leases: encoders run beside the GPU from the first second to the last, a run stops
after ``--stop-after`` seconds, and ``--resume`` goes on from where it stopped, with new scenes.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from attacks.training.checkpoint import load_checkpoint, save_checkpoint
from attacks.training.data import read_pack
from attacks.training.examples import FINENESS, OUTSIDE, SHAPE
from attacks.training.screens import draw_screens
from attacks.training.supply import Supply, unpack_sources
from provenance.errors import OptionError
from provenance.watermark.listener import ListenerNet, matched_filter

if TYPE_CHECKING:
    from attacks.training.examples import Examples

_HELD_OUT = 100  # photographs that only the check sees
_CHECK_SEED = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how fast: the rate falls over the last ``decay_s`` of a run's ``stop_s``.

    ``room``: examples kept on the device, the oldest making place for new ones.
    """

    stop_s: float
    decay_s: float
    rate: float = 2e-3
    warm: int = 300
    batch: int = 48
    room: int = 60_000
    begin_at: int = 600
    log_s: float = 20.0
    check_scenes: int = 160


class Reservoir:
    """Examples on the device: means in 1/128 level, the cell each pixel shows, and their signs."""

    def __init__(self, room: int, device: torch.device) -> None:
        self._means = torch.zeros((room, *SHAPE), dtype=torch.int16, device=device)
        self._cells = torch.zeros((room, *SHAPE), dtype=torch.int16, device=device)
        self._signs = torch.zeros((room, OUTSIDE), dtype=torch.int8, device=device)
        self._next = 0
        self.count = 0

    def add(self, examples: Examples) -> None:
        for mean in torch.from_numpy(examples.means.astype(np.int16)):
            self._means[self._next] = mean.to(self._means.device)
            self._cells[self._next] = torch.from_numpy(examples.cells).to(self._means.device)
            self._signs[self._next] = torch.from_numpy(examples.signs).to(self._means.device)
            self._next = (self._next + 1) % len(self._means)
            self.count = min(self.count + 1, len(self._means))

    def draw(self, batch: int, random: torch.Generator) -> Batch:
        """Mirrored, turned, and negatives."""
        pick = torch.randint(self.count, (batch,), generator=random, device=random.device)
        drawn = self.part(pick)
        luma, cells = drawn.luma, drawn.cells
        choice = torch.randint(2, (3,), generator=random, device=random.device).tolist()
        if choice[0]:
            luma, cells = luma.flip(2), cells.flip(1)
        if choice[1]:
            luma, cells = luma.flip(3), cells.flip(2)
        if choice[2]:
            luma, cells = luma.transpose(2, 3), cells.transpose(1, 2)
        turn = 1.0 - 2 * torch.randint(2, (batch, 1), generator=random, device=random.device)
        luma = (luma - 127.5) * turn[:, :, None, None] + 127.5
        return Batch(luma=luma, cells=cells, signs=drawn.signs * turn)

    def part(self, pick: Tensor) -> Batch:
        luma = self._means[pick][:, None].float() / FINENESS
        return Batch(luma=luma, cells=self._cells[pick], signs=self._signs[pick].float())


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """``luma``: (B, 1, H, W), 0…255. ``cells``: (B, H, W), 5120 outside. ``signs``: (B, 5120)."""

    luma: Tensor
    cells: Tensor
    signs: Tensor

    def folded(self, told: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 5120) sums of (B, 1, H, W) evidence over each cell, and which cells are seen."""
        index = self.cells.flatten(1).long()
        sums = told.new_zeros((len(told), OUTSIDE + 1))
        seen = torch.zeros_like(sums).scatter_add(1, index, torch.ones_like(told).flatten(1))
        return sums.scatter_add(1, index, told.flatten(1))[:, :-1], (seen > 0).float()[:, :-1]


def information(told: Tensor, batch: Batch) -> Tensor:
    """(B,) nats a cell that (B, 1, H, W) evidence tells, summed over the pixels of each cell.

    The pixels of a cell share one sign: judged one by one, smoothing would pass for knowledge.
    """
    sums, seen = batch.folded(told)
    cost = functional.softplus(-sums * batch.signs) * seen
    return math.log(2) - cost.sum(1) / seen.sum(1).clamp_min(1)


def learning_cost(told: Tensor, batch: Batch, *, least: float = 0.003) -> Tensor:
    """Each picture's information by its own inverse: faint ones count as much as loud ones.

    Without the weights a few untouched pictures would decide all.
    """
    heard = information(told, batch)
    weight = 1 / (heard.detach().clamp_min(0) + least)
    return -(weight * heard).mean()


def gamma(told: Tensor, batch: Batch) -> Tensor:
    """(B,) mean² / variance of the cells against their signs, less what chance would give."""
    sums, seen = batch.folded(told)
    count = seen.sum(1).clamp_min(1)
    value = sums * batch.signs
    mean = value.sum(1) / count
    variance = (value.square() * seen).sum(1) / count - mean.square()
    return mean.square() / variance.clamp_min(1e-20) - 1 / count


@torch.inference_mode()
def check(net: nn.Module, held_out: Reservoir) -> dict[str, float]:
    """γ of a cell by the net and by the matched filter, by how much the latter hears."""
    told, plain = [], []
    for pick in torch.arange(held_out.count).split(48):
        batch = held_out.part(pick)
        told.append(gamma(net(batch.luma), batch))
        plain.append(gamma(matched_filter(batch.luma)[0], batch))
    ours, theirs = torch.cat(told), torch.cat(plain)
    figures = {}
    for name, low, high in (("faint", -1, 0.004), ("middle", 0.004, 0.03), ("loud", 0.03, 9)):
        here = (theirs > low) & (theirs <= high)
        if here.any():
            figures[f"filter_{name}"] = float(theirs[here].mean())
            figures[f"net_{name}"] = float(ours[here].mean())
    return figures


def rate_at(seconds: float, step: int, plan: Plan) -> float:
    """Learning rate: warm up, stay, fall to nearly zero as a cosine."""
    left = min(1.0, max(0.0, (plan.stop_s - seconds) / plan.decay_s))
    return plan.rate * min(1.0, (step + 1) / plan.warm) * (0.5 - 0.49 * math.cos(math.pi * left))


@dataclass(slots=True, kw_only=True)
class Training:
    """The state that steps change."""

    net: ListenerNet
    average: ListenerNet
    optimizer: torch.optim.Optimizer
    step: int = 0


def start_training(seed: int, device: torch.device, rate: float) -> Training:
    torch.manual_seed(seed)
    net = ListenerNet().to(device).to(memory_format=torch.channels_last)
    average = copy.deepcopy(net).requires_grad_(requires_grad=False)
    optimizer = torch.optim.AdamW(
        net.parameters(), rate, weight_decay=0.01, fused=device.type == "cuda"
    )
    return Training(net=net, average=average, optimizer=optimizer)


def advance(training: Training, batch: Batch) -> Tensor:
    """One step; returns its cost, still on the device."""
    with torch.autocast(batch.luma.device.type, torch.bfloat16, enabled=batch.luma.is_cuda):
        told = training.net(batch.luma)
    cost = learning_cost(told.float(), batch)
    training.optimizer.zero_grad(set_to_none=True)
    cost.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(training.net.parameters(), 1.0)
    training.optimizer.step()
    training.step += 1
    keep = min(0.9985, (training.step + 1) / (training.step + 10))
    with torch.no_grad():
        kept = list(training.average.parameters())
        torch._foreach_lerp_(kept, list(training.net.parameters()), 1.0 - keep)
    return cost.detach()


def run(
    training: Training, plan: Plan, sources: Path, checks: Path, *, seed: int, workers: int,
    device: torch.device,
) -> list[dict[str, float]]:  # fmt: skip
    """Steps until the time is up; returns the logged figures."""
    random = torch.Generator(device).manual_seed(seed + training.step)
    started = time.monotonic()
    log: list[dict[str, float]] = []
    reservoir = Reservoir(plan.room, device)
    with Supply(checks, workers=workers, first=_CHECK_SEED) as supply:
        scenes = supply.wait(plan.check_scenes)
    held_out = Reservoir(sum(len(scene.means) for scene in scenes), device)
    for scene in scenes:
        held_out.add(scene)
    # A resumed run draws other scenes: its seeds begin where no earlier run can have come.
    first = (seed << 32) + training.step * 64
    cost, reported, seconds = 0.0, 0.0, 0.0
    with Supply(sources, workers=workers, first=first) as supply:
        while reservoir.count < plan.begin_at:
            for examples in supply.wait(1):
                reservoir.add(examples)
        while (seconds := time.monotonic() - started) < plan.stop_s:
            for examples in supply.take():
                reservoir.add(examples)
            for group in training.optimizer.param_groups:
                group["lr"] = rate_at(seconds, training.step, plan)
            last = advance(training, reservoir.draw(plan.batch, random))
            if seconds - reported >= plan.log_s:
                cost = float(last)
                figures = check(training.average, held_out)
                line = {name: round(value, 6) for name, value in figures.items()}
                line |= {"step": training.step, "s": round(seconds, 1), "cost": round(cost, 4)}
                line["examples"] = reservoir.count
                reported = seconds
                log.append(line)
                click.echo(json.dumps(line), err=True)
    return log


def export_weights(path: Path, average: nn.Module) -> None:
    """The averaged net as half-precision safetensors, complete or not at all."""
    state = {
        name: tensor.detach().half().cpu().contiguous()
        for name, tensor in average.state_dict().items()
    }
    part = path.with_name(path.name + ".part")
    safetensors.torch.save_file(state, part)
    os.replace(part, path)  # noqa: PTH105  the rename that cannot half happen


@click.command()
@click.option("--pack", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--clip", "clips", multiple=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False),
              help="Folder for the checkpoint, the weights, the log, and the sources, unpacked.")  # fmt: skip
@click.option("--resume", type=click.Path(path_type=Path, file_okay=False), help="A checkpoint.")
@click.option("--stop-after", default=420.0, show_default=True, help="Seconds; then stop and save.")
@click.option("--decay", default=150.0, show_default=True, help="Last seconds, rate falling.")
@click.option("--rate", default=2e-3, show_default=True, help="Learning rate.")
@click.option("--batch", default=48, show_default=True)
@click.option("--room", default=60_000, show_default=True, help="Examples kept on the device.")
@click.option("--begin-at", default=600, show_default=True, help="Examples to begin with.")
@click.option("--check-scenes", default=160, show_default=True, help="Held out, for the log.")
@click.option("--workers", default=15, show_default=True, help="Encoder processes.")
@click.option("--seed", default=1, show_default=True)
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu")
def main(
    pack: Path, clips: tuple[Path, ...], out: Path, resume: Path | None, stop_after: float,
    decay: float, rate: float, batch: int, room: int, begin_at: int, check_scenes: int,
    workers: int, seed: int, device: str,
) -> None:  # fmt: skip
    """Train the listener and write checkpoint, weights and log to --out."""
    if stop_after <= 0 or decay <= 0:
        raise OptionError("--stop-after and --decay are seconds", hint="give positive numbers")
    torch.backends.cudnn.benchmark = True
    plan = Plan(
        stop_s=stop_after, decay_s=decay, rate=rate, batch=batch, room=room, begin_at=begin_at,
        check_scenes=check_scenes,
    )  # fmt: skip
    target = torch.device(device)
    stills = read_pack(pack)
    held_out = min(_HELD_OUT, len(stills) // 4)
    screens = draw_screens(len(stills) // 10 + 1, stills.shape[-1], np.random.default_rng(seed))
    kept = stills[: len(stills) - held_out]
    unpack_sources(out / "sources", np.concatenate([kept, screens]), clips)
    unpack_sources(out / "checks", stills[len(stills) - held_out :], ())
    training = start_training(seed, target, rate)
    if resume is not None:
        training.step = load_checkpoint(resume, training.net, training.average, training.optimizer)
    log = run(
        training, plan, out / "sources", out / "checks", seed=seed, workers=workers, device=target
    )
    save_checkpoint(
        out / "checkpoint", training.net, training.average, training.optimizer, training.step
    )
    export_weights(out / "listener.safetensors", training.average)
    (out / "log.json").write_text(json.dumps(log))


if __name__ == "__main__":
    main()
