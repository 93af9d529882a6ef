"""What a file says about where its manifest is: its mark, and its fingerprints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance.errors import NoVideo, UnsupportedMedia
from provenance.fingerprint import Prints, PrintTaker

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from provenance.clip import AudioSpec
    from provenance.keys import CarrierKey
    from provenance.payload import Payload
    from provenance.video import MediaReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentReading:
    """``content_id``: 14 hex digits of the mark, None where none was read."""

    content_id: str | None = None
    prints: Prints = field(default_factory=Prints)


def read_content(path: Path, keys: Sequence[CarrierKey], *, most_s: float) -> ContentReading:
    """Looks at the first ``most_s`` seconds of the video, or the sound, at ``path``.

    Raises :class:`~provenance.errors.InputError` for what is neither.
    """
    from provenance.video import open_media, open_sound

    try:
        media = open_media(path)
    except (UnsupportedMedia, NoVideo) as error:
        try:
            sound = open_sound(path)
        except (UnsupportedMedia, NoVideo):
            raise error from None
        with sound:
            taker = PrintTaker(None)
            found = _listen(sound.blocks(), sound.info.audio, keys, taker, most_s, None)
    else:
        with media:
            taker = PrintTaker(media.info.video.rate)
            found = _look(media, keys, taker, most_s)
            if media.info.audio is not None:
                found = _listen(media.sound(), media.info.audio, keys, taker, most_s, found)
    return ContentReading(
        content_id=None if found is None else found.content_id_hex, prints=taker.finish()
    )


def _look(
    media: MediaReader, keys: Sequence[CarrierKey], taker: PrintTaker, most_s: float
) -> Payload | None:
    from provenance.watermark import ClipDetector, too_small

    video = media.info.video
    detector = None
    if not too_small(video.width, video.height):
        detector = ClipDetector(keys=keys, width=video.width, height=video.height, fast=True)
    for picture in media.pictures():
        time_s = float(picture.time - media.info.start)
        if time_s > most_s:
            break
        taker.see(picture.luma, time_s, bits=picture.bits)
        if detector is not None and not detector.decided:
            detector.add(picture.luma, time_s=time_s, bits=picture.bits)
    return None if detector is None else detector.finish().payload


def _listen(
    blocks: Iterable[NDArray[np.float32]],
    audio: AudioSpec,
    keys: Sequence[CarrierKey],
    taker: PrintTaker,
    most_s: float,
    seen: Payload | None,
) -> Payload | None:
    """The mark in the sound, unless one was ``seen`` in the pictures; and its fingerprint."""
    from provenance.audio_watermark import LOWEST_RATE, SoundDetector

    rate, heard = audio.sample_rate, 0
    detector = None
    if seen is None and rate >= LOWEST_RATE:
        detector = SoundDetector(keys=keys, rate=rate, fast=True)
    for block in blocks:
        taker.hear(block, rate)
        if detector is not None and not detector.decided:
            detector.add(block)
        heard += len(block)
        if heard > most_s * rate:
            break
    return seen if detector is None else detector.finish().mark.payload
