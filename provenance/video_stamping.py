"""Marking and signing video that exists already."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.aigc import aigc_metadata
from provenance.audio_watermark import LOWEST_RATE, SoundMarker
from provenance.errors import AlreadyMarked, InputError, OptionError
from provenance.fingerprint import PrintTaker
from provenance.present_mark import (
    check_same_statement,
    check_throughout,
    look,
    look_ahead,
    statement_of,
)
from provenance.present_sound import bare_tracks, keys_of
from provenance.quality import SAMPLED_EVERY, LumaQuality, VmafMeter
from provenance.stamped import (
    Carried,
    StageClock,
    Stamped,
    check_complete,
    check_same_container,
    copy_file,
    incomplete,
    not_carried,
    origin_of,
    sealing_of,
)
from provenance.video import OUTPUT_SUFFIXES, MediaWriter, exchange_sound, open_media
from provenance.watermark import ClipMarker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provenance.clip import AudioSpec
    from provenance.keys import CarrierKey
    from provenance.payload import Payload
    from provenance.sealing import Sealing
    from provenance.stamped import Stamping
    from provenance.video import EncodeSettings, MediaReader, Picture

_ADDED_SHIFT = (11, 17)  # cells: a second tile on the first would cancel both


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureStamping:
    """How pictures are marked and encoded: as :func:`provenance.stamping.stamp` takes it."""

    psnr: float | None
    settings: EncodeSettings | None
    vmaf: bool
    audio_mark: bool
    aigc_producer: str | None


def stamp_video(path: Path, target: Path, how: Stamping, asked: PictureStamping) -> Stamped:
    """Marks the pictures and the sound of ``path``, and writes them to ``target``.

    Raises what :func:`provenance.stamping.stamp` raises.
    """
    clock, alive = StageClock(), partial(how.tell, 0.0)
    identity, statement = how.identity, how.statement
    with ExitStack() as opened:
        media = opened.enter_context(open_media(path))
        video = media.info.video
        new_marker = partial(
            ClipMarker,
            key=identity.carrier_key,
            width=video.width,
            height=video.height,
            strength=how.strength,
            psnr=asked.psnr,
        )
        # A date, a size or a strength that cannot be is refused before the input is searched.
        new_marker(payload=statement.payload(content_id=0))
        with clock.timed("look"):
            present, pictures = look_ahead(media, identity, alive=alive)
        if present.detected and how.if_marked == "refuse":
            raise AlreadyMarked(
                f"{path} carries a mark already",
                hint="--if-marked keep leaves it as it is, --if-marked add puts a second one on it",
            )
        kept = present.payload if how.if_marked == "keep" else None
        taker, sound_marked = PrintTaker(video.rate), 0
        if kept is not None:
            check_same_container(path, target)
            _check_no_label(path, asked.aigc_producer)
            check_same_statement(path, kept, statement)
            check_throughout(path, kept, identity, taker=taker, alive=alive)
            statement = statement_of(kept)
        sealing = opened.enter_context(
            sealing_of(path, target, how, statement=statement, kept=kept, key=present.key)
        )
        with clock.timed("encode"):
            if kept is not None:
                key = present.key if asked.audio_mark else None
                sound_marked = _keep(media, sealing.unsigned, kept, key, how)
                carried = Carried(
                    frames=media.info.frames or 0, duration_s=media.info.duration_s or 0.0
                )
            else:
                shift = _ADDED_SHIFT if present.detected else (0, 0)
                marker = new_marker(payload=sealing.payload, shift=shift)
                carried = _mark(media, pictures, marker, sealing, how, asked, taker)
            if not taker.heard and media.info.audio is not None:
                _hear(sealing.unsigned, taker)
        with clock.timed("read_back"):
            read = kept or look(sealing.unsigned, identity, alive=partial(how.tell, 1.0)).payload
        with clock.timed("sign"):
            sealed = sealing.complete(
                width=video.width,
                height=video.height,
                duration_s=carried.duration_s,
                origin=origin_of(path, kept, present.payload),
                prints=taker.finish(),
                warnings=() if kept is not None else not_carried([media]),
            )
    return Stamped(
        sealed=sealed,
        statement=statement,
        kept=kept is not None,
        # Of two marks in a file either may be the one that is found.
        readable=read == sealing.payload or (read is not None and present.detected),
        carried=carried,
        input_bytes=media.info.bytes,
        timings_s=clock.seconds,
        sound_marked=sound_marked,
    )


def _keep(
    media: MediaReader, target: Path, kept: Payload, key: CarrierKey | None, how: Stamping
) -> int:
    """The pictures as they are, and the sound marked as they are where it carries no mark.

    Gives how many tracks were marked; none without a ``key``, or where the container is one that we
    do not write.
    """
    bare: tuple[int, ...] = ()
    if key is not None and target.suffix.lower() in OUTPUT_SUFFIXES:
        bare = bare_tracks(
            Path(media.source.name), keys_of(how.identity), alive=partial(how.tell, 0.0)
        )
    if not bare or key is None:
        copy_file(media.source, target)
        return 0
    check_complete(media.source)
    numbers = itertools.count()

    def change(spec: AudioSpec) -> Callable[[float], SoundMarker] | None:
        # Asked for every track, in their order.
        return _marked_sound(kept, key, spec) if next(numbers) in bare else None

    exchange_sound(media, target, change)
    return len(bare)


def _mark(
    media: MediaReader,
    pictures: Iterator[Picture],
    marker: ClipMarker,
    sealing: Sealing,
    how: Stamping,
    asked: PictureStamping,
    taker: PrintTaker,
) -> Carried:
    info, target, payload = media.info, sealing.unsigned, sealing.payload
    video = info.video
    quality = LumaQuality(every=SAMPLED_EVERY)
    change, frames, last_s = None, 0, 0.0
    if asked.audio_mark:
        change = taker.over(partial(_marked_sound, payload, how.identity.carrier_key))
    with ExitStack() as opened:
        meter = None
        if asked.vmaf:
            meter = VmafMeter(width=video.width, height=video.height, bits=video.bits)
            opened.enter_context(meter)
        writer = opened.enter_context(
            MediaWriter(
                target,
                video=video,
                settings=asked.settings,
                copy_audio_from=media,
                change_sound=change,
                metadata=None
                if asked.aigc_producer is None
                else aigc_metadata(payload, asked.aigc_producer),
            )
        )
        for picture in pictures:
            last_s = float(picture.time - info.start)
            marked = marker.mark(picture.luma, time_s=last_s, bits=picture.bits)
            quality.add(picture.luma, marked, bits=picture.bits)
            taker.see(marked, last_s, bits=picture.bits)
            if meter is not None:
                meter.add(picture.luma, marked)
            writer.write(picture.with_luma(marked))
            frames += 1
            how.tell(min(1.0, last_s / info.duration_s) if info.duration_s else 0.0)
        if media.damaged is not None:
            raise incomplete(media.source.name, media.damaged)
        writer.close()
        vmaf = None if meter is None else meter.result()
    return Carried(
        frames=frames,
        duration_s=last_s + float(1 / video.rate),
        quality=quality.result(),
        vmaf=vmaf,
        sound_damaged=writer.sound_damaged,
    )


def _marked_sound(
    payload: Payload, key: CarrierKey, spec: AudioSpec
) -> Callable[[float], SoundMarker] | None:
    """How a track is marked, once the time of its first sample is known; None: it is too narrow."""
    if spec.sample_rate < LOWEST_RATE:
        return None
    return lambda start_s: SoundMarker(
        payload=payload,
        key=key,
        rate=spec.sample_rate,
        channels=spec.channels,
        start_s=start_s,
    )


def _hear(path: Path, taker: PrintTaker) -> None:
    """The sound that was carried over without decoding it."""
    with suppress(InputError), open_media(path) as media:
        if media.info.audio is not None:
            for block in media.sound():
                taker.hear(block, media.info.audio.sample_rate)


def _check_no_label(path: Path, producer: str | None) -> None:
    if producer is not None:
        raise OptionError(
            f"{path} is marked already and is kept as it is: no label can be written into it",
            hint="use --edit transcode, which keeps the mark and writes the file anew",
        )
