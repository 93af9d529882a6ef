"""What platforms do to pictures before they encode them: a smaller frame, fewer frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from attacks.base import within
from attacks.canvas import LEAST_SIDE, even_size
from attacks.clip import at
from provenance.video import scaled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attacks.base import Desk
    from attacks.clip import Clip
    from provenance.video import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Brings the shorter side down to ``side`` pixels; smaller clips stay as they are.

    "720p" is the shorter side of a portrait clip, too. The aspect stays, sides become even as every
    4:2:0 encoder wants them. Bicubic, FFmpeg's default, plane by plane.
    """

    side: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        width, height = self.size(clip.video.width, clip.video.height)
        if (width, height) == (clip.video.width, clip.video.height):
            return clip

        def pictures() -> Iterator[Picture]:
            for picture in clip.pictures():
                yield scaled(picture, width, height)

        video = replace(clip.video, width=width, height=height)
        return clip.changed(video=video, pictures=pictures)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the result."""
        within("a shorter side", self.side, LEAST_SIDE, 100_000)
        share = self.side / min(width, height)
        return (width, height) if share >= 1 else even_size(width * share, height * share)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCap:
    """At most ``rate`` frames a second: of the frames in each interval the first is kept.

    Frames stay when they were shown, moved to the start of their interval by less than one; sound
    and duration stay. Clips at this rate or below it are unchanged. As FFmpeg's ``-r`` and its
    filter ``fps=…:round=down``.
    """

    rate: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        rate = Fraction(within("a frame rate", self.rate, 1, 240)).limit_denominator(1001)
        if clip.video.rate <= rate:
            return clip

        def pictures() -> Iterator[Picture]:
            last = -1
            for picture in clip.pictures():
                slot = picture.time * rate
                number = slot.numerator // slot.denominator
                if number > last:
                    last = number
                    yield at(picture, number / rate)

        return clip.changed(video=replace(clip.video, rate=rate), pictures=pictures)
