"""Removal by gradient: the attacker has the reader's own ear and walks away from what it hears.

Projected gradient descent (Madry et al., "Towards deep learning models resistant to adversarial
attacks", ICLR 2018, arXiv:1706.06083) under a bound on the mean square, which is a PSNR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attacks.base import Attack
from attacks.removal.estimation import (
    budget,
    folded,
    laid_out,
    rms_levels,
    tile_period,
    with_added,
)
from provenance.quality.levels import levels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch
    from numpy.typing import NDArray

    from attacks.base import Desk, Transform
    from attacks.clip import Clip
    from provenance.video import Picture

_HOLD_S = 0.2  # a change is used for so long: about as long as a mark stands still
_STEP = 0.35  # of what is allowed in all
_HEARD_MOST = 60  # frames that the estimate is made of


@dataclass(frozen=True, slots=True, kw_only=True)
class Descend:
    """Luma is changed at ``psnr_db`` dB, in ``steps`` steps, so that the reader's map correlates as
    little as can be with what it says of the whole clip, the attacker's estimate of the mark.

    The budget is spent to the end: the estimate holds the picture's own detail too, so that a map
    without any correlation to it may still hold the mark.

    ``tile``: the estimate is the mean of all our tiles, their size being known.
    """

    psnr_db: float
    steps: int
    tile: bool

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        listen = desk.require_accomplice("the gradient attack").listen
        estimate = self._estimate(clip, listen)
        bits = clip.video.bits

        def pictures() -> Iterator[Picture]:
            change: NDArray[np.float32] | None = None
            drawn_s = 0.0
            for picture in clip.pictures():
                time_s = float(picture.time)
                if change is None or time_s >= drawn_s + _HOLD_S - 1e-6:
                    luma = levels(picture.luma, bits)
                    change, drawn_s = self._walk(luma, estimate, listen), time_s
                yield picture.with_luma(with_added(picture.luma, change, bits))

        return clip.changed(pictures=pictures)

    def _estimate(
        self, clip: Clip, listen: Callable[[torch.Tensor], torch.Tensor]
    ) -> NDArray[np.float32]:
        """(h, w) mean of the maps of frames from all over the clip, in tiles if that is known."""
        import torch

        every = max(1, clip.frames // _HEARD_MOST)
        total, heard = np.zeros((1, 1), np.float32), 0
        with torch.no_grad():
            for index, picture in enumerate(clip.pictures()):
                if index % every == 0:
                    luma = torch.from_numpy(levels(picture.luma, clip.video.bits))
                    total = total + listen(luma[None, None])[0, 0].numpy()
                    heard += 1
        mean = np.asarray(total / max(heard, 1), np.float32)
        if not self.tile:
            return mean
        height, width = mean.shape
        period = tile_period(clip.video.width, clip.video.height) * height / clip.video.height
        return laid_out(folded(mean, period), period, width, height)

    def _walk(
        self,
        luma: NDArray[np.float32],
        estimate: NDArray[np.float32],
        listen: Callable[[torch.Tensor], torch.Tensor],
    ) -> NDArray[np.float32]:
        """(H, W) the change for this frame, in levels."""
        import torch

        frame = torch.from_numpy(luma)[None, None]
        sign = torch.from_numpy(estimate)[None, None]
        most = rms_levels(self.psnr_db) * luma.size**0.5
        change = torch.zeros_like(frame)
        for _ in range(self.steps):
            # Whoever reads the pictures may have turned gradients off.
            with torch.enable_grad():
                change.requires_grad_()
                loud = (listen(frame + change) * sign).sum()
                (slope,) = torch.autograd.grad(loud, change)
            with torch.no_grad():
                change = change - slope * (_STEP * most / slope.norm().clamp_min(1e-12))
                change = change * (most / change.norm().clamp_min(1e-12)).clamp_max(1.0)
        return np.asarray(change.detach().numpy()[0, 0], np.float32)


def draw(strength: float, _: np.random.Generator) -> Transform:
    return Descend(psnr_db=budget(strength), steps=8, tile=False)


def draw_tile(strength: float, _: np.random.Generator) -> Transform:
    return Descend(psnr_db=budget(strength), steps=8, tile=True)


ATTACKS: tuple[Attack, ...] = (
    Attack(
        name="gradient",
        family="removal",
        summary="descent on what the reader hears",
        unit="least PSNR of the change in dB",
        ladder=(50.0, 46.0, 42.0, 38.0),
        default=42.0,
        draw=draw,
        needs=frozenset({"listener"}),
    ),
    Attack(
        name="gradient_tile",
        family="removal",
        summary="descent on what the reader hears, the tile's size being known",
        unit="least PSNR of the change in dB",
        ladder=(50.0, 46.0, 42.0, 38.0),
        default=42.0,
        draw=draw_tile,
        needs=frozenset({"listener"}),
    ),
)
KINDS: dict[str, type[Transform]] = {"Descend": Descend}
