"""The loop of a training run: pools that are renewed, steps until time is up, a log, a state."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from generators.training.state import load_state, save_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from generators.training.pool import Encoded, Format, Pool
    from generators.training.scene_source import SceneSource
    from generators.training.world import World

WARMUP_STEPS = 300
SYNC_EVERY = 10
"""Steps after which the processes agree on how much of the time is used up."""
LOG_EVERY = 100
SAVE_EVERY_S = 150.0

ModelT = TypeVar("ModelT", bound=nn.Module)


class Pace(Protocol):
    """How fast a plan learns, and for how much of its time ever less so."""

    @property
    def rate(self) -> float: ...
    @property
    def decay(self) -> float: ...


class Schedule(Pace, Protocol):
    """What the loop has to know of the plan of a program; times in seconds."""

    @property
    def out(self) -> Path: ...
    @property
    def seconds(self) -> float: ...
    @property
    def tail_s(self) -> float: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def render(self) -> int: ...
    @property
    def render_share(self) -> float: ...


class Found(Protocol):
    """Losses of a step, a named tuple of scalars."""

    @property
    def _fields(self) -> tuple[str, ...]: ...
    def __iter__(self) -> Iterator[Tensor]: ...


@dataclass(slots=True, kw_only=True)
class Run(Generic[ModelT]):
    """A training run on its way."""

    model: ModelT
    average: ModelT
    optimizer: torch.optim.Optimizer
    skipped: Tensor
    step: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)


def begin(model: ModelT, rate: float, device: torch.device) -> Run[ModelT]:
    """A run that trains ``model``, which is moved to the device."""
    model.to(device)
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}],
        lr=rate,
        betas=(0.9, 0.99),
        fused=True,
    )
    average = copy.deepcopy(model).requires_grad_(requires_grad=False).eval()
    skipped = torch.zeros((), device=device)
    return Run(model=model, average=average, optimizer=optimizer, skipped=skipped)


def rate_at(step: int, share: float, plan: Pace) -> float:
    """The learning rate: a short rise, level, and a fall to 1/20 over the last ``decay`` of the
    time, in which most of the loss goes (Hu et al. 2024, MiniCPM, arXiv:2404.06395).
    """
    rise = min(1.0, (step + 1) / WARMUP_STEPS)
    left = 1.0 if plan.decay <= 0 else min(1.0, max(0.0, (1 - share) / plan.decay))
    return plan.rate * rise * (0.05 + 0.95 * left)


def update(run: Run[ModelT], total: Tensor, world: World, rate: float) -> None:
    """One step down the gradient of ``total``. One that is not finite changes nothing."""
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    run.optimizer.zero_grad(set_to_none=False)
    total.backward()  # type: ignore[no-untyped-call]
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


def go_on(run: Run[ModelT], state: Path, plan: Schedule, world: World, source: SceneSource) -> None:
    """From the state of an earlier run, with other scenes and other noise than that run's."""
    run.step = load_state(state, run.model, run.average, run.optimizer)
    world.generator.manual_seed(run.step * 1000 + world.rank)
    source.rng = np.random.default_rng([plan.seed, world.rank, run.step])
    world.say(f"resumed at step {run.step}")


def fill(
    pools: Sequence[tuple[Pool, float]],
    render: Callable[[Format, int], Encoded],
    world: World,
    *,
    each: int,
    clips: int,
    longest_s: float,
) -> None:
    """``clips`` into the pools by their shares, ``each`` at a time, for ``longest_s`` at most."""
    for pool, share in pools:
        before = time.monotonic()
        while pool.filled < max(1, min(pool.capacity, int(clips * share))):
            pool.put(render(pool.layout, each))
            world.wait()
            if time.monotonic() - before > longest_s * share:
                break
        took = time.monotonic() - before
        world.say(f"{pool.layout}: {pool.filled} clips in {took:.1f} s")


class Meter:
    """The losses of the steps since the log's last line."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.steps, self._since = 0, time.monotonic()
        self._sums: Tensor | None = None
        self._names: tuple[str, ...] = ()

    def add(self, found: Found) -> None:
        """Those of one step; nothing waits for the device."""
        losses = torch.stack([part.detach() for part in found])
        self._sums = losses if self._sums is None else self._sums + losses
        self._names = found._fields
        self.steps += 1

    def read(self) -> tuple[dict[str, float], float]:
        """Their means, and the seconds that a step took; begins anew."""
        assert self._sums is not None
        means = [round(value / self.steps, 4) for value in self._sums.tolist()]
        took_s = (time.monotonic() - self._since) / self.steps
        named = dict(zip(self._names, means, strict=True))
        self._begin()
        return named, took_s


def train(
    run: Run[ModelT],
    pools: Sequence[tuple[Pool, float]],
    render: Callable[[Format, int], Encoded],
    advance: Callable[[Pool, float], Found],
    plan: Schedule,
    world: World,
    started: float,
) -> None:
    """Steps until the time is up, or ``plan.steps`` are made; renews the pools on the way.
    ``advance``: makes one step with clips of a pool at a learning rate.
    """
    ends = started + plan.seconds - plan.tail_s
    began = time.monotonic()
    turn = np.random.default_rng([plan.seed, run.step])  # the same in every process
    renewal = np.random.default_rng([plan.seed, run.step, 1])  # and so is what it renders
    chances = np.array([share for _, share in pools])
    chances /= chances.sum()
    last_step = None if plan.steps is None else run.step + plan.steps
    share, step_s, render_s, owed = 0.0, 0.1, 0.0, 0.0
    saved, meter = began, Meter()
    while True:
        if run.step % SYNC_EVERY == 0:
            share = world.agree((time.monotonic() - began) / max(1e-6, ends - began))
        if share >= 1 or (last_step is not None and run.step >= last_step):
            return
        pool = pools[int(turn.choice(len(pools), p=chances))][0]
        meter.add(advance(pool, rate_at(run.step, share, plan)))
        # Rendering gets its share of the time, however long it takes; in all processes after the
        # same step, since each step waits for the last of them.
        owed += step_s * plan.render_share / (1 - plan.render_share)
        if owed >= render_s:
            world.wait()
            before = time.monotonic()
            chosen = pools[int(renewal.choice(len(pools), p=chances))][0]
            chosen.put(render(chosen.layout, plan.render))
            world.wait()
            render_s = world.agree(time.monotonic() - before)
            owed = 0.0
        if meter.steps >= LOG_EVERY:
            means, took_s = meter.read()
            now, step_s = time.monotonic(), world.agree(took_s * (1 - plan.render_share))
            line: dict[str, Any] = dict(means)
            line |= {"step": run.step, "s": round(now - started, 1), "step_s": round(step_s, 4)}
            line |= {"skipped": int(run.skipped), "rate": rate_at(run.step, share, plan)}
            line |= {"render_s": round(render_s, 3), "clips": sum(p.filled for p, _ in pools)}
            run.log.append(line)
            world.say(json.dumps(line))
            if world.rank == 0 and now - saved > SAVE_EVERY_S:
                save_state(plan.out, run.model, run.average, run.optimizer, run.step)
                saved = now
