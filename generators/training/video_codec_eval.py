"""What the video codec is held to: fidelity, the swap test, linear probes."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from generators.scenes import render_video
from generators.training.clips import RATES, draw_pairs
from generators.training.sheet import write_sheet
from generators.video_codec import PATCH
from generators.video_codec_nets import CHUNK

if TYPE_CHECKING:
    from pathlib import Path

    from generators.scenes import SceneSpec
    from generators.video_codec import VideoCodec

_BATCH = 8
_MOVED = 0.15  # of 2: what differs more from the first frame has moved
_RIDGE = 3.0


@torch.no_grad()
def evaluate(
    codec: VideoCodec, sheet: Path, *, scenes: int, probes: int, width: int, height: int,
    device: torch.device,
) -> dict[str, float]:  # fmt: skip
    """All figures on held-out scenes, and a contact sheet."""
    figures = fidelity(
        codec, sheet, scenes=scenes, frames=33, width=width, height=height, device=device
    )
    figures |= swap_test(codec, scenes=scenes, frames=17, width=width, height=height, device=device)
    if probes:
        figures |= probe(codec, scenes=probes, width=width, height=height, device=device)
    return {name: round(value, 4) for name, value in figures.items()}


@torch.no_grad()
def fidelity(
    codec: VideoCodec, sheet: Path | None, *, scenes: int, frames: int, width: int, height: int,
    device: torch.device,
) -> dict[str, float]:  # fmt: skip
    """PSNR of decoded held-out scenes (mean over scenes, and the worst tenth), with their grain."""
    rng = random.Random(101)  # noqa: S311
    every, keys, rows = [], [], []
    for start in range(0, scenes, _BATCH):
        specs, _ = draw_pairs(rng, _BATCH, width=width, height=height, split="held_out")
        rate = RATES[start // _BATCH % len(RATES)]
        clips = render_video(
            specs, width=width, height=height, rate=rate, frames=frames, device=device
        )
        latents = codec.encode(clips)
        made = codec.decode(latents)
        every.append(psnr(made, clips))
        keys.append(psnr(made[:, :, ::CHUNK], clips[:, :, ::CHUNK]))
        for which in range(4 if start < 2 * _BATCH else 0):
            moments = range(2, min(frames, 17), 5)
            rows.append([clip[which, :, t] for t in moments for clip in (clips, made)])
    if sheet is not None and rows:
        write_sheet(sheet, rows)
    psnrs = torch.cat(every)[:scenes]
    worst = psnrs.sort().values[: max(1, scenes // 10)]
    return {
        "psnr_db": float(psnrs.mean()),
        "worst_psnr_db": float(worst.mean()),
        "key_psnr_db": float(torch.cat(keys)[:scenes].mean()),
    }


@torch.no_grad()
def swap_test(
    codec: VideoCodec, *, scenes: int, frames: int, width: int, height: int, device: torch.device
) -> dict[str, float]:
    """The look of A with the motion of B, against the true picture of just that.

    The codec sees one frame of A, and B whole: the same bodies on the same ways in another look.
    Where the truth moves, what it makes is compared with the truth, and so is: A's frame at rest
    (no motion came over) and B (the look came over, or was not changed). ``own`` is the same with
    A's own motion, the most that can be reached.
    """
    rng = random.Random(202)  # noqa: S311
    sums: dict[str, list[Tensor]] = {}
    for _ in range(0, scenes, _BATCH):
        pairs = draw_pairs(rng, _BATCH, width=width, height=height, split="held_out")
        a, b = (
            render_video(s, width=width, height=height, rate=24, frames=frames, device=device)
            for s in pairs
        )
        looks = codec.config.appearance
        of_a, of_b = codec.encode(a), codec.encode(b)
        look = of_a[:, :looks, 0]
        made = codec.animate(look, of_b[:, looks:, 1:])
        own = codec.animate(look, of_a[:, looks:, 1:])
        still = made[:, :, :1].expand_as(made)
        moved = ((a - a[:, :, :1]).abs().amax(1, keepdim=True) > _MOVED).float()
        for name, other in (("swap", made), ("own", own), ("still", still), ("b", b)):
            sums.setdefault(name, []).append(psnr(other, a, moved))
        sums.setdefault("whole", []).append(psnr(made, a))
    return {f"swap_{name}_db": float(torch.cat(values).mean()) for name, values in sums.items()}


@torch.no_grad()
def probe(
    codec: VideoCodec, *, scenes: int, width: int, height: int, device: torch.device
) -> dict[str, float]:
    """R² of ridge regressions from either latent, at the first body, to its colour and its way.

    The body's own colour, and how far it goes in the chunk: in pixels, with the camera at rest.
    """
    rng = random.Random(303)  # noqa: S311
    looks = codec.config.appearance
    features: tuple[list[Tensor], list[Tensor]] = ([], [])
    colours, ways = [], []
    for _ in range(0, scenes, _BATCH):
        specs, _ = draw_pairs(rng, _BATCH, width=width, height=height, split="train")
        specs = [
            dataclasses.replace(s, camera=dataclasses.replace(s.camera, kind="still"))
            for s in specs
        ]
        start_s = rng.uniform(0, 3)
        clips = render_video(
            specs, width=width, height=height, rate=24, frames=CHUNK + 1, start_s=start_s,
            device=device,
        )  # fmt: skip
        latents = codec.encode(clips)
        for row, spec in enumerate(specs):
            places = _places(spec, [start_s, start_s + CHUNK / 24], width, height)
            column, line = (places[0] / PATCH).astype(int)
            if not (0 < column < width // PATCH - 1 and 0 < line < height // PATCH - 1):
                continue
            near = latents[row, :, :, line - 1 : line + 2, column - 1 : column + 2]
            features[0].append(near[:looks, 0].flatten().cpu())
            features[1].append(near[looks:, 1].flatten().cpu())
            colours.append(torch.tensor(spec.bodies[0].rgb))
            ways.append(torch.tensor(places[1] - places[0], dtype=torch.float32))
    wanted = {"colour": torch.stack(colours), "way": torch.stack(ways)}
    return {
        f"probe_{source}_{name}_r2": _explained(torch.stack(rows), target)
        for source, rows in zip(("appearance", "motion"), features, strict=True)
        for name, target in wanted.items()
    }


def psnr(made: Tensor, wanted: Tensor, weight: Tensor | None = None) -> Tensor:
    """(B, …) each, −1…1, to (B,) decibels; ``weight`` of each pixel, (B, 1, …)."""
    error = (made - wanted).square()
    if weight is None:
        mean = error.flatten(1).mean(1)
    else:
        share = weight.expand_as(error).flatten(1)
        mean = (error.flatten(1) * share).sum(1) / share.sum(1).clamp(min=1)
        mean = torch.where(share.sum(1) > 0, mean, torch.nan)
        mean = mean[torch.isfinite(mean)]
    return -10 * torch.log10(mean / 4 + 1e-10)


def _places(spec: SceneSpec, times_s: list[float], width: int, height: int) -> np.ndarray:
    """(times, 2): x and y in pixels of the first body, for a camera at rest."""
    pose = spec.bodies[0].track.at(np.array(times_s))
    unit = max(2 * spec.half_width / width, 2 * spec.half_height / height)
    return np.stack([width / 2 + pose.x / unit, height / 2 - pose.y / unit], 1)


def _explained(features: Tensor, wanted: Tensor) -> float:
    """R² on the second half of a ridge regression fitted to the first half."""
    half = len(features) // 2
    features = (features - features[:half].mean(0)) / (features[:half].std(0) + 1e-4)
    features = torch.cat([features, torch.ones(len(features), 1)], 1).double()
    wanted = wanted.double()
    x, y = features[:half], wanted[:half]
    penalty = _RIDGE * half**0.5 * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(x.T @ x + penalty, x.T @ y)
    rest = wanted[half:]
    error = (features[half:] @ weights - rest).square().sum()
    return float(1 - error / (rest - rest.mean(0)).square().sum())
