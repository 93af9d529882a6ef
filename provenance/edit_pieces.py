"""Pieces of video, cut and put one after the other: pictures and sound stay together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from provenance.audio_watermark import LOWEST_RATE, SoundMarker
from provenance.errors import MediaTooShort, OptionError, UnreadableMedia
from provenance.quality import SAMPLED_EVERY, LumaQuality
from provenance.stamped import Carried
from provenance.video import MediaWriter, Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction
    from pathlib import Path

    from numpy.typing import NDArray

    from provenance.clip import AudioSpec
    from provenance.fingerprint import PrintTaker
    from provenance.keys import CarrierKey
    from provenance.payload import Payload
    from provenance.video import EncodeSettings, MediaReader
    from provenance.watermark import ClipMarker


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a video, in seconds from its first picture; ``end_s`` None: to its end.

    ``kept``: what the mark in it says, None for a piece that is to be marked. ``carrier``: the name
    of that mark's key. ``shifted``: it is marked although it has a mark.
    """

    media: MediaReader
    start_s: float = 0.0
    end_s: float | None = None
    kept: Payload | None = None
    carrier: str | None = None
    shifted: bool = False

    def holds(self, seconds: float) -> bool:
        return self.start_s <= seconds + 1e-6 and (self.end_s is None or seconds < self.end_s)


def check_alike(media: list[MediaReader]) -> None:
    """Raises :class:`OptionError` unless all of ``media`` can stand in one file."""
    first = media[0]
    for one in media[1:]:
        if one.info.video != first.info.video:
            raise OptionError(
                f"{one.source.name} is {_describe(one)}, and "
                f"{first.source.name} {_describe(first)}",
                hint="bring them to one size, rate and colour first",
            )
        sounds = {one.info.audio, first.info.audio} - {None}
        if len(sounds) > 1:
            raise OptionError(
                f"the sound of {one.source.name} has another rate or other channels",
                hint="bring the sound of all to one form first",
            )


def check_span(media: MediaReader, start_s: float) -> None:
    """Raises :class:`~provenance.errors.MediaTooShort` where ``media`` is over before that."""
    length = media.info.duration_s
    if length is not None and start_s >= length:
        raise MediaTooShort(
            f"{media.source.name} ends after {length:.2f} s", hint="choose other times"
        )


def write_pieces(
    pieces: list[Piece],
    target: Path,
    *,
    marker: ClipMarker | None,
    sound_key: CarrierKey | None,
    payload: Payload,
    settings: EncodeSettings | None,
    metadata: dict[str, str] | None,
    taker: PrintTaker,
    progress: Callable[[float], None] | None,
) -> Carried:
    """Encodes ``pieces`` to ``target``, one after the other.

    ``marker`` marks the pictures of those that are to be marked, ``sound_key`` their sound with
    ``payload`` (None: not at all). ``taker`` takes fingerprints of what is written.

    Raises :class:`~provenance.errors.MediaTooShort` when nothing is
    left, :class:`UnreadableMedia` for a piece that is damaged, and what the writer raises.
    """
    info = pieces[0].media.info
    audio = next((one.media.info.audio for one in pieces if one.media.info.audio), None)
    quality = LumaQuality(every=SAMPLED_EVERY) if marker is not None else None
    frames, offset = 0, info.start * 0
    with MediaWriter(
        target, video=info.video, settings=settings, audio=audio, metadata=metadata
    ) as writer:

        def hear(samples: NDArray[np.float32]) -> None:
            assert audio is not None
            taker.hear(samples, audio.sample_rate)
            writer.write_audio(samples)

        for number, piece in enumerate(pieces):
            sound = _Sound(piece, audio, float(offset), payload, sound_key)
            last = None
            for picture, seconds in _pictures(piece):
                time = offset + seconds - _first_second(piece)
                if last is not None and time <= last:
                    continue
                shown = picture
                if marker is not None and piece.kept is None:
                    luma = marker.mark(picture.luma, time_s=float(time), bits=picture.bits)
                    assert quality is not None
                    quality.add(picture.luma, luma, bits=picture.bits)
                    shown = picture.with_luma(luma)
                taker.see(shown.luma, float(time), bits=shown.bits)
                writer.write(Picture(shown.frame, time))
                last, frames = time, frames + 1
                for samples in sound.until(float(time - offset)):
                    hear(samples)
                _report(progress, number, len(pieces), piece, float(seconds))
            if last is None:
                raise MediaTooShort(
                    f"{piece.media.source.name} has no picture there", hint="choose other times"
                )
            duration = last - offset + 1 / info.video.rate
            for samples in sound.rest(float(duration)):
                hear(samples)
            offset += duration
    return Carried(
        frames=frames,
        duration_s=float(offset),
        quality=None if quality is None else quality.result(),
    )


