"""``python -m generators.training.classifier``: train the network that reads attributes from video.

Everything lands in ``--out``: ``average.safetensors`` (float16; as ``attributes.safetensors`` it is
what ships), the state to go on from, and a log whose last line, also on stdout, says how often it
is right on scenes it has not seen, on held-out triples, and on pictures as a codec leaves them.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generators.metrics.attributes import (
    FRAMES,
    HEIGHT,
    RATE,
    READ,
    WIDTH,
    AttributeReader,
    agreement,
    read_attributes,
)
from generators.scenes import SceneSpec, Split, attributes, draw_scene, render_video
from generators.training.trainer import Figures, close, finish, parse_run, start, work
from generators.weight_file import load_weights
from provenance.programs import run_program

if TYPE_CHECKING:
    import argparse

_SCENE_S = 4.0
_SMOOTH = 0.05
_BEGIN = 0.6  # share of the clips that show a scene from its beginning, as generated ones do
_DRAWN = 32  # clips that are rendered at once
_TEST_SEED = 987_654


def main() -> None:
    run, options = parse_run("classifier", batch=48, rate=2e-3, extra=_options)
    new = AttributeReader()
    if options.weights is not None:
        load_weights(options.weights, new)
    training = start(new, run)
    rng = random.Random(run.data_seed(training.step))  # noqa: S311
    pool = LabelledPool(rng, size=options.pool, device=run.device, share=options.renew)
    run.world.say(f"{options.pool} clips drawn")

    def objective(net: nn.Module, share: float) -> tuple[Tensor, Figures]:
        del share
        video, asked = pool.draw(run.batch)
        return loss_of(net, video, asked)

    work(training, run, objective)
    if not close(training, run):
        return
    metrics: dict[str, float] = {}
    reader = training.average
    assert isinstance(reader, AttributeReader)
    tests: tuple[tuple[str, Split, bool], ...] = (
        ("seen", "train", False),
        ("held_out", "held_out", False),
        ("spoiled", "train", True),
    )
    for name, split, spoil in tests:
        shares = evaluate(reader, count=options.test, split=split, spoil=spoil, device=run.device)
        metrics |= {f"{name}_{key}": round(value, 4) for key, value in shares.items()}
    finish(training, run, metrics)


def batch_of(
    rng: random.Random, batch: int, *, split: Split, device: torch.device
) -> tuple[Tensor, list[SceneSpec]]:
    """Clips (B, 3, FRAMES, HEIGHT, WIDTH) as the reader looks at them, and their scenes."""
    specs = [
        draw_scene(rng, duration_s=_SCENE_S, split=split, aspect=rng.choice((16 / 9, 16 / 9, 1.0)))
        for _ in range(batch)
    ]
    start_s = 0.0 if rng.random() < _BEGIN else rng.uniform(0, _SCENE_S - FRAMES / RATE)
    video = render_video(
        specs, width=WIDTH, height=HEIGHT, rate=RATE, frames=FRAMES, start_s=start_s, device=device
    )
    return video, specs


class LabelledPool:
    """Clips and the words for them on the device, renewed slowly; see :class:`.clips.PairPool`."""

    def __init__(
        self, rng: random.Random, *, size: int, device: torch.device, share: float
    ) -> None:
        self._rng, self._device, self._share = rng, device, share
        self._batch = min(_DRAWN, size)
        self._clips = torch.empty(size, 3, FRAMES, HEIGHT, WIDTH, dtype=torch.uint8, device=device)
        self._words = {name: torch.empty(size, dtype=torch.long, device=device) for name in READ}
        self._next, self._spent_s = 0, 0.0
        for _ in range(-(-size // self._batch)):
            self._renew()
        self._started, self._spent_s = time.monotonic(), 0.0

    def draw(self, count: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Clips (count, 3, FRAMES, HEIGHT, WIDTH), each quarter spoiled in its own way, half of
        them mirrored, and for each attribute its words' numbers (count,); renews when it is time.
        """
        if self._spent_s < self._share * (time.monotonic() - self._started):
            self._renew()
        rows = torch.tensor(self._rng.choices(range(len(self._clips)), k=count))
        rows = rows.to(self._device)
        clips = self._clips[rows].float() / 127.5 - 1
        clips = torch.cat([clips[::2], clips[1::2].flip(-1)])  # no word says left or right
        order = torch.cat([rows[::2], rows[1::2]])
        parts = [spoiled(part, self._rng) for part in clips.chunk(4)]
        return torch.cat(parts), {name: known[order] for name, known in self._words.items()}

    @torch.no_grad()
    def _renew(self) -> None:
        begun = time.monotonic()
        video, specs = batch_of(self._rng, self._batch, split="train", device=self._device)
        rows = [(self._next + index) % len(self._clips) for index in range(self._batch)]
        self._clips[rows] = ((video + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        for name, numbers in targets(specs, self._device).items():
            self._words[name][rows] = numbers
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._next = (rows[-1] + 1) % len(self._clips)
        self._spent_s += time.monotonic() - begun


def loss_of(net: nn.Module, video: Tensor, asked: dict[str, Tensor]) -> tuple[Tensor, Figures]:
    """Mean cross-entropy of all attributes, and how often each is right.

    Features have no target of their own: they are pulled to what tells attributes apart by a
    second, weak set of the same losses through a fixed random projection.
    """
    gpu = video.is_cuda
    with torch.autocast(video.device.type, torch.bfloat16, enabled=gpu):
        logits, features = net(video)
    logits = {name: scores.float() for name, scores in logits.items()}
    features = features.float()
    losses, figures = [], {}
    for name, scores in logits.items():
        losses.append(F.cross_entropy(scores, asked[name], label_smoothing=_SMOOTH))
        figures[name] = (scores.argmax(dim=1) == asked[name]).float().mean()
        losses.append(0.2 * F.cross_entropy(features @ _directions(name, features), asked[name]))
    # Small features: their distances then have a scale that does not depend on the training.
    return torch.stack(losses).sum() / len(logits) + 1e-3 * features.pow(2).mean(), figures


def targets(specs: list[SceneSpec], device: torch.device) -> dict[str, Tensor]:
    """For each attribute that is seen, the number of its word in each scene."""
    said = [attributes(spec) for spec in specs]
    return {
        name: torch.tensor([known.index(words[name]) for words in said], device=device)
        for name, known in READ.items()
    }


def spoiled(video: Tensor, rng: random.Random) -> Tensor:
    """As generators and codecs leave pictures: softer, noisier, of other light; half are left."""
    kind = rng.randrange(4)
    if kind < 2:
        return video
    batch = video.shape[0]
    if kind == 2:
        scale = rng.uniform(0.4, 0.9)
        flat = video.transpose(1, 2).flatten(0, 1)
        small = F.interpolate(flat, scale_factor=scale, mode="bilinear", antialias=True)
        flat = F.interpolate(small, size=video.shape[-2:], mode="bilinear")
        video = flat.view(batch, -1, *flat.shape[1:]).transpose(1, 2)
    gain = 1 + 0.1 * torch.randn((batch, 1, 1, 1, 1), device=video.device)
    offset = 0.05 * torch.randn((batch, 3, 1, 1, 1), device=video.device)
    noise = torch.randn_like(video) * rng.uniform(0.0, 0.06)
    return (video * gain + offset + noise).clamp(-1, 1)


@torch.no_grad()
def evaluate(
    reader: AttributeReader, *, count: int, split: Split, spoil: bool, device: torch.device
) -> dict[str, float]:
    """How often each attribute is right on ``count`` scenes that training has not drawn."""
    rng = random.Random(f"{_TEST_SEED}-{split}")  # noqa: S311
    reader.eval()
    found: list[dict[str, str]] = []
    asked: list[dict[str, str]] = []
    while len(found) < count:
        size = min(32, count - len(found))
        specs = [draw_scene(rng, duration_s=FRAMES / RATE, split=split) for _ in range(size)]
        video = render_video(
            specs, width=WIDTH, height=HEIGHT, rate=RATE, frames=FRAMES, device=device
        )
        if spoil:
            flat = F.avg_pool3d(video, (1, 2, 2))
            video = F.interpolate(flat, scale_factor=(1, 2, 2), mode="trilinear")
        found += read_attributes(reader, video, rate=RATE)[0]
        asked += [attributes(spec) for spec in specs]
    return agreement(found, asked)


def _directions(name: str, features: Tensor) -> Tensor:
    """(FEATURES, words): a fixed direction in the features for each word of an attribute."""
    source = torch.Generator().manual_seed(list(READ).index(name))
    drawn = torch.randn((features.shape[1], len(READ[name])), generator=source)
    return F.normalize(drawn, dim=0).to(features)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", type=Path, help="to begin with, of an earlier run")
    parser.add_argument("--pool", type=int, default=2048, help="clips that are kept")
    parser.add_argument("--test", type=int, default=512, help="scenes to be examined on")


if __name__ == "__main__":
    run_program(main)
