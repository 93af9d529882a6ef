"""Marking and signing footage that exists already: one file in, one file out."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from provenance.aigc import aigc_metadata
from provenance.audio_watermark import LOWEST_RATE, SoundMarker
from provenance.errors import AlreadyMarked, InputError, OptionError, UnreadableMedia
from provenance.fingerprint import PrintTaker
from provenance.keys import default_keys_directory, ensure_identity
from provenance.manifest import container_of, has_manifest
from provenance.payload import model_by_key
from provenance.present_mark import (
    LOOK_S,
    check_same_statement,
    check_throughout,
    look,
    statement_of,
)
from provenance.quality import SAMPLED_EVERY, LumaQuality, VmafMeter
from provenance.sealing import Origin, Sealing, check_output, disk_errors, state
from provenance.store import default_store_path, open_store
from provenance.video import MediaWriter, open_media
from provenance.watermark import ClipMarker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provenance.clip import AudioSpec
    from provenance.keys import CarrierKey, Identity
    from provenance.payload import Payload, Source
    from provenance.quality import Quality, Vmaf
    from provenance.sealing import Sealed, Statement
    from provenance.store import Store
    from provenance.video import EncodeSettings, MediaReader
    from provenance.video.carried_sound import ChangeSound

IfMarked = Literal["keep", "add", "refuse"]

_COPY_BYTES = 1 << 20
_SUFFIXES = {"mp4": ("mp4", "m4v"), "mov": ("mov", "qt"), "ts": ("ts", "m2ts", "mts")}
_ADDED_SHIFT = (11, 17)  # cells: a second tile on the first would cancel both


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What went from the input to the output.

    ``quality`` compares the pictures before and after marking, before encoding; None when they
    were copied. ``vmaf`` does so where it was asked for. ``sound_damaged`` says where carried
    sound broke off, or is None.
    """

    frames: int
    duration_s: float
    quality: Quality | None = None
    vmaf: Vmaf | None = None
    sound_damaged: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """What stamping did.

    ``kept``: the input was marked already, that mark was kept and the pictures were not touched.
    ``readable``: the mark was read back from the file. ``timings_s``: seconds by stage. ``edited``:
    by :func:`provenance.edits.edit`, which keeps the mark and not the bytes of the pictures.
    """

    sealed: Sealed
    statement: Statement
    kept: bool
    readable: bool
    carried: Carried
    input_bytes: int
    timings_s: dict[str, float]
    edited: bool = False


