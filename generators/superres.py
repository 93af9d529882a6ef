"""Twice the size: passes that sharpen what the video codec gives, frame after frame.

A pass is convolutional, with a memory at every position: the mean, gated, of what was seen there so
far (the gates see the frame and the one before, as in a minimal recurrent unit, Feng et al. 2024).
No position reads another's memory, so edges do not flicker from frame to frame, and yet what a
pixel depends on stays within :attr:`Upscaler.halo` pixels at any length: a tile with that margin
gives what the whole gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.residual import stack
from provenance.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FOLD = 2  # pixels a side that become channels
_SCALE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscalerConfig:
    """Channels, and residual blocks before and after the memory."""

    width: int
    before: int
    after: int


FIRST = UpscalerConfig(width=72, before=2, after=2)
"""Takes the codec's own pictures: few pixels, and much to mend."""

NEXT = UpscalerConfig(width=40, before=1, after=1)
"""Takes what another pass gave: many pixels, and edges that need only be drawn sharper."""


class UpscalerState(NamedTuple):
    """What a stream carries on."""

    frame: Tensor  # (B, 3, H, W), the one before
    memory: Tensor  # (B, width, H/2, W/2)


class Upscaler(nn.Module):
    """(B, 3, T, H, W) in −1…1 to (B, 3, T, 2H, 2W); H and W are even."""

    def __init__(self, config: UpscalerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.enter = nn.Conv2d(2 * 3 * _FOLD**2, width, 3, padding=1)
        self.before = stack(width, config.before)
        self.gate = nn.Conv2d(width, 2 * width, 1)
        self.after = stack(width, config.after)
        self.leave = nn.Conv2d(width, 3 * (_FOLD * _SCALE) ** 2, 3, padding=1)
        nn.init.normal_(self.leave.weight, std=1e-3)  # begin as a bicubic
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    @property
    def halo(self) -> int:
        """Pixels around a tile that its own pixels depend on; even."""
        return _FOLD * (2 + self.config.before + self.config.after) + 2

    def forward(
        self, frames: Tensor, state: UpscalerState | None = None
    ) -> tuple[Tensor, UpscalerState]:
        """The next frames of a stream, any number of them, and the state for those after."""
        _check(frames)
        batch, _, time = frames.shape[:3]
        first = frames[:, :, :1] if state is None else state.frame[:, :, None]
        earlier = torch.cat([first, frames[:, :, :-1]], 2)
        flat = torch.cat([frames, earlier], 1).transpose(1, 2).flatten(0, 1)  # (B T, 6, H, W)
        x = self.before(self.enter(functional.pixel_unshuffle(flat, _FOLD)))  # (B T, C, H/2, W/2)
        fresh, gate = torch.unflatten(self.gate(x), 0, (batch, time)).chunk(2, 2)
        share = torch.sigmoid(gate + 1)
        memory = fresh[:, 0] if state is None else state.memory
        kept = []
        for step in range(time):
            memory = memory + share[:, step] * (fresh[:, step] - memory)
            kept.append(memory)
        x = self.after(x + torch.stack(kept, 1).flatten(0, 1))
        change = functional.pixel_shuffle(self.leave(x), _FOLD * _SCALE)  # (B T, 3, 2H, 2W)
        sharp = enlarge(flat[:, :3]) + change.float()
        made = torch.unflatten(sharp, 0, (batch, time)).transpose(1, 2)  # (B, 3, T, 2H, 2W)
        return made, UpscalerState(frames[:, :, -1], memory)


class SuperResolution(nn.Module):
    """The two nets that ship: for the first pass, and for all passes after it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Upscaler(FIRST)
        self.next = Upscaler(NEXT)


def enlarge(pictures: Tensor) -> Tensor:
    """(B, 3, H, W) to (B, 3, 2H, 2W), bicubic."""
    return functional.interpolate(
        pictures.float(), scale_factor=_SCALE, mode="bicubic", align_corners=False
    )


@torch.inference_mode()
def upscale(
    upscaler: Upscaler, frames: Iterable[Tensor], *, tile: int | None = None
) -> Iterator[Tensor]:
    """Frames (B, 3, H, W) one by one to (B, 3, 2H, 2W), in −1…1, memory flat over time.

    ``tile``: pixels a side that are worked on at once, even; None takes the whole picture.
    Tiles give what the whole gives.
    """
    state: UpscalerState | None = None
    for frame in frames:
        if tile is None:
            made, state = upscaler(frame[:, :, None], state)
            made = made[:, :, 0]
        else:
            made, state = _tiled(upscaler, frame, state, tile)
        yield made.clamp(-1, 1)


def _tiled(
    upscaler: Upscaler, frame: Tensor, state: UpscalerState | None, tile: int
) -> tuple[Tensor, UpscalerState]:
    if tile < 2 or tile % 2:
        raise FrameError(f"tiles of {tile} pixels", hint="take an even number, such as 256")
    batch, channels, height, width = frame.shape
    made = frame.new_empty(batch, channels, _SCALE * height, _SCALE * width, dtype=torch.float32)
    memory: Tensor | None = None
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            rows, columns = _span(top, tile, height, upscaler), _span(left, tile, width, upscaler)
            part = frame[:, :, rows.outer, columns.outer]
            past = None
            if state is not None:
                past = UpscalerState(
                    state.frame[:, :, rows.outer, columns.outer],
                    state.memory[:, :, _half(rows.outer), _half(columns.outer)],
                )
            large, then = upscaler(part[:, :, None], past)
            inside = (_moved(rows, 2), _moved(columns, 2))
            made[:, :, _double(rows.inner), _double(columns.inner)] = large[:, :, 0][
                :, :, inside[0], inside[1]
            ]
            if memory is None:
                memory = then.memory.new_empty(
                    batch, then.memory.shape[1], height // _FOLD, width // _FOLD
                )
            kept = then.memory[:, :, _half(_moved(rows, 1)), _half(_moved(columns, 1))]
            memory[:, :, _half(rows.inner), _half(columns.inner)] = kept
    assert memory is not None
    return made, UpscalerState(frame, memory)


class _Span(NamedTuple):
    inner: slice  # of the picture
    outer: slice  # with the halo, as far as the picture goes


def _span(start: int, tile: int, length: int, upscaler: Upscaler) -> _Span:
    stop = min(start + tile, length)
    outer = slice(max(0, start - upscaler.halo), min(length, stop + upscaler.halo))
    return _Span(slice(start, stop), outer)


def _moved(span: _Span, scale: int) -> slice:
    """The inner part as seen from the outer one, at a scale."""
    shift = span.outer.start
    return slice(scale * (span.inner.start - shift), scale * (span.inner.stop - shift))


def _half(span: slice) -> slice:
    return slice(span.start // _FOLD, span.stop // _FOLD)


def _double(span: slice) -> slice:
    return slice(_SCALE * span.start, _SCALE * span.stop)


def _check(frames: Tensor) -> None:
    height, width = frames.shape[-2:]
    if height % _FOLD or width % _FOLD:
        raise FrameError(
            f"super-resolution takes even sides, not {width}×{height}",
            hint="repeat the last row or column, and cut what is made",
        )
