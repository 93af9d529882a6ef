"""``python -m benchmarks.listener_training``: train the listener of the mark in the sound.

The network gives every spot a log-likelihood ratio; those of a cell are summed as the search sums
them, and the loss is the cross-entropy with the cell's sign. Examples weigh by one over the
information that is heard in them, so that hard ones count as much as easy ones. What is kept is
the mean of the weights over the last steps. A part is held back, on which the gain over the
whitened map alone is measured.
"""

from __future__ import annotations

import copy
import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.audio import load
from benchmarks.listener_examples import SECONDS, SPOTS, examples
from generators.devices import choose_device
from generators.weight_file import write_tensors
from provenance.audio_watermark.bands import FEATURES, HALVES
from provenance.audio_watermark.softmap import GRAIN, SPOT_S
from provenance.errors import MediaTooShort
from provenance.programs import ready_folder, run_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.audio import Sound
    from benchmarks.listener_examples import Example

CHANNELS, LAYERS = 24, 4
EXAMPLES, STEPS = 7000, 8000
RATE, LEAST_RATE, WARM_UP = 3e-3, 1e-5, 40
BATCH, PART = 32, 180  # spots of an example that a step sees
KEPT = 0.998  # of the mean of the weights, from one step to the next
_GROUP = 60  # examples drawn from one seed
_HELD_BACK = 40
_TOLD = 250  # steps from one line of the log to the next
_LEAST_INFORMATION = 0.01  # nats a cell


class Network(nn.Module):
    """What :class:`provenance.audio_watermark.listener.Listener` computes, to be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(FEATURES + 1, CHANNELS, (4, 5), stride=(2, 1), padding=(1, 2))
        each = [
            nn.Conv2d(CHANNELS, CHANNELS, (5, 7), padding=(2, 3), groups=CHANNELS)
            for _ in range(LAYERS)
        ]
        self.each = nn.ModuleList(each)
        self.mixed = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 1) for _ in range(LAYERS))
        self.head = nn.Conv2d(CHANNELS, 2, 1)
        for layer, spread in (*((mixed, 0.1) for mixed in self.mixed), (self.head, 0.02)):
            nn.init.normal_(layer.weight, 0, spread)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, 44, T) log-likelihood ratios of (B, 6, 88, T) ``features``."""
        place = torch.linspace(-1, 1, HALVES, device=features.device).view(1, 1, HALVES, 1)
        known = torch.cat([features, place.expand(len(features), 1, -1, features.shape[3])], 1)
        heard = self.first(known)
        for each, mixed in zip(self.each, self.mixed, strict=True):
            heard = heard + mixed(F.relu(each(F.relu(heard))))
        told = self.head(F.relu(heard))
        white = features[:, -1, 0::2] + features[:, -1, 1::2]
        return 0.15 * white * torch.exp(told[:, 0].clamp(-4, 2)) + told[:, 1]


def cells_of(spots: Tensor, late_s: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """((B, 44, count) sums of the spots of each cell, (B, 1, count) which cells are heard whole).

    ``late_s``: (B,) seconds between the first cell's and the first spot's beginning.
    """
    batch, rows, length = spots.shape
    place = torch.arange(GRAIN * count, device=spots.device)[None] - late_s[:, None] / SPOT_S
    before = torch.floor(place)
    way = (place - before)[:, None]
    inside = ((before >= 0) & (before + 1 < length)).float()
    index = before.long()

    def at(where: Tensor) -> Tensor:
        return torch.gather(spots, 2, where.clamp(0, length - 1)[:, None].expand(-1, rows, -1))

    told = (at(index) * (1 - way) + at(index + 1) * way) * inside[:, None]
    whole = inside.view(batch, 1, count, GRAIN).amin(3)
    return told.view(batch, rows, count, GRAIN).sum(3), whole


def loss_of(cells: Tensor, signs: Tensor, whole: Tensor) -> Tensor:
    """Cross-entropy in nats a cell, the examples weighted by 1 / (information + 0.01)."""
    each = F.binary_cross_entropy_with_logits(cells, (signs > 0).float(), reduction="none")
    each = (each * whole).sum((1, 2)) / (whole.sum((1, 2)) * cells.shape[1])
    weight = 1 / ((math.log(2) - each.detach()).clamp(0) + _LEAST_INFORMATION)
    return (each * weight).sum() / weight.sum()


def draw(sounds: Sequence[Sound], count: int, *, seed: int, workers: int) -> list[Example]:
    """``count`` examples, the same for any number of ``workers``."""
    groups = range(math.ceil(count / _GROUP))
    sizes = [min(_GROUP, count - _GROUP * group) for group in groups]
    one = partial(_group, sounds, seed)
    if workers < 2:
        return list(chain.from_iterable(map(one, groups, sizes)))
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawned) as pool:
        return list(chain.from_iterable(pool.map(one, groups, sizes)))


def _group(sounds: Sequence[Sound], seed: int, group: int, size: int) -> list[Example]:
    return list(islice(examples(sounds, np.random.default_rng([seed, group])), size))


