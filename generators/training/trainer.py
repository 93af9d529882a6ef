"""One training run within a budget of seconds: steps, averages, checkpoints.

A run stops when its seconds are used up and its learning rate has fallen to nearly nothing by then;
``--resume`` goes on from where an earlier one stopped, with a new budget and a new fall. Under
``torchrun`` each process draws data of its own, and their gradients are averaged.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch._dynamo
from torch import Tensor, nn

from generators.training.checkpoint import load_state, save_state
from generators.training.world import World
from generators.weight_file import save_weights
from provenance.programs import ready_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LOG_EVERY_S = 10.0
_SAVE_EVERY_S = 150.0
_WARM = 150  # steps in which the learning rate rises; by steps, for compiling takes long
_TAIL = 0.02  # what is left of the learning rate at the end
_KEEP = 0.998  # of the average, a step
_APART = 7_919  # from the seed of a process's data to the next one's
_LARGEST_SKIP = 50  # steps in a row that gave no finite gradient

Figures = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the command line says. ``steps``: stop earlier, after so many (0: never)."""

    out: Path
    resume: bool
    seconds: float
    steps: int
    batch: int
    rate: float
    seed: int
    world: World
    compiled: bool
    started_s: float

    @property
    def device(self) -> torch.device:
        return self.world.device

    def data_seed(self, step: int) -> int:
        """Of what this process draws from ``step`` on: a run that goes on sees new data."""
        return self.seed + step + _APART * self.world.rank


@dataclass(slots=True, kw_only=True)
class Training:
    """The state that steps change."""

    net: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    skipped: int = 0
    log: list[dict[str, float]] = field(default_factory=list)


def parse_run(
    program: str,
    *,
    batch: int,
    rate: float,
    extra: Callable[[argparse.ArgumentParser], None],
    given: Sequence[str] | None = None,
) -> tuple[Run, argparse.Namespace]:
    """The options that all training programs share, and the program's own."""
    parser = argparse.ArgumentParser(prog=f"python -m generators.training.{program}")
    parser.add_argument("--out", type=Path, required=True, help="folder for all that is written")
    parser.add_argument("--resume", action="store_true", help="go on from what is in --out")
    parser.add_argument(
        "--seconds",
        type=float,
        default=480.0,
        help="budget from the start; what is measured at the end comes after",
    )
    parser.add_argument("--steps", type=int, default=0, help="stop after so many steps")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, default=rate, help="largest learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", help="default: a GPU where there is one")
    parser.add_argument("--renew", type=float, default=0.25, help="share of time to draw data in")
    parser.add_argument("--no-compile", action="store_true", help="do not use torch.compile")
    extra(parser)
    options = parser.parse_args(given)
    world = World.join(options.device, options.seed)
    torch.manual_seed(options.seed)  # all processes begin with the same weights
    run = Run(
        out=options.out,
        resume=options.resume,
        seconds=options.seconds,
        steps=options.steps,
        batch=options.batch,
        rate=options.rate,
        seed=options.seed,
        world=world,
        compiled=world.device.type == "cuda" and not options.no_compile,
        started_s=time.monotonic(),
    )
    ready_folder(run.out)
    return run, options


def start(net: nn.Module, run: Run) -> Training:
    """New, or from the checkpoint in ``run.out``."""
    net = net.to(run.device)
    for weight in net.parameters():
        if weight.ndim == 4:  # convolutions over pictures only
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    average = copy.deepcopy(net).eval().requires_grad_(requires_grad=False)
    optimizer = torch.optim.AdamW(
        net.parameters(), run.rate, betas=(0.9, 0.98), weight_decay=0.01,
        fused=run.device.type == "cuda",
    )  # fmt: skip
    training = Training(net=net, average=average, optimizer=optimizer)
    if run.resume:
        training.step = load_state(run.out / "state.safetensors", net, average, optimizer)
    torch.manual_seed(run.data_seed(training.step))
    return training


def rate_at(share: float, done: int, largest: float) -> float:
    """Learning rate after a ``share`` of the budget and so many steps: up a line, down a cosine."""
    rise = min(1.0, (done + 1) / _WARM)
    fall = 0.5 + 0.5 * math.cos(math.pi * min(1.0, share))
    return largest * rise * (_TAIL + (1 - _TAIL) * fall)


