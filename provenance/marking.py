"""From generated frames to marked pictures, where the frames are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from provenance.errors import FrameError
from provenance.in_order import in_order
from provenance.video import picture_from_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from provenance.clip import VideoSpec
    from provenance.video.picture import Picture
    from provenance.watermark import ClipMarker

AHEAD = min(4, os.cpu_count() or 1)  # frames whose colours are turned before they are marked


class Marked(NamedTuple):
    """A marked picture, and its luma (H, W) before."""

    picture: Picture
    original: NDArray[Any]


class FrameMarking(Protocol):
    """Marks the frames of one clip, in display order."""

    def marked(self, frames: Any, *, first: int) -> Iterator[Marked]:
        """``frames`` (T, H, W, 3) uint8 sRGB, numpy or torch, the ``first`` and later ones of the
        clip.
        """
        ...


class HostMarking:
    """On the CPU: ``pool`` turns colours into luma and chroma while frames before are marked."""

    def __init__(self, marker: ClipMarker, spec: VideoSpec, pool: Executor) -> None:
        self._marker, self._spec, self._pool = marker, spec, pool

    def marked(self, frames: Any, *, first: int) -> Iterator[Marked]:
        """See :class:`FrameMarking`."""
        block = as_array(frames)

        def converted(index: int) -> Picture:
            time = (first + index) / self._spec.rate
            return picture_from_rgb(block[index], time=time, spec=self._spec)

        for picture in in_order(self._pool, converted, range(len(block)), ahead=AHEAD):
            luma = picture.luma
            marked = self._marker.mark(luma, time_s=float(picture.time), bits=picture.bits)
            yield Marked(picture.with_luma(marked), luma)


def marking_for(
    frames: Any, *, marker: ClipMarker, spec: VideoSpec, pool: Executor
) -> FrameMarking:
    """What marks a clip that begins with ``frames``: on a GPU where they lie on one that has room,
    and the file is as most are (8 bits, 4:2:0, BT.709 in limited range), else on the CPU.
    """
    if on_gpu(frames):
        from provenance.torch_marking import TorchMarking, fits

        if fits(spec):
            begun = TorchMarking.begin(marker, spec, frames.device)
            if begun is not None:
                return begun
    return HostMarking(marker, spec, pool)


def on_gpu(values: Any) -> bool:
    """Whether it is a tensor on a GPU of Nvidia's or AMD's, without importing torch."""
    device = getattr(values, "device", None)
    return getattr(device, "type", None) == "cuda"


def as_array(values: Any) -> NDArray[Any]:
    """Numpy from numpy or torch, wherever it lives, without importing torch.

    Raises :class:`FrameError` for what is no array.
    """
    try:
        if hasattr(values, "detach"):
            values = values.detach().cpu().numpy()
        return np.asarray(values)
    except (TypeError, ValueError) as error:  # bfloat16, lists of uneven length
        raise FrameError(
            f"frames or sound that are no array: {error}", hint="give numpy or torch arrays"
        ) from error
