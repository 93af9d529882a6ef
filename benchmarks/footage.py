"""Clips to measure on: files in, files out, with and without the mark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from typing import TYPE_CHECKING

from benchmarks.drawn import natural_luma, write_luma
from provenance.keys import CarrierKey
from provenance.payload import Payload
from provenance.video import EncodeSettings, MediaWriter, open_media
from provenance.watermark import ClipDetector, ClipMarker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from provenance.quality import LumaQuality
    from provenance.video import MediaReader, Picture
    from provenance.watermark import Detection

KEY = CarrierKey(name="benchmark", secret=b"everyframe benchmark carrier key")
PAYLOAD = Payload(model=1, day=date(2026, 3, 24), content_id=0x1234567890ABC)
DRAWN_RATE = 24
AS_STAMPED = EncodeSettings(crf=23, preset="medium", threads=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Luma:
    """Grey pictures in memory: planes (H, W) of ``bits`` bits at ``rate`` a second."""

    planes: list[NDArray[Any]]
    rate: Fraction
    bits: int


def drawn_or(
    clips: Sequence[Path], folder: Path, *, seconds: float, height: int = 720, width: int = 1280
) -> list[Path]:
    """``clips``, or one that is drawn into ``folder`` when there are none."""
    if clips:
        return list(clips)
    planes = natural_luma(round(seconds * DRAWN_RATE), height, width)
    return [write_luma(folder / "drawn.mp4", planes, crf=12)]


def pictures(reader: MediaReader, seconds: float) -> Iterator[tuple[float, Picture]]:
    """(time from the start in seconds, picture) of the first ``seconds``."""
    timed = ((float(p.time - reader.info.start), p) for p in reader.pictures())
    return takewhile(lambda item: item[0] < seconds - 1e-6, timed)


def encode(
    source: Path,
    target: Path,
    *,
    seconds: float,
    marked: bool,
    settings: EncodeSettings = AS_STAMPED,
    quality: LumaQuality | None = None,
) -> Path:
    """Encodes the start of ``source`` in colour, without sound, with the mark if ``marked``."""
    with open_media(source) as reader:
        video = reader.info.video
        marker = ClipMarker(payload=PAYLOAD, key=KEY, width=video.width, height=video.height)
        with MediaWriter(target, video=video, settings=settings) as writer:
            for time_s, picture in pictures(reader, seconds):
                shown = picture
                if marked:
                    luma = marker.mark(picture.luma, time_s=time_s, bits=picture.bits)
                    if quality is not None:
                        quality.add(picture.luma, luma, bits=picture.bits)
                    shown = picture.with_luma(luma)
                writer.write(shown)
    return target


def load(source: Path, *, attack: Callable[[NDArray[Any]], NDArray[Any]]) -> Luma:
    """All luma planes of ``source`` after ``attack``."""
    with open_media(source) as reader:
        planes = [attack(picture.luma) for picture in reader.pictures()]
        return Luma(planes=planes, rate=reader.info.video.rate, bits=reader.info.video.bits)


def write(target: Path, luma: Luma, *, crf: int) -> Path:
    """Encodes grey pictures by x264 medium."""
    return write_luma(target, luma.planes, rate=luma.rate, bits=luma.bits, crf=crf, preset="medium")


def read_mark(
    source: Path, *, keys: Sequence[CarrierKey] = (KEY,), fast: bool = False
) -> Detection:
    """What the detector finds in ``source``; ``fast`` stops as soon as a tag verifies."""
    with open_media(source) as reader:
        video = reader.info.video
        detector = ClipDetector(keys=keys, width=video.width, height=video.height, fast=fast)
        for picture in reader.pictures():
            time_s = float(picture.time - reader.info.start)
            detector.add(picture.luma, time_s=time_s, bits=picture.bits)
            if fast and detector.decided:
                break
    return detector.finish()
