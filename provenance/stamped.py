"""What stamping did, and what all kinds of stamping share."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from provenance.disk import disk_errors
from provenance.errors import NoVideo, OptionError, UnreadableMedia, UnsupportedMedia
from provenance.manifest import container_of, has_manifest
from provenance.sealing import Origin, Sealing
from provenance.video import open_media, open_sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from provenance.keys import CarrierKey, Identity
    from provenance.payload import Payload
    from provenance.quality import Quality, Vmaf
    from provenance.sealing import Medium, Sealed, Statement
    from provenance.store import Store
    from provenance.video import MediaReader
    from provenance.video.source import SourceFile

IfMarked = Literal["keep", "add", "refuse"]

_COPY_BYTES = 1 << 20
_SUFFIXES = {
    "mp4": ("mp4", "m4v"),
    "mov": ("mov", "qt"),
    "ts": ("ts", "m2ts", "mts"),
    "ogg": ("ogg", "oga", "opus"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamping:
    """What to say, by whom, where it is kept, and how: as :func:`provenance.stamping.stamp` takes
    it.
    """

    statement: Statement
    identity: Identity
    store: Store
    strength: float
    if_marked: IfMarked
    progress: Callable[[float], None] | None
    now: Callable[[], datetime]
    draw_bits: Callable[[int], int]

    def tell(self, share: float) -> None:
        """Share done, 0…1."""
        if self.progress is not None:
            self.progress(share)


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
    ``sound_marked``: sound tracks of a file whose mark was kept that had none, and were marked.
    """

    sealed: Sealed
    statement: Statement
    kept: bool
    readable: bool
    carried: Carried
    input_bytes: int
    timings_s: dict[str, float]
    edited: bool = False
    sound_marked: int = 0


def sealing_of(
    path: Path,
    target: Path,
    how: Stamping,
    *,
    statement: Statement,
    kept: Payload | None,
    key: CarrierKey | None,
    medium: Medium = "video",
) -> Sealing:
    """The sealing of what is made of ``path``; ``key``: the one that read the mark ``kept``."""
    return Sealing(
        target,
        statement=statement,
        identity=how.identity,
        store=how.store,
        now=how.now,
        draw_bits=how.draw_bits,
        payload=kept,
        carrier=None if kept is None or key is None else key.name,
        inputs=(path,),
        medium=medium,
    )


def origin_of(path: Path, kept: Payload | None, present: Payload | None) -> Origin:
    """What is kept as it is was made elsewhere, whether that left credentials or not.

    A mark that is ``present`` and is not kept stays beside the new one and is as likely to be read:
    it is named, as that of a piece is.
    """
    parent = path if kept is not None or has_manifest(path) else None
    beside = () if kept is not None or present is None else (present.content_id_hex,)
    return Origin(parent=parent, encoded=kept is None, kept_ids=beside)


def medium_of(path: Path) -> Medium:
    """Whether a file has pictures or sound alone; raises what ``open_media`` raises for neither."""
    try:
        open_media(path).close()
    except (UnsupportedMedia, NoVideo):
        try:
            open_sound(path).close()
        except NoVideo:
            message = f"{path} has neither pictures nor sound that can be decoded"
            raise NoVideo(message, hint="give a video file or a file of sound") from None
        return "sound"
    return "video"


def incomplete(name: str, damage: str) -> UnreadableMedia:
    """The refusal of input that breaks off."""
    return UnreadableMedia(
        f"{name}: {damage}",
        hint="fetch or repair the file: a shortened copy would be signed as the whole",
    )


def not_carried(inputs: Sequence[MediaReader]) -> tuple[str, ...]:
    """Warnings of what the encoded copy of ``inputs`` does not hold."""
    return tuple(
        f"{media.source.name}: not in the copy: {', '.join(media.info.left_out)}"
        for media in inputs
        if media.info.left_out
    )


def check_complete(source: SourceFile) -> None:
    """Raises :class:`UnreadableMedia` for a file that lacks its end."""
    if missing := source.missing_bytes():
        raise incomplete(source.name, f"the file lacks {missing} bytes at its end")


def copy_file(source: SourceFile, target: Path) -> None:
    """The file as it is; raises :class:`UnreadableMedia` where it lacks its end."""
    check_complete(source)
    with disk_errors(target), target.open("xb") as copy:
        cursor = source.cursor()
        while block := cursor.read(_COPY_BYTES):
            copy.write(block)


def check_same_container(path: Path, target: Path) -> None:
    """Raises :class:`OptionError` where a copy of ``path`` would have a wrong name."""
    name = container_of(path).name
    if target.suffix.lower().lstrip(".") not in _SUFFIXES.get(name, (name,)):
        raise OptionError(
            f"{path} is marked already and is kept as it is, an {name} file, not {target.suffix}",
            hint=f"name the output …{path.suffix}, or use --if-marked add to encode it again",
        )


class StageClock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 4)
