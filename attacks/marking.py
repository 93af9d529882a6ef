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


def marked_by_us(
    clip: Clip,
    *,
    payload: Payload,
    key: CarrierKey,
    strength: float = 1.0,
    psnr: float | None = None,
) -> Clip:
    """``clip`` with our mark of ``payload`` under ``key``; ``strength`` and ``psnr`` (dB) are those
    of :class:`~provenance.watermark.ClipMarker`.

    Raises what that raises, at once: :class:`~provenance.errors.MediaTooSmall` where it has no
    room.
    """

    def marker() -> ClipMarker:
        return ClipMarker(
            payload=payload,
            key=key,
            width=clip.video.width,
            height=clip.video.height,
            strength=strength,
            psnr=psnr,
        )

    marker()

    def pictures() -> Iterator[Picture]:
        # A marker draws from what it saw before: each pass has its own.
        current = marker()
        for picture in clip.pictures():
            luma = current.mark(picture.luma, time_s=float(picture.time), bits=picture.bits)
            yield picture.with_luma(luma)

    return clip.changed(pictures=pictures)
