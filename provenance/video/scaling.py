"""Pictures of another size, by the scaler that upload pipelines use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from av.video.reformatter import Interpolation

from provenance.errors import OptionError
from provenance.video.picture import FULL_RANGE, Picture

if TYPE_CHECKING:
    from collections.abc import Mapping

Kernel = Literal["area", "bilinear", "bicubic", "lanczos"]
KERNELS: Mapping[Kernel, Interpolation] = {
    "area": Interpolation.AREA,
    "bilinear": Interpolation.BILINEAR,
    "bicubic": Interpolation.BICUBIC,
    "lanczos": Interpolation.LANCZOS,
}


def scaled(picture: Picture, width: int, height: int, *, kernel: Kernel = "bicubic") -> Picture:
    """``picture`` in ``width`` x ``height``, its planes resampled by FFmpeg's swscale, whose
    default is bicubic: no conversion of colour, no loss of bits. The kernels widen when shrinking,
    so that nothing aliases.

    Raises :class:`~provenance.errors.OptionError` for a size that no picture has.
    """
    if width < 1 or height < 1:
        raise OptionError(f"a picture of {width}x{height}", hint="sizes are positive")
    frame = picture.frame
    new = frame.reformat(
        width=width,
        height=height,
        interpolation=KERNELS[kernel] | Interpolation.ACCURATE_RND,
        threads=1,
    )
    new.colorspace, new.color_primaries = frame.colorspace, frame.color_primaries
    new.color_trc = frame.color_trc
    new.color_range = FULL_RANGE if picture.full_range else frame.color_range
    return Picture(new, picture.time)
