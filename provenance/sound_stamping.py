"""Marking and signing a file of sound that exists already: one file in, one file out."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from provenance.audio_watermark import SoundMarker
from provenance.errors import AlreadyMarked, OptionError
from provenance.fingerprint import PrintTaker
from provenance.present_mark import check_same_statement, statement_of
from provenance.present_sound import LOOK_S, check_heard_throughout, hear, keys_of
from provenance.stamped import (
    Carried,
    StageClock,
    Stamped,
    check_complete,
    check_same_container,
    copy_file,
    incomplete,
    origin_of,
    sealing_of,
)
from provenance.video import (
    OPEN_ENDED,
    SOUND_SUFFIXES,
    SoundWriter,
    check_sound_file,
    open_sound,
)

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.keys import CarrierKey
    from provenance.payload import Payload
    from provenance.stamped import Stamping
    from provenance.video import SoundReader


def stamp_sound(path: Path, target: Path, how: Stamping) -> Stamped:
    """Marks the sound of ``path`` and writes it, encoded and signed, to ``target``.

    The suffix of ``target`` chooses the codec; a lossless one, the bits of a sample and a higher
    bit rate stay those of the input. Titles and cover pictures are left behind. Raises what
    :func:`provenance.stamping.stamp` raises.
    """
    clock = StageClock()
    keys, alive = keys_of(how.identity), partial(how.tell, 0.0)
    statement = how.statement
    with ExitStack() as opened:
        media = opened.enter_context(open_sound(path))
        _check_one_track(media)
        check_complete(media.source)
        # What cannot be is refused before the input is searched: channels, a strength, a rate.
        if target.suffix.lower() in SOUND_SUFFIXES:  # another one may be kept as it is
            check_sound_file(target, media.info.audio)
        _marker(media, statement.payload(content_id=0), how)
        with clock.timed("look"):
            present = hear(path, keys, most_s=LOOK_S, alive=alive)
        if present.detected and how.if_marked == "refuse":
            raise AlreadyMarked(
                f"{path} carries a mark already",
                hint="--if-marked keep leaves it as it is, --if-marked add puts a second one on it",
            )
        kept = present.payload if how.if_marked == "keep" else None
        if kept is not None:
            check_same_container(path, target)
            check_same_statement(path, kept, statement)
            check_heard_throughout(path, kept, keys, alive=alive)
            statement = statement_of(kept)
        sealing = opened.enter_context(
            sealing_of(
                path,
                target,
                how,
                statement=statement,
                kept=kept,
                key=present.key,
                medium="sound",
            )
        )
        taker = PrintTaker(None)
        with clock.timed("encode"):
            if kept is not None:
                copy_file(media.source, sealing.unsigned)
                duration_s = media.info.duration_s or present.seconds_used
            else:
                duration_s = _mark(media, sealing.unsigned, sealing.payload, how, taker)
        with clock.timed("read_back"):
            read = kept or _read_back(sealing.unsigned, keys, how)
        with clock.timed("sign"):
            sealed = sealing.complete(
                width=0,
                height=0,
                duration_s=duration_s,
                origin=origin_of(path, kept, present.payload),
                prints=taker.finish(),
                warnings=(f"{path}: {OPEN_ENDED}",) if media.source.is_open_ended() else (),
            )
    return Stamped(
        sealed=sealed,
        statement=statement,
        kept=kept is not None,
        # Of two marks in a file either may be the one that is found.
        readable=read == sealing.payload or (read is not None and present.detected),
        carried=Carried(frames=0, duration_s=duration_s),
        input_bytes=media.info.bytes,
        timings_s=clock.seconds,
    )


def _check_one_track(media: SoundReader) -> None:
    if len(media.info.sound) > 1:
        raise OptionError(
            f"{media.source.name} has {len(media.info.sound)} sound tracks and no picture",
            hint="stamp each track in a file of its own",
        )


def _marker(media: SoundReader, payload: Payload, how: Stamping) -> SoundMarker:
    audio = media.info.audio
    return SoundMarker(
        payload=payload,
        key=how.identity.carrier_key,
        rate=audio.sample_rate,
        channels=audio.channels,
        strength=how.strength,
    )


def _mark(
    media: SoundReader, target: Path, payload: Payload, how: Stamping, taker: PrintTaker
) -> float:
    """Writes the marked sound to ``target``; gives its seconds."""
    info, count = media.info, 0
    marker = _marker(media, payload, how)
    with SoundWriter(target, info.audio, like=info) as writer:
        for block in media.blocks():
            count += len(block)
            marked = marker.push(block)
            taker.hear(marked, info.audio.sample_rate)
            writer.write(marked)
            share = count / info.audio.sample_rate / info.duration_s if info.duration_s else 0.0
            how.tell(min(1.0, share))
        rest = marker.finish()
        taker.hear(rest, info.audio.sample_rate)
        writer.write(rest)
        if media.damaged is not None:
            raise incomplete(media.source.name, media.damaged)
    return count / info.audio.sample_rate


def _read_back(path: Path, keys: list[CarrierKey], how: Stamping) -> Payload | None:
    return hear(path, keys, alive=partial(how.tell, 1.0)).payload