def stamp(
    source_path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model: str,
    source: Source = "generated",
    prompt: str | None = None,
    plain_prompt_hash: bool = False,
    day: date | None = None,
    identity: Identity | None = None,
    store: Store | None = None,
    strength: float = 1.0,
    psnr: float | None = None,
    settings: EncodeSettings | None = None,
    vmaf: bool = False,
    if_marked: IfMarked = "keep",
    audio_mark: bool = True,
    aigc_producer: str | None = None,
    progress: Callable[[float], None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    draw_bits: Callable[[int], int] = secrets.randbits,
) -> Stamped:
    """Mark every frame of ``source_path`` and write it, encoded and signed, to ``output``.

    ``model`` is a registered name, ``source`` how the footage was made, ``day`` when (default
    today). ``identity`` and ``store`` default to the user's own. ``strength`` scales the mark,
    or ``psnr`` asks for the strongest one with at least that luma PSNR in dB before encoding.
    ``vmaf`` measures that too, for about as long again as encoding takes.
    ``if_marked`` says what to do with input that carries a readable mark already: *keep* it and
    only sign (the pictures are not encoded again), *add* a second one, or *refuse*. Credentials
    in the input become the parent of the new ones. ``audio_mark``: all sound tracks are marked too,
    and encoded again for that; else their packets are carried over. ``aigc_producer``: China's
    AIGC label is written too, with this name or code. ``progress`` is told the share
    done, 0…1.

    ``output`` appears complete or not at all, and the input is never touched. Raises
    :class:`~provenance.errors.InputError` for input that cannot be used and the writing errors
    of :class:`~provenance.writer.ProvenanceWriter`.
    """
    if if_marked not in get_args(IfMarked):
        raise OptionError(f"unknown if_marked {if_marked!r}", hint="one of keep, add, refuse")
    path, target = Path(source_path), Path(output)
    check_output(target, (path,))
    if identity is None:
        identity, _ = ensure_identity(default_keys_directory(os.environ), now=now())
    statement = state(
        identity,
        model=model_by_key(model),
        day=day or now().date(),
        source=source,
        prompt=prompt,
        plain_prompt_hash=plain_prompt_hash,
    )
    clock = _Clock()
    with ExitStack() as opened:
        media = opened.enter_context(open_media(path))
        video = media.info.video
        new_marker = partial(
            ClipMarker,
            key=identity.carrier_key,
            width=video.width,
            height=video.height,
            strength=strength,
            psnr=psnr,
        )
        # A date, a size or a strength that cannot be is refused before the input is searched.
        new_marker(payload=statement.payload(content_id=0))
        meter = VmafMeter(width=video.width, height=video.height, bits=video.bits) if vmaf else None
        with clock.timed("look"):
            present = look(path, identity, most_s=LOOK_S, alive=partial(_tell, progress, 0.0))
        if present.detected and if_marked == "refuse":
            raise AlreadyMarked(
                f"{path} carries a mark already",
                hint="--if-marked keep leaves it as it is, --if-marked add puts a second one on it",
            )
        kept = present.payload if if_marked == "keep" else None
        taker = PrintTaker(video.rate)
        if kept is not None:
            _check_same_container(path, target)
            _check_no_label(path, aigc_producer)
            check_same_statement(path, kept, statement)
            alive = partial(_tell, progress, 0.0)
            check_throughout(path, kept, identity, taker=taker, alive=alive)
            statement = statement_of(kept)
        if store is None:
            store = opened.enter_context(open_store(default_store_path(os.environ)))
        sealing = opened.enter_context(
            Sealing(
                target,
                statement=statement,
                identity=identity,
                store=store,
                now=now,
                draw_bits=draw_bits,
                payload=kept,
                carrier=None if kept is None or present.key is None else present.key.name,
                inputs=(path,),
            )
        )
        with clock.timed("encode"):
            if kept is not None:
                carried = _copy(media, sealing.unsigned)
            else:
                shift = _ADDED_SHIFT if present.detected else (0, 0)
                marker = new_marker(payload=sealing.payload, shift=shift)
                change = None
                if audio_mark:
                    change = taker.over(
                        partial(_marked_sound, sealing.payload, identity.carrier_key)
                    )
                if meter is not None:
                    opened.enter_context(meter)
                label = (
                    None if aigc_producer is None else aigc_metadata(sealing.payload, aigc_producer)
                )
                carried = _mark(
                    media, marker, sealing.unsigned, settings, meter, change, label, taker, progress
                )
            if not taker.heard and media.info.audio is not None:
                _hear(sealing.unsigned, taker)
        with clock.timed("read_back"):
            read = (
                kept or look(sealing.unsigned, identity, alive=lambda: _tell(progress, 1.0)).payload
            )
        with clock.timed("sign"):
            sealed = sealing.complete(
                width=video.width,
                height=video.height,
                duration_s=carried.duration_s,
                # What is kept as it is was made elsewhere, whether that left credentials or not.
                origin=Origin(
                    parent=path if kept is not None or has_manifest(path) else None,
                    encoded=kept is None,
                ),
                prints=taker.finish(),
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
    )


def _tell(progress: Callable[[float], None] | None, share: float) -> None:
    if progress is not None:
        progress(share)


def _mark(
    media: MediaReader,
    marker: ClipMarker,
    target: Path,
    settings: EncodeSettings | None,
    meter: VmafMeter | None,
    change_sound: ChangeSound | None,
    metadata: dict[str, str] | None,
    taker: PrintTaker,
    progress: Callable[[float], None] | None,
) -> Carried:
    info = media.info
    quality = LumaQuality(every=SAMPLED_EVERY)
    frames, last_s = 0, 0.0
    with MediaWriter(
        target,
        video=info.video,
        settings=settings,
        copy_audio_from=media,
        change_sound=change_sound,
        metadata=metadata,
    ) as writer:
        for picture in media.pictures():
            last_s = float(picture.time - info.start)
            marked = marker.mark(picture.luma, time_s=last_s, bits=picture.bits)
            quality.add(picture.luma, marked, bits=picture.bits)
            taker.see(marked, last_s, bits=picture.bits)
            if meter is not None:
                meter.add(picture.luma, marked)
            writer.write(picture.with_luma(marked))
            frames += 1
            if progress is not None:
                progress(min(1.0, last_s / info.duration_s) if info.duration_s else 0.0)
        if media.damaged is not None:
            raise _incomplete(media, media.damaged)
    return Carried(
        frames=frames,
        duration_s=last_s + float(1 / info.video.rate),
        quality=quality.result(),
        vmaf=None if meter is None else meter.result(),
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


def _incomplete(media: MediaReader, damage: str) -> UnreadableMedia:
    return UnreadableMedia(
        f"{media.source.name}: {damage}",
        hint="fetch or repair the file: a shortened copy would be signed as the whole",
    )


def _copy(media: MediaReader, target: Path) -> Carried:
    """The file as it is: pictures that carry a mark are not encoded again for a signature."""
    if missing := media.source.missing_bytes():
        raise _incomplete(media, f"the file lacks {missing} bytes at its end")
    with disk_errors(target), target.open("xb") as copy:
        source = media.source.cursor()
        while block := source.read(_COPY_BYTES):
            copy.write(block)
    return Carried(frames=media.info.frames or 0, duration_s=media.info.duration_s or 0.0)


def _check_no_label(path: Path, producer: str | None) -> None:
    if producer is not None:
        raise OptionError(
            f"{path} is marked already and is kept as it is: no label can be written into it",
            hint="use --edit transcode, which keeps the mark and writes the file anew",
        )


def _check_same_container(path: Path, target: Path) -> None:
    name = container_of(path).name
    if target.suffix.lower().lstrip(".") not in _SUFFIXES.get(name, (name,)):
        raise OptionError(
            f"{path} is marked already and is kept as it is, an {name} file, not {target.suffix}",
            hint=f"name the output …{path.suffix}, or use --if-marked add to encode it again",
        )


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 4)
