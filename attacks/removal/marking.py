"""Our mark on a clip, lazily, as anybody can put it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.watermark import ClipMarker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attacks.clip import Clip
    from provenance.keys import CarrierKey
    from provenance.payload import Payload
    from provenance.video import Picture


def marked_by_us(clip: Clip, *, payload: Payload, key: CarrierKey) -> Clip:
    """``clip`` with our mark of ``payload`` under ``key``.

    Raises :class:`~provenance.errors.MediaTooSmall` where it has no room.
    """

    def marker() -> ClipMarker:
        video = clip.video
        return ClipMarker(payload=payload, key=key, width=video.width, height=video.height)

    marker()

    def pictures() -> Iterator[Picture]:
        # A marker draws from what it saw before: each pass has its own.
        hand = marker()
        for picture in clip.pictures():
            luma = hand.mark(picture.luma, time_s=float(picture.time), bits=picture.bits)
            yield picture.with_luma(luma)

    return clip.changed(pictures=pictures)