def train(
    learned: Sequence[Example],
    *,
    steps: int,
    seed: int,
    batch: int = BATCH,
    device: str = "cpu",
) -> Network:
    """A network trained for ``steps`` from nothing, on the CPU."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    features = torch.from_numpy(np.stack([e.features for e in learned])).to(device)
    signs = torch.from_numpy(np.stack([e.signs for e in learned])).to(device)
    late_s = torch.tensor([e.late_s for e in learned], device=device)
    network = Network().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-4)
    for step in range(steps):
        fall = 0.5 + 0.5 * math.cos(math.pi * step / steps)
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, step / WARM_UP) * fall + LEAST_RATE
        chosen = torch.from_numpy(rng.integers(0, len(learned), batch)).to(device)
        first = torch.from_numpy(rng.integers(0, (SPOTS - PART) // GRAIN, batch)).to(device)
        part = _parts(features[chosen], GRAIN * first, PART)
        true = _parts(signs[chosen], first, PART // GRAIN - 2)
        spots = network(part.float().contiguous(memory_format=torch.channels_last))
        cells, whole = cells_of(spots, late_s[chosen], true.shape[2])
        optimiser.zero_grad()
        loss = loss_of(cells, true, whole)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            kept = min(KEPT, step / (step + 10))
            for slow, now in zip(mean.parameters(), network.parameters(), strict=True):
                slow.lerp_(now, 1 - kept)
        if (step + 1) % _TOLD == 0:
            click.echo(f"step {step + 1}: {float(loss.detach()):.4f} nats a cell", err=True)
    return mean.cpu()


def _parts(whole: Tensor, first: Tensor, length: int) -> Tensor:
    """(B, …, ``length``) of (B, …, T), each from its own place in ``first`` (B,) on."""
    place = first[:, None] + torch.arange(length, device=first.device)
    place = place.view(len(first), *[1] * (whole.dim() - 2), length)
    return torch.gather(whole, -1, place.expand(*whole.shape[:-1], length))


def strength(cells: Tensor, signs: Tensor, whole: Tensor) -> float:
    """mean² / variance of the cells against their signs: a hundred cells of 0.01 carry a bit."""
    told = (cells * signs)[whole.expand_as(cells) > 0]
    return float(told.mean().clamp(0) ** 2 / told.var())


@torch.no_grad()
def gain(network: Network, held: Sequence[Example]) -> float:
    """How many times stronger cells are than in the whitened map: the geometric mean."""
    ratios = []
    for example in held:
        features = torch.from_numpy(example.features).float()[None]
        signs = torch.from_numpy(example.signs).float()[None, :, : SPOTS // GRAIN - 2]
        late_s = torch.tensor([example.late_s])
        white = features[:, -1, 0::2] + features[:, -1, 1::2]
        heard, plain = (
            strength(*_against(spots, signs, late_s)) for spots in (network(features), white)
        )
        ratios.append(math.log((heard + 0.003) / (plain + 0.003)))
    return math.exp(sum(ratios) / len(ratios))


def _against(spots: Tensor, signs: Tensor, late_s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    cells, whole = cells_of(spots, late_s, signs.shape[2])
    return cells, signs, whole


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--examples", "count", default=EXAMPLES, type=click.IntRange(min=4))
@click.option("--steps", default=STEPS, type=click.IntRange(min=1))
@click.option("--batch", default=BATCH, type=click.IntRange(min=1))
@click.option("--seed", default=1, type=click.IntRange(min=0))
@click.option(
    "--workers", default=1, type=click.IntRange(min=1), help="Processes that draw examples."
)
@click.option("--device", default="cpu", help="On which the network learns.")
def main(
    files: tuple[Path, ...],
    out: Path,
    count: int,
    steps: int,
    batch: int,
    seed: int,
    workers: int,
    device: str,
) -> None:
    """Learn from speech of espeak-ng and from drawn sound; half of the examples from FILES, if any.

    On a CPU in one thread, so that the same seed gives the same weights.
    """
    torch.set_num_threads(1)
    choose_device(device)  # or say before all else that it is not there
    ready_folder(out.parent)
    sounds = [_long_enough(load(file, 3 * SECONDS), file) for file in files]
    drawn = draw(sounds, count, seed=seed, workers=workers)
    held, learned = drawn[: min(_HELD_BACK, count // 4)], drawn[min(_HELD_BACK, count // 4) :]
    click.echo(f"{len(drawn)} examples", err=True)
    network = train(learned, steps=steps, seed=seed, batch=batch, device=device)
    write_tensors(out, {name: t.contiguous() for name, t in network.state_dict().items()})
    click.echo(f"{gain(network, held):.2f} times the whitened map, held back")


def _long_enough(sound: Sound, file: Path) -> Sound:
    if sound.seconds < SECONDS:
        raise MediaTooShort(
            f"{file} lasts {sound.seconds:.1f} s, and an example {SECONDS:g} s",
            hint="leave it out, or give a longer one",
        )
    return sound


if __name__ == "__main__":
    run_program(main)
