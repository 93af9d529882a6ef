"""Between sRGB arrays and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from provenance.errors import FrameError
from provenance.video.layout import Layout
from provenance.video.picture import Picture

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from provenance.clip import VideoSpec

# H.273 matrix numbers to swscale's; what is unspecified is taken for BT.709 as in our own files,
# but for small pictures for BT.601, as players do.
SWS_MATRIX = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
HD_HEIGHT = 576
BT709 = 1  # H.273


def picture_from_rgb(frame: NDArray[np.uint8], *, time: Fraction, spec: VideoSpec) -> Picture:
    """A picture of (H, W, 3) uint8 sRGB, at ``time`` seconds, by the matrix, range and bits of
    ``spec``.

    4:2:0, or 4:4:4 where the size is odd. Raises :class:`~provenance.errors.FrameError` when the
    array is not what ``spec`` says.
    """
    if frame.shape != (spec.height, spec.width, 3) or frame.dtype != np.uint8:
        message = (
            f"a frame is {frame.shape} {frame.dtype}, not ({spec.height}, {spec.width}, 3) uint8"
        )
        raise FrameError(message, hint="give RGB frames of the size of the video")
    even = spec.width % 2 == 0 and spec.height % 2 == 0
    layout = Layout("420" if even else "444", spec.bits)
    # Looked at where it is: it outlives this call.
    source = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(frame), format="rgb24")
    converted = source.reformat(
        format=layout.name,
        src_color_range=ColorRange.JPEG,
        dst_colorspace=_matrix(spec.matrix, spec.height),
        dst_color_range=ColorRange.JPEG if spec.full_range else ColorRange.MPEG,
        # Area: the chroma of four pixels is their mean. Accurate rounding: no bias in the luma.
        interpolation=Interpolation.AREA | Interpolation.ACCURATE_RND,
        threads=1,
    )
    return _described(converted, time, spec)


def picture_from_planes(planes: NDArray[np.uint8], *, time: Fraction, spec: VideoSpec) -> Picture:
    """A picture of (W·H·3/2,) uint8, the samples of 4:2:0 plane by plane, in limited range, at
    ``time`` seconds: looked at where they are. ``spec`` has even sides and 8 bits.
    """
    shaped = planes.reshape(spec.height * 3 // 2, spec.width)
    frame = av.VideoFrame.from_numpy_buffer(shaped, format=Layout("420", 8).name)
    frame.color_range = ColorRange.MPEG
    return _described(frame, time, spec)


def _described(frame: av.VideoFrame, time: Fraction, spec: VideoSpec) -> Picture:
    frame.colorspace = spec.matrix
    frame.color_primaries = spec.primaries
    frame.color_trc = spec.transfer
    return Picture(frame, time)


def rgb_from_picture(picture: Picture) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a picture, for looking at it: no tone mapping of HDR."""
    frame = picture.frame
    converted = frame.reformat(
        format="rgb24",
        src_colorspace=_matrix(frame.colorspace, frame.height),
        src_color_range=ColorRange.JPEG if picture.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT,
        threads=1,
    )
    array: NDArray[Any] = converted.to_ndarray()
    return np.ascontiguousarray(array)


def _matrix(number: int, height: int) -> Colorspace:
    default = Colorspace.ITU709 if height > HD_HEIGHT else Colorspace.ITU601
    return SWS_MATRIX.get(number, default)