class _Sound:
    """The sound of a piece, sample for sample as long as its pictures; silence where it has none.

    ``start_s`` is where it begins in the whole, which is the mark's clock too.
    """

    def __init__(
        self,
        piece: Piece,
        spec: AudioSpec | None,
        start_s: float,
        payload: Payload,
        key: CarrierKey | None,
    ) -> None:
        self._spec = spec
        self._blocks = iter(()) if spec is None else _samples(piece, spec)
        self._marker = None
        bare = piece.kept is None and piece.media.info.audio is not None
        if spec is not None and key is not None and bare and spec.sample_rate >= LOWEST_RATE:
            self._marker = SoundMarker(
                payload=payload,
                key=key,
                rate=spec.sample_rate,
                channels=spec.channels,
                start_s=start_s,
            )
        self._waiting: NDArray[np.float32] | None = None
        self._given = 0  # samples that went in, before marking

    def until(self, seconds: float) -> Iterator[NDArray[np.float32]]:
        """What is ready of the sound before ``seconds`` of the piece, which is not past its end."""
        if self._spec is None:
            return
        wanted = round(seconds * self._spec.sample_rate)
        while self._given < wanted:
            block = next(self._blocks, None) if self._waiting is None else self._waiting
            self._waiting = None
            if block is None:
                return
            if len(block) > wanted - self._given:
                block, self._waiting = np.split(block, [wanted - self._given])
            self._given += len(block)
            ready = block if self._marker is None else self._marker.push(block)
            if len(ready):
                yield ready

    def rest(self, seconds: float) -> Iterator[NDArray[np.float32]]:
        """All that is left until ``seconds``, where the piece ends, and not a sample more."""
        if self._spec is None:
            return
        yield from self.until(seconds)
        missing = round(seconds * self._spec.sample_rate) - self._given
        silence = np.zeros((max(0, missing), self._spec.channels), np.float32)
        if self._marker is None:
            yield silence
            return
        yield self._marker.push(silence)
        yield self._marker.finish()


def _pictures(piece: Piece) -> Iterator[tuple[Picture, Fraction]]:
    start = piece.media.info.start
    for picture in piece.media.pictures():
        seconds = picture.time - start
        if piece.end_s is not None and seconds >= piece.end_s:
            return
        if piece.holds(float(seconds)):
            yield picture, seconds
    if piece.media.damaged is not None:
        raise UnreadableMedia(
            f"{piece.media.source.name}: {piece.media.damaged}",
            hint="fetch or repair the file: a shortened copy would be signed as the whole",
        )


def _samples(piece: Piece, spec: AudioSpec) -> Iterator[NDArray[np.float32]]:
    skip = round(float(_first_second(piece)) * spec.sample_rate)
    for block in piece.media.sound():
        left = block[skip:]
        skip = max(0, skip - len(block))
        if len(left):
            yield left


def _first_second(piece: Piece) -> Fraction:
    """Where the first picture of the piece stands: on the frame grid, at or after its start."""
    rate = piece.media.info.video.rate
    frames = -(-piece.start_s * float(rate) // 1)
    return round(frames) / rate


def _report(
    progress: Callable[[float], None] | None, number: int, count: int, piece: Piece, at_s: float
) -> None:
    if progress is None:
        return
    end = piece.end_s or piece.media.info.duration_s or at_s or 1.0
    progress(min(1.0, (number + min(1.0, at_s / end)) / count))


def _describe(media: MediaReader) -> str:
    video = media.info.video
    return f"{video.width}×{video.height} at {float(video.rate):.3f} frames a second"
