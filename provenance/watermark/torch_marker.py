"""Writing the mark into frames that live on a GPU, without taking them off it.

The same arithmetic as :class:`~provenance.watermark.marker.ClipMarker`, whose wire format and
amplitude these frames share: OpenCV's resizing is linear, so its matrices are read off OpenCV
itself and applied as products. What may differ is the rounding of a value that lies between two
levels.
"""

from __future__ import annotations

from itertools import groupby
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
    from collections.abc import Sequence

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
        return self.mark_all(luma[None], times_s=[time_s])[0]

    def mark_all(self, luma: Tensor, *, times_s: Sequence[float]) -> Tensor:
        """:meth:`mark` of frames (T, H, W) after each other, in fewer steps."""
        if (
            luma.shape != (len(times_s), *self._size)
            or luma.dtype != torch.uint8
            or luma.device.type != self._device.type
        ):
            raise FrameError(
                f"luma of shape {tuple(luma.shape)} and type {luma.dtype} on {luma.device} in a "
                f"clip of {self._size} uint8 on {self._device}",
                hint="all frames of a clip have one size, and live on the marker's device",
            )
        marked, done = torch.empty_like(luma), 0
        for moment, same in groupby(map(moment_of, times_s)):
            frames = slice(done, done + len(list(same)))
            if moment != self._drawn_at:
                self._draw(luma[frames.start], moment[0])
                self._drawn_at = moment
            assert self._change is not None
            changed = luma[frames].to(torch.int16) + self._change
            marked[frames] = changed.clamp_(0, 255)
            done = frames.stop
        return marked

    def _draw(self, luma: Tensor, slot: int) -> None:
        """Compute the change for the frames from here on: (H, W) int16."""
        rows, columns = self._shrink
        exact = rows @ luma.float() @ columns
        # OpenCV rounds what it makes of bytes: halves to the even level, but up where it halves.
        halved = self._size == (2 * len(rows), 2 * columns.shape[1])
        small = (exact + 0.5).floor() if halved else exact.round()
        if self._soft is None or self._soft[0] != slot:
            drawn = cv2.GaussianBlur(self._plan.pattern(slot), (0, 0), PATTERN_SIGMA)
            here = torch.from_numpy(np.asarray(drawn, np.float32))
            if self._device.type == "cuda":
                here = here.pin_memory()  # else the copy waits for all that the GPU has to do
            self._soft = (slot, here.to(self._device, non_blocking=True))
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
    deviation = (_blur(luma * luma, 5) - mean * mean).clamp_min(0).sqrt()
    deviation = -functional.max_pool2d(-deviation[None, None], 3, 1, 1)[0, 0]
    bound = perception.FLAT_LEVELS + (deviation * perception.TEXTURE_SLOPE).clamp_max(
        perception.TEXTURE_LEVELS
    )
    if previous is not None:
        moved = _blur((luma - previous).abs(), 7) / perception.MOTION_LEVELS
        floor = perception.MOTION_FLOOR
        bound = bound * (floor + (1 - floor) / (1 + moved * moved))
    return _blur(bound, 5)


def _blur(plane: Tensor, window: int) -> Tensor:
    half = window // 2
    padded = functional.pad(plane[None, None], (half, half, half, half), mode="reflect")
    return functional.avg_pool2d(padded, window, 1)[0, 0]
