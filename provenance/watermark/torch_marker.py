"""Writing the mark into frames that live on a GPU, without taking them off it.

The same arithmetic as :class:`~provenance.watermark.marker.ClipMarker`, whose wire format and
amplitude these frames share: OpenCV's resizing and blurring are linear, so their matrices are read
off OpenCV itself and applied as products. What may differ is the rounding of a value that lies
between two levels.

A residual takes some fifty small steps. On a GPU they are recorded once (CUDA graph) and replayed,
as telling it each of them anew takes the host longer than they take. What is recorded reads and
writes the same memory every time, and nothing in it waits for the device or depends on the host.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from provenance.errors import FrameError
from provenance.watermark import perception
from provenance.watermark.carrier import PATTERN_SIGMA
from provenance.watermark.marker import louder_until, moment_of
from provenance.watermark.tile import TILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.watermark.marker import ClipMarker

_SLOTS = 64  # seconds of the clock whose tiles go to the device at once


def _resizing(length: int, target: int, interpolation: int) -> NDArray[np.float32]:
    """(target, length) matrix by which OpenCV resizes a line of ``length`` samples."""
    eye = np.eye(length, dtype=np.float32)
    return np.asarray(cv2.resize(eye, (length, target), interpolation=interpolation), np.float32)


def _drawing(length: int, grain: int) -> NDArray[np.float32]:
    """(length, 32) matrix that repeats a line of the tile, ``grain`` samples a cell, softened."""
    cells = np.eye(TILE, dtype=np.float32)[np.arange(length) // grain % TILE]
    soft = cv2.GaussianBlur(cells[:, None], (0, 0), PATTERN_SIGMA)  # a cell is a channel
    return np.asarray(soft, np.float32)[:, 0]


class _Memory(NamedTuple):
    """What a residual is drawn from, and what is left of it: a recording knows no other memory."""

    frame: Tensor  # (H, W) uint8
    tile: Tensor  # (32, 32)
    previous: Tensor  # the frame before, in the working size
    seen: Tensor  # () 1 if there is one, else 0
    change: Tensor  # (H, W) int16


class TorchClipMarker:
    """Marks the luma of one clip on ``device``, frame by frame, in display order, 8 bits a sample.

    ``plan`` says how, a marker with the usual embedder that has marked nothing. Its memory is its
    own: hold it until the device has marked what it was given.
    """

    def __init__(self, plan: ClipMarker, *, device: torch.device) -> None:
        self._plan = plan
        width, height = plan.size
        self._size, self._device = (height, width), device
        columns, rows = self._plan.working
        # OpenCV rounds what it makes of bytes: halves to the even level, but up where it halves.
        self._halved = self._size == (2 * rows, 2 * columns)
        grain = self._plan.pixels_per_cell
        # What is made in inference mode could not be written to outside of it.
        with torch.inference_mode(mode=False):
            self._shrink = self._pair(
                _resizing(height, rows, cv2.INTER_AREA),
                _resizing(width, columns, cv2.INTER_AREA),
            )
            self._enlarge = self._pair(
                _resizing(rows, height, cv2.INTER_CUBIC),
                _resizing(columns, width, cv2.INTER_CUBIC),
            )
            self._lay = self._pair(_drawing(rows, grain), _drawing(columns, grain))
            self._tiles, self._first_slot = self._tiles_from(0), 0
            self._memory = _Memory(
                frame=torch.zeros(self._size, dtype=torch.uint8, device=device),
                tile=torch.zeros((TILE, TILE), device=device),
                previous=torch.zeros((rows, columns), device=device),
                seen=torch.zeros((), device=device),
                change=torch.zeros(self._size, dtype=torch.int16, device=device),
            )
            self._recorded = self._record() if device.type == "cuda" else None
        self._slot: int | None = None
        self._drawn_at: tuple[int, int, int | None] | None = None

    def mark(self, luma: Tensor, *, time_s: float) -> Tensor:
        """A marked copy of ``luma`` (H, W) uint8 on the marker's device, of a clip of one shot.

        ``time_s`` is the frame's time in the original, 0 for the first. Raises :class:`FrameError`
        for another shape, type or device.
        """
        return self.mark_all(luma[None], times_s=[time_s])[0]

    def mark_all(
        self, luma: Tensor, *, times_s: Sequence[float], begins: Sequence[bool] | None = None
    ) -> Tensor:
        """:meth:`mark` of frames (T, H, W) after each other, in fewer steps.

        ``begins``: whether a shot begins with each, by default the clip's first alone
        (:class:`~provenance.watermark.shots.Shots` can tell, but asks the device).
        """
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
        if begins is None:
            begins = [self._slot is None and not index for index in range(len(times_s))]
        # What the first frame of a shot hides is for it alone: it has a moment of its own.
        moments = [
            (*moment_of(time_s), index if begin else None)
            for index, (time_s, begin) in enumerate(zip(times_s, begins, strict=True))
        ]
        for moment, same in groupby(moments):
            frames = slice(done, done + len(list(same)))
            begin = moment[2] is not None
            if begin or moment != self._drawn_at:
                self._draw_anew(luma[frames.start], moment[0], begin=begin)
                self._drawn_at = moment
            marked[frames] = torch.add(luma[frames], self._memory.change).clamp_(0, 255)
            done = frames.stop
        return marked

    def _draw_anew(self, luma: Tensor, slot: int, *, begin: bool) -> None:
        """The change for the frames from this one on; ``begin``: of a shot."""
        if begin:
            self._memory.seen.zero_()
        if slot != self._slot:
            if not 0 <= slot - self._first_slot < _SLOTS:
                self._tiles, self._first_slot = self._tiles_from(slot), slot
            self._memory.tile.copy_(self._tiles[slot - self._first_slot])
            self._slot = slot
        self._memory.frame.copy_(luma)
        if self._recorded is None:
            self._draw()
        else:
            self._recorded.replay()

    def _draw(self) -> None:
        """From ``frame``, ``tile`` and ``previous`` to ``change``: no step waits for the device."""
        memory = self._memory
        rows, columns = self._shrink
        exact = rows @ memory.frame.float() @ columns
        small = (exact + 0.5).floor() if self._halved else exact.round()
        rows, columns = self._lay
        soft = rows @ memory.tile @ columns
        residual = soft * visibility_bound(small, memory.previous, memory.seen)
        rows, columns = self._enlarge
        full = rows @ residual @ columns
        levels = self._plan.levels
        if self._plan.psnr is not None:
            levels = louder_until(
                lambda factor: (full * factor).round_().square_().mean(), self._plan.psnr
            )
        memory.change.copy_((full * levels).round_())
        memory.previous.copy_(small)
        memory.seen.fill_(1)

    def _record(self) -> torch.cuda.CUDAGraph:
        """:meth:`_draw`, recorded. Unlike ``torch.cuda.graph`` this leaves freed memory to the
        program: a marker begins with each clip, in the midst of other work.
        """
        graph = torch.cuda.CUDAGraph()
        beside = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(beside):
            self._draw()  # once as it is: libraries get ready
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                self._draw()
            except BaseException:  # a recording that does not end breaks the program's own work
                with suppress(RuntimeError):
                    graph.capture_end()
                raise
            graph.capture_end()
            self._memory.seen.zero_()
        beside.synchronize()  # frames may come on any stream
        return graph

    def _pair(self, down: NDArray[np.float32], across: NDArray[np.float32]) -> tuple[Tensor, ...]:
        """What multiplies a plane from the left, and what does so from the right."""
        left, right = (torch.from_numpy(one).to(self._device) for one in (down, across))
        return left, right.T.contiguous()

    def _tiles_from(self, first: int) -> Tensor:
        """(64, 32, 32) tiles of the seconds from ``first`` on."""
        tiles = np.stack([self._plan.tile(first + ahead) for ahead in range(_SLOTS)])
        here = torch.from_numpy(tiles)
        if self._device.type == "cuda":
            here = here.pin_memory()  # else the copy waits for all that the GPU has to do
        return here.to(self._device, non_blocking=True)


def visibility_bound(luma: Tensor, previous: Tensor, seen: Tensor) -> Tensor:
    """:func:`provenance.watermark.perception.visibility_bound` of (H, W) tensors; ``seen`` () is 0
    where there is no ``previous`` one yet, else 1.
    """
    mean, square = _blur(torch.stack([luma, luma * luma]), 5)
    deviation = (square - mean * mean).clamp_min(0).sqrt()
    deviation = -functional.max_pool2d(-deviation[None], 3, 1, 1)[0]
    texture = deviation * perception.TEXTURE_SLOPE
    first = texture.clamp_max(perception.FIRST_LEVELS)
    spared, moving = (
        texture.clamp_max(most) / (1 + (deviation / rough).square())
        for most, rough in (
            (perception.SPARED_LEVELS, perception.SPARED_ROUGH),
            (perception.MOVING_LEVELS, perception.MOVING_ROUGH),
        )
    )
    moved = _blur((luma - previous).abs()[None], 7)[0] * seen
    low, high = perception.MOVING
    share = ((moved.clamp_max(perception.FAST).mean() - low) / (high - low)).clamp(0, 1)
    still = 1 / (1 + (moved / perception.MOTION_LEVELS).square())
    later = spared + share * (1 - still) * (moving - spared)
    bound = perception.FLAT_LEVELS + torch.lerp(first, later, seen)
    bound = bound * (perception.MOTION_FLOOR + (1 - perception.MOTION_FLOOR) * still)
    return _blur(bound[None], 5)[0]


def _blur(planes: Tensor, window: int) -> Tensor:
    """(N, H, W) planes, each averaged over squares."""
    half = window // 2
    padded = functional.pad(planes, (half, half, half, half), mode="reflect")
    return functional.avg_pool2d(padded, window, 1)
