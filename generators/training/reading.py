"""The text encoder's first lesson: to tell from a caption what it says.

Learned jointly from nothing, bytes come to mean something only after thousands of steps, because a
velocity is a faint teacher of spelling. Captions cost nothing to draw, so the encoder first learns
from them alone which shape, colour, motion… each names; the heads for it are thrown away.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generators.scenes import attributes, caption, draw_scene
from generators.scenes import vocabulary as words
from generators.text import encode_bytes

if TYPE_CHECKING:
    import random

    from generators.text import TextEncoder
    from generators.training.world import World

SAID: dict[str, tuple[str, ...]] = {
    "shape": words.SHAPES,
    "colour": tuple(words.COLOURS),
    "texture": words.TEXTURES,
    "motion": words.MOTIONS,
    "background": words.BACKGROUNDS,
    "camera": words.CAMERAS,
    "style": words.STYLES,
    "material": words.MATERIALS,
    "ambience": words.AMBIENCES,
}


class Lesson(NamedTuple):
    """Captions as bytes (N, M) and the number of the word for each attribute (N, attributes)."""

    raw: Tensor
    said: Tensor


def draw_lesson(count: int, max_bytes: int, rng: random.Random) -> Lesson:
    """Captions of scenes of the training split."""
    captions, said = [], []
    for _ in range(count):
        spec = draw_scene(rng, duration_s=4.0)
        captions.append(caption(spec, rng))
        named = attributes(spec)
        said.append([known.index(named[name]) for name, known in SAID.items()])
    return Lesson(raw=encode_bytes(captions, max_bytes), said=torch.tensor(said))


def learn_to_read(
    encoder: TextEncoder, lesson: Lesson, world: World, *, seconds: float, steps: int, batch: int
) -> dict[str, float]:
    """Train ``encoder`` in place, the same in every process; returns the share of each attribute
    that it read right in the last batches.
    """
    lesson = Lesson(*(part.to(world.device) for part in lesson))
    sizes = [len(known) for known in SAID.values()]
    heads = nn.Linear(encoder.config.width, sum(sizes))
    nn.init.zeros_(heads.weight)
    heads.to(world.device)
    weights = [*encoder.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1.5e-3, betas=(0.9, 0.98), weight_decay=0.01)
    generator = torch.Generator(world.device).manual_seed(0)
    right = torch.zeros(len(sizes), device=world.device)
    began, step = time.monotonic(), 0
    while step < steps and time.monotonic() - began < seconds:
        share = max(step / steps, (time.monotonic() - began) / seconds)
        for group in optimizer.param_groups:
            group["lr"] = 1.5e-3 * min(1.0, (step + 1) / 50) * (1.05 - share)
        rows = torch.randint(len(lesson.raw), (batch,), generator=generator, device=world.device)
        with world.autocast():
            read = encoder.summary(encoder(lesson.raw[rows]))
            logits = torch.split(heads(read).float(), sizes, dim=1)
        said = lesson.said[rows]
        loss = torch.stack(
            [F.cross_entropy(part, said[:, i]) for i, part in enumerate(logits)]
        ).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        step += 1
        hits = torch.stack([part.argmax(1) == said[:, i] for i, part in enumerate(logits)])
        right.lerp_(hits.float().mean(1), 0.1)
    world.share(list(encoder.parameters()))
    shares = {name: round(float(value), 3) for name, value in zip(SAID, right, strict=True)}
    return {"steps": float(step), **shares}
