"""Frames on a GPU are turned into luma and chroma and marked there; only that is carried off it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from provenance.errors import DeviceFull
from provenance.marking import Marked
from provenance.to_host import HostCopies
from provenance.video.rgb import BT709, picture_from_planes
from provenance.video.torch_planes import planes_of
from provenance.watermark.shots import Shots, glance
from provenance.watermark.torch_marker import TorchClipMarker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from provenance.clip import VideoSpec
    from provenance.watermark import ClipMarker

_AT_ONCE = 8 << 20  # pixels: 4 frames of 1080p, one of 4K


def fits(spec: VideoSpec) -> bool:
    """Whether files of ``spec`` are made of what :func:`planes_of` makes."""
    even = spec.width % 2 == 0 and spec.height % 2 == 0
    return even and spec.bits == 8 and spec.matrix == BT709 and not spec.full_range


class TorchMarking:
    """A :class:`~provenance.marking.FrameMarking` on ``device``, for what :func:`fits`.

    The next few frames are worked on while those before are used. Raises
    :class:`~provenance.errors.DeviceFull` where the device has no room for them.
    """

    def __init__(self, marker: ClipMarker, spec: VideoSpec, device: torch.device) -> None:
        self._marker = TorchClipMarker(marker, device=device)
        self._spec, self._device = spec, device
        self._copies = HostCopies(device)
        self._shots = Shots()
        self._batch = max(1, _AT_ONCE // (spec.width * spec.height))

    @classmethod
    def begin(cls, marker: ClipMarker, spec: VideoSpec, device: torch.device) -> Self | None:
        """None where the device has no room to begin."""
        try:
            return cls(marker, spec, device)
        except torch.OutOfMemoryError:
            return None

    def marked(self, frames: Any, *, first: int) -> Iterator[Marked]:
        """See :class:`~provenance.marking.FrameMarking`."""
        given = frames.detach() if isinstance(frames, torch.Tensor) else _tensor(frames)
        coming: Callable[[], list[Tensor]] | None = None
        done = first
        for batch in torch.split(given, self._batch):
            sent = self._send(batch, first)
            first += len(batch)
            if coming is not None:
                yield from self._arrived(coming(), done)
                done = first - len(batch)
            coming = sent
        if coming is not None:
            yield from self._arrived(coming(), done)

    def _send(self, frames: Tensor, first: int) -> Callable[[], list[Tensor]]:
        """Marked planes as a file holds them, and luma as it was, on their way to the host."""
        times_s = [float((first + index) / self._spec.rate) for index in range(len(frames))]
        try:
            with torch.inference_mode():
                luma, chroma = planes_of(frames.to(self._device).permute(0, 3, 1, 2))
                begins = [self._shots.begins(one) for one in glance(luma).cpu().numpy()]
                marked = self._marker.mark_all(luma, times_s=times_s, begins=begins)
                packed = torch.cat([marked.flatten(1), chroma.flatten(1)], 1)
                return self._copies.send([packed, luma])
        except torch.OutOfMemoryError as error:
            raise DeviceFull(
                f"{self._device} has no room to mark {len(frames)} frames of "
                f"{self._spec.width}×{self._spec.height}",
                hint="free some of its memory, or give all frames of the file on the host",
            ) from error

    def _arrived(self, here: list[Tensor], first: int) -> Iterator[Marked]:
        packed, luma = (one.numpy() for one in here)
        for index, (planes, original) in enumerate(zip(packed, luma, strict=True)):
            time = (first + index) / self._spec.rate
            yield Marked(picture_from_planes(planes, time=time, spec=self._spec), original)


def _tensor(frames: Any) -> Tensor:
    return torch.from_numpy(np.require(frames, requirements=["C", "W"]))