def work(
    training: Training,
    run: Run,
    objective: Callable[[nn.Module, float], tuple[Tensor, Figures]],
    *,
    whole: nn.Module | None = None,
    blocks: type[nn.Module] | None = None,
) -> None:
    """Steps until the budget is used up. ``objective(net, share)`` gives a loss and figures.

    It is given ``whole``, by default the net, which is compiled where that is asked for; or only
    its ``blocks`` are: each shape of them once, seconds where a large net takes minutes.
    """
    whole = training.net if whole is None else whole
    started = logged = saved = time.monotonic()
    net = _compiled(whole, blocks) if run.compiled else whole
    budget = max(1.0, run.seconds - (started - run.started_s))
    first = True
    done = 0
    while True:
        now = time.monotonic()
        share = (now - started) / budget
        if run.steps:
            share = max(share, done / run.steps)
        share = run.world.agree(share)
        if share >= 1:
            break
        for group in training.optimizer.param_groups:
            group["lr"] = rate_at(share, done, run.rate)
        try:
            loss, figures = _advance(training, net, objective, share, run.world)
        except Exception as error:
            if not (first and run.compiled) or run.world.size > 1:  # others wait for this one
                raise
            # A compiler that fails must not cost the run.
            run.world.say(f"not compiled: {type(error).__name__}: {str(error)[:300]}")
            torch.cuda.empty_cache()
            net = whole
            for module in whole.modules():
                module._compiled_call_impl = None  # noqa: SLF001  what compile() in place sets
            first = False
            continue
        first = False
        done += 1
        if now - logged >= _LOG_EVERY_S or done in {1, 10}:
            line = {"step": training.step, "s": round(now - started, 1), "loss": float(loss)}
            line |= {name: round(float(value), 5) for name, value in figures.items()}
            line |= {"skipped": training.skipped}
            training.log.append(line)
            run.world.say(json.dumps(line))
            logged = now
        if now - saved >= _SAVE_EVERY_S:
            save(training, run)
            saved = now
    run.world.say(f"{done} steps in {time.monotonic() - started:.0f} s")


def close(training: Training, run: Run) -> bool:
    """Save it, and leave the other processes; whether this is the one that measures it."""
    save(training, run)
    run.world.leave()
    return run.world.rank == 0


def save(training: Training, run: Run) -> None:
    """The state to go on from, the averaged weights that ship, and the log: by the first one."""
    if run.world.rank:
        return
    save_state(run.out / "state.safetensors", training.net, training.optimizer, training.step)
    save_weights(run.out / "average.safetensors", training.average)
    text = "".join(json.dumps(line) + "\n" for line in training.log)
    (run.out / "log.jsonl").write_text(text)


def finish(training: Training, run: Run, metrics: dict[str, float]) -> None:
    """Print what was measured as one line of JSON, and put it at the end of the log."""
    line = json.dumps({"program": type(training.net).__name__, "step": training.step, **metrics})
    sys.stdout.write(line + "\n")
    with (run.out / "log.jsonl").open("a") as log:
        log.write(line + "\n")


def compile_blocks(net: nn.Module, blocks: type[nn.Module], **options: Any) -> None:
    """Compile all ``blocks`` within ``net`` in place; those of one shape share what is compiled."""
    torch._dynamo.config.recompile_limit = 64  # noqa: SLF001  shapes of blocks, not of one block
    for module in net.modules():
        if isinstance(module, blocks):
            module.compile(dynamic=False, **options)


def _compiled(net: nn.Module, blocks: type[nn.Module] | None) -> nn.Module:
    if blocks is not None:
        compile_blocks(net, blocks)
        return net
    compiled: nn.Module = torch.compile(net)  # type: ignore[assignment]
    return compiled


def _advance(
    training: Training,
    net: nn.Module,
    objective: Callable[[nn.Module, float], tuple[Tensor, Figures]],
    share: float,
    world: World,
) -> tuple[Tensor, Figures]:
    training.net.train()
    training.optimizer.zero_grad(set_to_none=True)
    loss, figures = objective(net, share)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [w.grad for w in training.net.parameters() if w.grad is not None]
    loss = loss.detach()
    world.average([*gradients, loss])
    norm = torch.nn.utils.clip_grad_norm_(training.net.parameters(), 1.0)
    if bool(torch.isfinite(norm + loss)):
        training.optimizer.step()
        training.step += 1
        _follow(
            training.average, training.net, min(_KEEP, (training.step + 1) / (training.step + 10))
        )
        training.skipped = 0
    else:
        training.skipped += 1
        if training.skipped >= _LARGEST_SKIP:
            world.say("no finite gradient for long: back to the average")
            training.net.load_state_dict(training.average.state_dict())
            training.optimizer.state.clear()
            training.skipped = 0
    return loss, {**figures, "norm": norm.detach()}


@torch.no_grad()
def _follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    kept = [tensor for tensor in average.state_dict().values() if tensor.is_floating_point()]
    new = [tensor for tensor in net.state_dict().values() if tensor.is_floating_point()]
    torch._foreach_lerp_(kept, new, 1.0 - keep)
