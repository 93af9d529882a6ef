"""From latents to pictures of the full size and to sound, for benchmarks of full-size presets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy.signal import resample_poly
from torch.nn import functional

from provenance.video.torch_planes import planes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from generators.audio_codec import AudioCodec
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
        """See :func:`provenance.video.torch_planes.planes_of`."""
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


class Sounding:
    """Sound of a clip, from the tokens (1, S, 1, C) of its transformer: a few latents each."""

    def __init__(self, codec: AudioCodec) -> None:
        self._codec = codec

    def samples(self, tokens: Tensor, count: int) -> NDArray[np.float32]:
        """(count, 2) float32 in −1…1 at twice the rate of the codec, as what ships makes it."""
        latents = tokens.float().reshape(1, -1, self._codec.config.latent).transpose(1, 2)
        made = self._codec.decode(latents.clamp(-3, 3))[0].T.cpu().numpy()
        wide = np.asarray(resample_poly(made, 2, 1, axis=0), np.float32).clip(-1, 1)[:count]
        return np.pad(wide, ((0, count - len(wide)), (0, 0)))
