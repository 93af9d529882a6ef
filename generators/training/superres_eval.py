"""What super-resolution is held to: more than a bicubic gives, and no flicker."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from generators.scenes import draw_scene, render_video
from generators.superres import enlarge
from generators.training.clips import RATES
from generators.training.sheet import write_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from generators.superres import SuperResolution
    from generators.video_codec import VideoCodec

_FRAMES = 17
_BATCH = 2


@torch.no_grad()
def evaluate(
    nets: SuperResolution, codec: VideoCodec, sheet: Path | None, *, scenes: int, width: int,
    height: int, device: torch.device,
) -> dict[str, float]:  # fmt: skip
    """PSNR against the rendered truth, the bicubic's beside it, for one pass and for two.

    ``true_``: of pictures rendered at the smaller size, where only their size is to be mended;
    ``coded_``: of those that the codec made, where most of what is wrong is the codec's.
    ``coded_two_bicubic``: a bicubic of what the first pass makes, so the second alone is judged.
    """
    rng = random.Random(505)  # noqa: S311
    sums: dict[str, list[float]] = {}
    rows: list[list[Tensor]] = []
    for start in range(0, scenes, _BATCH):
        specs = [
            draw_scene(rng, duration_s=2, split="held_out", aspect=width / height)
            for _ in range(_BATCH)
        ]
        small, double, quadruple = (
            render_video(
                specs, width=scale * width, height=scale * height,
                rate=RATES[start // _BATCH % len(RATES)], frames=_FRAMES, device=device,
            )
            for scale in (1, 2, 4)
        )  # fmt: skip
        coded = codec.decode(codec.encode(small))
        one = nets.first(coded)[0].clamp(-1, 1)
        for name, net, before, truth in (
            ("true_one", nets.first, small, double),
            ("true_two", nets.next, double, quadruple),
            ("coded_one", nets.first, coded, double),
            ("coded_two", nets.next, one, quadruple),
        ):
            for kind, made in (
                (name, net(before)[0].clamp(-1, 1)),
                (f"{name}_bicubic", _larger(before)),
            ):
                sums.setdefault(f"{kind}_db", []).append(psnr(made, truth))
                sums.setdefault(f"{kind}_flicker", []).append(flicker(made, truth))
        if len(rows) < 6:
            shown = (_larger(coded), one, double)
            rows.append([clip[0, :, 8] for clip in shown])
    if sheet is not None:
        write_sheet(sheet, rows)
    figures = {name: sum(values) / len(values) for name, values in sums.items()}
    for name in ("true_one", "true_two", "coded_one", "coded_two"):
        figures[f"{name}_gain_db"] = figures[f"{name}_db"] - figures[f"{name}_bicubic_db"]
    return {name: round(value, 4) for name, value in figures.items()}


def psnr(made: Tensor, truth: Tensor) -> float:
    """Of clips in −1…1, in decibels."""
    return float(-10 * torch.log10((made - truth).square().mean() / 4 + 1e-10))


def flicker(made: Tensor, truth: Tensor) -> float:
    """How much the error changes from frame to frame: mean of its absolute change, in levels.

    Of (B, 3, T, H, W); the truth's grain is averaged away first, because nobody can foretell it.
    """
    error = (made - truth).transpose(1, 2).flatten(0, 1)
    smooth = torch.unflatten(functional.avg_pool2d(error, 4), 0, (made.shape[0], -1))
    return float((smooth[:, 1:] - smooth[:, :-1]).abs().mean() * 127.5)


def _larger(clips: Tensor) -> Tensor:
    flat = clips.transpose(1, 2).flatten(0, 1)
    large = torch.unflatten(enlarge(flat).clamp(-1, 1), 0, (clips.shape[0], -1))
    return large.transpose(1, 2)
