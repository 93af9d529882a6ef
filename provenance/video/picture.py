"""One decoded picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.errors import FrameError
from provenance.video.layout import LAYOUTS, Layout, blank, plane

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    import av
    from numpy.typing import NDArray

FULL_RANGE = 2  # AVCOL_RANGE_JPEG
PLANES = ("luma", "blue chroma", "red chroma")


class Picture:
    """A frame as it is shown: upright, in planar YUV, with its time.

    ``luma``: (H, W) uint8, or uint16 in native values (0…1023 for 10 bits): a read-only view of the
    decoder's memory that stays valid as long as the view or the picture lives. ``bits``: a sample.
    ``full_range``: black is 0, not 16. ``time``: seconds as in the file (the first picture need not
    be at 0).
    """

    __slots__ = ("_frame", "_luma", "time")

    def __init__(self, frame: av.VideoFrame, time: Fraction) -> None:
        self._frame = frame
        self._luma: NDArray[Any] | None = None
        self.time = time

    @property
    def frame(self) -> av.VideoFrame:
        """The frame behind, for this package only: its samples may be references of the decoder."""
        return self._frame

    @property
    def luma(self) -> NDArray[Any]:
        if self._luma is None:
            luma = plane(self._frame, 0)
            # Decoders predict later pictures from this memory: writing to it would damage them.
            luma.flags.writeable = False
            self._luma = luma
        return self._luma

    @property
    def layout(self) -> Layout:
        return LAYOUTS[self._frame.format.name]

    @property
    def bits(self) -> int:
        return self.layout.bits

    @property
    def full_range(self) -> bool:
        return self._frame.color_range == FULL_RANGE or self._frame.format.name.startswith("yuvj")

    @property
    def width(self) -> int:
        return self._frame.width

    @property
    def height(self) -> int:
        return self._frame.height

    @property
    def planes(self) -> tuple[NDArray[Any], ...]:
        """Luma and the two chroma planes, read-only views: see :attr:`luma`."""
        chroma = tuple(plane(self._frame, index) for index in (1, 2))
        for samples in chroma:
            samples.flags.writeable = False
        return (self.luma, *chroma)

    def with_luma(self, luma: NDArray[Any]) -> Picture:
        """The same picture with other brightness: ``luma`` is (H, W) of the same type, and is
        copied.

        This picture stays as it is. Raises :class:`~provenance.errors.FrameError` for another shape
        or type.
        """
        return self.with_planes((luma, *self.planes[1:]))

    def with_planes(self, planes: Sequence[NDArray[Any]]) -> Picture:
        """The same picture with other samples: ``planes`` have the shapes and the type of
        :attr:`planes`, and are copied.

        This picture stays as it is. Raises :class:`~provenance.errors.FrameError` for other shapes
        or types.
        """
        if len(planes) != len(PLANES):
            message = f"a picture has {len(PLANES)} planes, not {len(planes)}"
            raise FrameError(message, hint="give luma and both chroma planes")
        new = blank(self.layout, self.width, self.height, self._frame)
        if self.full_range:
            new.color_range = FULL_RANGE
        for index, (samples, name) in enumerate(zip(planes, PLANES, strict=True)):
            target = plane(new, index)
            if samples.shape != target.shape or samples.dtype != target.dtype:
                wanted = f"{target.shape} {target.dtype}"
                message = f"{name} is {samples.shape} {samples.dtype}, the picture needs {wanted}"
                raise FrameError(message, hint="keep the shapes and the type of picture.planes")
            np.copyto(target, samples)
        return Picture(new, self.time)

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height}"
        return f"Picture({size} {self._frame.format.name} at {float(self.time):.3f} s)"
