"""From latents to pictures in the size that was asked for, as they come, and back for images."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from generators.base import as_levels, handed_out
from generators.latents import CHUNK, PATCH, tokens_of
from generators.superres import upscale

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from generators.superres import SuperResolution, Upscaler
    from generators.video_codec import VideoCodec
    from generators.video_codec_nets import Look

_ENLARGED_BEYOND = 1.34  # bicubic does the rest of the way up to this factor: 4096 of 3072
_TILE = 512  # pixels a side that super-resolution works on at once


def pictures(
    steps: Iterable[Tensor],
    codec: VideoCodec,
    upscalers: SuperResolution | None,
    size: tuple[int, int],
) -> Iterator[Any]:
    """Frames (T, H, W, 3) uint8 of ``size`` (W, H), as :func:`generators.base.as_frames` gives
    them, for latents (1, C, h, w) step by step: one for the first, eight for each other. No step is
    asked for before those of the last were given out, and memory does not grow.
    """
    coming = iter(steps)
    first = next(coming, None)
    if first is None:
        return
    width, height = first.shape[-1] * PATCH, first.shape[-2] * PATCH

    def frames() -> Iterator[Tensor]:
        look: Look | None = None
        step: Tensor | None = first
        while step is not None:
            made, look = codec.decode_step(step, look)
            yield from made.unbind(2)
            step = next(coming, None)

    stream: Iterator[Tensor] = frames()
    for upscaler in _passes((width, height), size, upscalers):
        large = max(width, height) > 2 * _TILE
        stream = upscale(upscaler, stream, tile=_TILE if large else None)
        width, height = 2 * width, 2 * height
    # Each becomes bytes before the next is made: eight of 2160p as floats are 2 GB and more.
    levels = (as_levels(cover(one, height=size[1], width=size[0])) for one in stream)
    count = 1
    while batch := list(islice(levels, count)):
        yield handed_out(torch.cat(batch))
        count = CHUNK


def look_of(pixels: NDArray[np.uint8], codec: VideoCodec, *, rows: int, columns: int) -> Tensor:
    """Latents (P, C) of an image (H, W, 3), cut to the shape of rows × columns tokens of 16×16
    pixels.
    """
    device = next(codec.parameters()).device
    levels = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
    picture = levels.permute(2, 0, 1)[None].float() / 127.5 - 1
    fitted = cover(picture, height=PATCH * rows, width=PATCH * columns)
    latents: Any = codec.encode(fitted[:, :, None])
    return tokens_of(latents)[0, 0]


def cover(frames: Tensor, *, height: int, width: int) -> Tensor:
    """(B, 3, H, W) scaled until it covers the size, and cut to it from the middle."""
    scale = max(height / frames.shape[-2], width / frames.shape[-1])
    size = [max(1, round(side * scale)) for side in frames.shape[-2:]]
    size = [max(size[0], height), max(size[1], width)]
    if size != list(frames.shape[-2:]):
        frames = functional.interpolate(
            frames, size=size, mode="bicubic", align_corners=False, antialias=scale < 1
        ).clamp(-1, 1)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return frames[..., top : top + height, left : left + width]


def _passes(
    size: tuple[int, int], wanted: tuple[int, int], upscalers: SuperResolution | None
) -> list[Upscaler]:
    if upscalers is None:
        return []
    needed = max(wanted[0] / size[0], wanted[1] / size[1])
    passes: list[Upscaler] = []
    while needed > _ENLARGED_BEYOND:
        passes.append(upscalers.next if passes else upscalers.first)
        needed /= 2
    return passes
