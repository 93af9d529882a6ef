"""Writing the mark into frames that live on a GPU, without taking them off it.

The same arithmetic as :class:`~provenance.watermark.marker.ClipMarker`, whose wire format and
amplitude these frames share: OpenCV's resizing is linear, so its matrices are read off OpenCV
itself and applied as products. What may differ is the rounding of a value that lies between two
levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from provenance.errors import FrameError
from provenance.watermark import perception
from provenance.watermark.carrier import PATTERN_SIGMA
from provenance.watermark.marker import ClipMarker, louder_until, moment_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.keys import CarrierKey
    from provenance.payload import Payload


def _resizing(length: int, target: int, interpolation: int) -> NDArray[np.float32]:
    """(target, length) matrix by which OpenCV resizes a line of ``length`` samples."""
    eye = np.eye(length, dtype=np.float32)
    return np.asarray(cv2.resize(eye, (length, target), interpolation=interpolation), np.float32)


class TorchClipMarker:
    """Marks the luma of one clip on ``device``, frame by frame, in display order.

    As :class:`~provenance.watermark.marker.ClipMarker` with its usual embedder, and
    with the same errors; 8 bits a sample.
    """

    def __init__(
        self,
        *,
        payload: Payload,
        key: CarrierKey,
        width: int,
        height: int,
        device: torch.device,
        strength: float = 1.0,
        psnr: float | None = None,
        shift: tuple[int, int] = (0, 0),
    ) -> None:
        self._plan = ClipMarker(
            payload=payload,
            key=key,
            width=width,
            height=height,
            strength=strength,
            psnr=psnr,
            shift=shift,
        )
        self._size, self._device = (height, width), device
        columns, rows = self._plan.working

        def matrix(length: int, target: int, interpolation: int) -> Tensor:
            return torch.from_numpy(_resizing(length, target, interpolation)).to(device)

        self._shrink = (
            matrix(height, rows, cv2.INTER_AREA),
            matrix(width, columns, cv2.INTER_AREA).T.contiguous(),
        )
        self._enlarge = (
            matrix(rows, height, cv2.INTER_CUBIC),
            matrix(columns, width, cv2.INTER_CUBIC).T.contiguous(),
        )
        self._soft: tuple[int, Tensor] | None = None
        self._previous: Tensor | None = None
        self._change: Tensor | None = None
        self._drawn_at: tuple[int, int] | None = None

    def mark(self, luma: Tensor, *, time_s: float) -> Tensor:
        """A marked copy of ``luma`` (H, W) uint8 on the marker's device.

        ``time_s`` is the frame's time in the original, 0 for the first. Raises
        :class:`FrameError` for another shape, type or device.
        """
        if (
            luma.shape != self._size
            or luma.dtype != torch.uint8
            or luma.device.type != self._device.type
        ):
            raise FrameError(
                f"luma of shape {tuple(luma.shape)} and type {luma.dtype} on {luma.device} in a "
                f"clip of {self._size} uint8 on {self._device}",
                hint="all frames of a clip have one size, and live on the marker's device",
            )
        moment = moment_of(time_s)
        if moment != self._drawn_at:
            self._draw(luma, moment[0])
            self._drawn_at = moment
        assert self._change is not None
        return (luma.to(torch.int16) + self._change).clamp_(0, 255).to(torch.uint8)

    def _draw(self, luma: Tensor, slot: int) -> None:
        """Compute the change for the frames from here on: (H, W) int16."""
        rows, columns = self._shrink
        exact = rows @ luma.float() @ columns
        # OpenCV rounds what it makes of bytes: halves to the even level, but up where it halves.
        halved = self._size == (2 * len(rows), 2 * columns.shape[1])
        small = (exact + 0.5).floor() if halved else exact.round()
        if self._soft is None or self._soft[0] != slot:
            drawn = cv2.GaussianBlur(self._plan.pattern(slot), (0, 0), PATTERN_SIGMA)
            self._soft = (slot, torch.from_numpy(np.asarray(drawn, np.float32)).to(self._device))
        residual = self._soft[1] * visibility_bound(small, self._previous)
        rows, columns = self._enlarge
        full = rows @ residual @ columns
        levels = self._plan.levels
        if self._plan.psnr is not None:
            levels = louder_until(
                lambda factor: float((full * factor).round().square().mean()), self._plan.psnr
            )
        self._change = (full * levels).round().to(torch.int16)
        self._previous = small


def visibility_bound(luma: Tensor, previous: Tensor | None) -> Tensor:
    """:func:`provenance.watermark.perception.visibility_bound` of (H, W) tensors."""
    mean = _blur(luma, 5)
    power = (_blur(luma * luma, 5) - mean * mean).clamp_min(0)
    deviation = -functional.max_pool2d(-power.sqrt()[None, None], 3, 1, 1)[0, 0]
    moved = None if previous is None else _blur((luma - previous).abs(), 7)
    sparing = _bound(deviation, moved, perception.SPARING)
    full = _bound(deviation, moved, perception.FULL)
    worth, noise = _heard(power[::2, ::2], None if moved is None else moved[::2, ::2])
    spread = noise.mean().sqrt() + 1e-6
    # All of it stays on the device: a number that is waited for stops the queue.
    least, most = ((bound[::2, ::2] * worth).mean() / spread for bound in (sparing, full))
    share = ((perception.ENOUGH - least) / (most - least).clamp_min(1e-6)).clamp(0, 1)
    return _blur(sparing + share * (full - sparing), 5)


def _heard(power: Tensor, moved: Tensor | None) -> tuple[Tensor, Tensor]:
    """What a level of the mark is worth in each place, and the power of the picture itself."""
    energy = power / 2
    worth = 1 / (energy + perception.NOISE_FLOOR)
    noise = energy * worth * worth
    if moved is None:
        return worth, noise
    floor, moving = perception.HEARD_IN_MOTION, moved / perception.SPARING.motion_levels
    still = floor + (1 - floor) / (1 + moving * moving)
    return worth * still, noise * still


def _bound(deviation: Tensor, moved: Tensor | None, manner: perception.Manner) -> Tensor:
    texture = (deviation * perception.TEXTURE_SLOPE).clamp_max(manner.texture_levels)
    rough = deviation / perception.ROUGH
    bound = perception.FLAT_LEVELS + texture / (1 + rough * rough)
    if moved is not None:
        floor, moving = manner.motion_floor, moved / manner.motion_levels
        bound = bound * (floor + (1 - floor) / (1 + moving * moving))
    return bound


def _blur(plane: Tensor, window: int) -> Tensor:
    half = window // 2
    padded = functional.pad(plane[None, None], (half, half, half, half), mode="reflect")
    return functional.avg_pool2d(padded, window, 1)[0, 0]
