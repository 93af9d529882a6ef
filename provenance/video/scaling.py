"""Pictures of another size, by the scaler that upload pipelines use."""

from __future__ import annotations

from av.video.reformatter import Interpolation

from provenance.errors import OptionError
from provenance.video.picture import FULL_RANGE, Picture


def scaled(picture: Picture, width: int, height: int) -> Picture:
    """``picture`` in ``width`` x ``height``, its planes resampled by the bicubic kernel of FFmpeg's
    swscale, its default: no conversion of colour, no loss of bits. The kernel widens when
    shrinking, so that nothing aliases.

    Raises :class:`~provenance.errors.OptionError` for a size that no picture has.
    """
    if width < 1 or height < 1:
        raise OptionError(f"a picture of {width}x{height}", hint="sizes are positive")
    frame = picture.frame
    new = frame.reformat(
        width=width,
        height=height,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        threads=1,
    )
    new.colorspace, new.color_primaries = frame.colorspace, frame.color_primaries
    new.color_trc = frame.color_trc
    new.color_range = FULL_RANGE if picture.full_range else frame.color_range
    return Picture(new, picture.time)
