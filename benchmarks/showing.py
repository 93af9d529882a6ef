"""From latents to pictures of the full size, for the benchmarks of the full-size presets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

from generators.colour import planes_of

if TYPE_CHECKING:
    from torch import Tensor

    from generators.superres import SuperResolution, UpscalerState
    from generators.video_codec import VideoCodec
    from generators.video_codec_nets import Look

_FOLD = 2  # latents of the codec a side of a token


class _Past(NamedTuple):
    look: Look
    upscaled: UpscalerState


class Showing:
    """One stream of pictures ``size`` (W, H), from tokens (1, P, C) in ``rows``.

    ``half``: convolutions in bfloat16; ``compiled``: by torch.compile.
    """

    def __init__(
        self,
        codec: VideoCodec,
        upscaler: SuperResolution,
        size: tuple[int, int],
        rows: int,
        *,
        half: bool,
        compiled: bool,
    ) -> None:
        self._codec = codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._upscaler = upscaler.first.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._size, self._rows, self._half = size, rows, half
        self._past: _Past | None = None
        self._shown = torch.compile(self._show, dynamic=False) if compiled else self._show
        self._split = torch.compile(planes_of, dynamic=False) if compiled else planes_of

    def begin(self) -> None:
        """Another stream."""
        self._past = None

    def levels(self, tokens: Tensor) -> Tensor:
        """(T, 3, H, W) uint8 of the next moment."""
        made, self._past = self._shown(tokens, self._past)
        return made

    def planes(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """See :func:`generators.colour.planes_of`."""
        return self._split(levels)

    def _show(self, tokens: Tensor, past: _Past | None) -> tuple[Tensor, _Past]:
        # (1, P, 4·C) → (1, C, h, w)
        grid = tokens.float().transpose(1, 2).unflatten(2, (self._rows, -1))
        latents = functional.pixel_shuffle(grid.clamp(-3, 3), _FOLD)
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=self._half):
            made, look = self._codec.decode_step(latents, None if past is None else past.look)
            large, kept = self._upscaler(made, None if past is None else past.upscaled)
        cut = large[0, :, :, : self._size[1], : self._size[0]].clamp(-1, 1).transpose(0, 1)
        levels = ((cut + 1) * 127.5).round().byte().contiguous()
        return levels, _Past(look, kept)
