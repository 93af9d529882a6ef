"""A pool of rendered clips on the device: training draws from it while it is renewed slowly.

Rendering every clip for one use would take longer than learning from it, and a fixed set would be
learnt by heart. So each clip is used a few times, and renewing has a share of the run's time.
"""

from __future__ import annotations

import dataclasses
import random
import time
from fractions import Fraction

import torch
from torch import Tensor

from generators.scenes import SceneSpec, Split, draw_scene, render_video

RATES = (24, 25, 30, 50)
_SCENE_S = 4.0


def dressed_as(spec: SceneSpec, other: SceneSpec) -> SceneSpec:
    """The same things moving in the same way, with the colours, textures, place, light and style of
    another scene.
    """
    bodies = []
    for index, body in enumerate(spec.bodies):
        model = other.bodies[index % len(other.bodies)]
        bodies.append(
            dataclasses.replace(
                body,
                colour=model.colour,
                rgb=model.rgb,
                texture=model.texture,
                texture_rgb=model.texture_rgb,
                texture_scale=model.texture_scale,
                material=model.material,
            )
        )
    return dataclasses.replace(
        spec,
        bodies=tuple(bodies),
        background=other.background,
        tint=other.tint,
        light=other.light,
        style=other.style,
        grain=other.grain,
        seed=other.seed,
    )


def draw_pairs(
    rng: random.Random, count: int, *, width: int, height: int, split: Split
) -> tuple[list[SceneSpec], list[SceneSpec]]:
    """Scenes, and each of them dressed as some other one."""
    aspect = width / height
    specs = [draw_scene(rng, duration_s=_SCENE_S, split=split, aspect=aspect) for _ in range(count)]
    others = [
        draw_scene(rng, duration_s=_SCENE_S, split=split, aspect=aspect) for _ in range(count)
    ]
    return specs, [dressed_as(*pair) for pair in zip(specs, others, strict=True)]


class PairPool:
    """Clips (2, 3, T, H, W) uint8: a scene, and the same motion in another look."""

    def __init__(
        self, *, size: int, frames: int, width: int, height: int, seed: int, device: torch.device,
        share: float = 0.25, batch: int = 32,
    ) -> None:  # fmt: skip
        self._random = random.Random(seed)  # noqa: S311
        self._frames, self._width, self._height = frames, width, height
        self._share, self._batch, self._device = share, min(batch, size), device
        self._clips = torch.empty(
            size, 2, 3, frames, height, width, dtype=torch.uint8, device=device
        )
        self._next, self._spent_s = 0, 0.0
        for _ in range(-(-size // self._batch)):
            self._renew()
        self._started, self._spent_s = time.monotonic(), 0.0

    def draw(self, count: int) -> Tensor:
        """(count, 2, 3, T, H, W) in −1…1, some mirrored, some backwards; renews when it is time."""
        if self._spent_s < self._share * (time.monotonic() - self._started):
            self._renew()
        rows = torch.tensor(self._random.choices(range(len(self._clips)), k=count))
        clips = self._clips[rows.to(self._device)]
        third = count // 3
        clips[:third] = clips[:third].flip(-1)
        clips[third // 2 : 2 * third] = clips[third // 2 : 2 * third].flip(3)
        return clips.float() / 127.5 - 1

    def stills(self, count: int) -> Tensor:
        """(count, 3, H, W) in −1…1: single frames of the clips, either look, half mirrored."""
        size = len(self._clips)
        rows = torch.tensor(self._random.choices(range(size), k=count), device=self._device)
        looks = torch.randint(2, (count,), device=self._device)
        moments = torch.randint(self._frames, (count,), device=self._device)
        pictures = self._clips[rows, looks, :, moments].float() / 127.5 - 1
        pictures[::2] = pictures[::2].flip(-1)
        return pictures

    def _renew(self) -> None:
        begun = time.monotonic()
        pairs = draw_pairs(
            self._random, self._batch, width=self._width, height=self._height, split="train"
        )
        rate = self._random.choice(RATES)
        start_s = self._random.uniform(0, max(0.0, _SCENE_S - self._frames / rate))
        rows = [(self._next + index) % len(self._clips) for index in range(self._batch)]
        for side, specs in enumerate(pairs):
            clips = render_video(
                specs, width=self._width, height=self._height, rate=Fraction(rate),
                frames=self._frames, start_s=start_s, device=self._device,
            )  # fmt: skip
            levels = ((clips + 1) * 127.5).round().clamp(0, 255)
            self._clips[rows, side] = levels.to(torch.uint8)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._next = (rows[-1] + 1) % len(self._clips)
        self._spent_s += time.monotonic() - begun
