"""From what a model of others makes to chunks of exactly what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from generators.base import as_frames
from provenance.clip import Chunk
from provenance.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from generators.base import Request


def up_to(size: int, multiple: int) -> int:
    """The least multiple that is not smaller."""
    return -(-size // multiple) * multiple


def frames_of(pictures: Any) -> Any:
    """(1, 3, T, H, W) in −1…1, a tensor → frames as :func:`as_frames` gives them."""
    return as_frames(pictures[0].float().permute(1, 0, 2, 3))


def cropped(frames: Any, request: Request) -> Any:
    """The middle of pictures (T, H, W, 3) that are larger than asked for: 1088 lines to 1080.

    Before the mark, which would lose its edges otherwise.
    """
    height, width = frames.shape[1:3]
    top, left = (height - request.height) // 2, (width - request.width) // 2
    if top < 0 or left < 0:
        raise FrameError(
            f"the model made {width}×{height} pixels where {request.width}×{request.height} were "
            "asked for",
            hint="ask for a size that it can make",
        )
    return frames[:, top : top + request.height, left : left + request.width]


def chunks(
    blocks: Iterator[Any], request: Request, sound: NDArray[np.float32] | None, rate: int
) -> Iterator[Chunk]:
    """``blocks`` (T, H, W, 3) uint8 sRGB as chunks, with ``sound`` (N, C) at ``rate`` Hz.

    Models make one frame after a multiple of eight, or of four: what is too much is left out.
    Sound that is too short is silent at its end. Raises :class:`FrameError` for too few frames.
    """
    done = 0
    for block in blocks:
        frames = cropped(block, request)[: request.frames - done]
        if not len(frames):
            continue
        audio = None
        if sound is not None:
            first, end = (round(n / request.rate * rate) for n in (done, done + len(frames)))
            audio = np.zeros((end - first, sound.shape[1]), np.float32)
            piece = sound[first:end]
            audio[: len(piece)] = piece
        done += len(frames)
        yield Chunk(frames=frames, audio=audio)
    if done < request.frames:
        raise FrameError(
            f"the model made {done} frames where {request.frames} were asked for",
            hint="ask for a duration that it can make",
        )


def samples_of(waveform: Any) -> NDArray[np.float32]:
    """A waveform (C, N), or (1, C, N), a tensor → (N, 2) float32 in −1…1."""
    plain = waveform.detach().float().cpu().numpy()
    plain = plain.reshape(-1, plain.shape[-1])[:2]
    if len(plain) == 1:
        plain = np.repeat(plain, 2, 0)
    samples: NDArray[np.float32] = np.ascontiguousarray(np.clip(np.nan_to_num(plain), -1, 1).T)
    return samples
