"""One decoded picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.errors import FrameError
from provenance.video.layout import LAYOUTS, Layout, blank, plane

if TYPE_CHECKING:
    from fractions import Fraction

    import av
    from numpy.typing import NDArray

FULL_RANGE = 2  # AVCOL_RANGE_JPEG


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

    def with_luma(self, luma: NDArray[Any]) -> Picture:
        """The same picture with other brightness: ``luma`` is (H, W) of the same type, and is
        copied.

        This picture stays as it is. Raises :class:`~provenance.errors.FrameError` for another shape
        or type.
        """
        layout = self.layout
        if luma.shape != (self.height, self.width) or luma.dtype != layout.dtype:
            wanted = f"({self.height}, {self.width}) {np.dtype(layout.dtype)}"
            message = f"luma is {luma.shape} {luma.dtype}, the picture needs {wanted}"
            raise FrameError(message, hint="keep the shape and the type of picture.luma")
        new = blank(layout, self.width, self.height, self._frame)
        if self.full_range:
            new.color_range = FULL_RANGE
        np.copyto(plane(new, 0), luma)
        for index in (1, 2):
            np.copyto(plane(new, index), plane(self._frame, index))
        return Picture(new, self.time)

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height}"
        return f"Picture({size} {self._frame.format.name} at {float(self.time):.3f} s)"
