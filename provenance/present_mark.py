"""The mark that is in a file already: found before anything is done to the file."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from provenance.errors import AlreadyMarked, UnknownModel
from provenance.keys import carrier_keys
from provenance.payload import Model, model_by_number
from provenance.sealing import Statement
from provenance.video import open_media
from provenance.watermark import ClipDetector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from provenance.fingerprint import PrintTaker
    from provenance.keys import Identity
    from provenance.payload import Payload
    from provenance.video import MediaReader, Picture
    from provenance.watermark import Detection

LOOK_S = 1.5
"""How much of a file is searched to know whether it is marked."""
_MOST_KEPT = 96 << 20  # bytes of luma: 1.5 s of 1080p at 30 frames a second


def look(
    path: Path,
    identity: Identity,
    *,
    most_s: float | None = None,
    fast: bool = True,
    taker: PrintTaker | None = None,
    alive: Callable[[], None],
) -> Detection:
    """The mark in the first ``most_s`` seconds of a file (None: all of it), if it lies straight.

    Turned and bent pictures are not searched: another tile does not disturb a mark that lies
    askew. ``alive`` is called for every frame. ``taker`` sees the pictures that are looked at.
    """
    with open_media(path) as media:
        detector = _detector(media, identity, fast=fast)
        for picture in media.pictures():
            time_s = float(picture.time - media.info.start)
            if detector.decided or (most_s is not None and time_s >= most_s):
                break
            alive()
            if taker is not None:
                taker.see(picture.luma, time_s, bits=picture.bits)
            detector.add(picture.luma, time_s=time_s, bits=picture.bits)
        return detector.finish()


def look_ahead(
    media: MediaReader, identity: Identity, *, alive: Callable[[], None]
) -> tuple[Detection, Iterator[Picture]]:
    """As :func:`look` at the first 1.5 s; also all pictures of ``media``, of which those that were
    looked at are not decoded again, where they are not too large to be kept.
    """
    detector, pictures = _detector(media, identity, fast=True), media.pictures()
    seen: deque[Picture] = deque()
    room = _MOST_KEPT
    for picture in pictures:
        room -= picture.luma.nbytes
        if room >= 0:
            seen.append(picture)
        time_s = float(picture.time - media.info.start)
        if detector.decided or time_s >= LOOK_S:
            break
        alive()
        detector.add(picture.luma, time_s=time_s, bits=picture.bits)
    if room < 0:
        seen.clear()
        pictures = media.pictures()
    return detector.finish(), _one_by_one(seen, pictures)


def _one_by_one(seen: deque[Picture], rest: Iterator[Picture]) -> Iterator[Picture]:
    while seen:
        yield seen.popleft()
    yield from rest


def _detector(media: MediaReader, identity: Identity, *, fast: bool) -> ClipDetector:
    keys = dict.fromkeys((identity.carrier_key, *carrier_keys(identity.directory)))
    return ClipDetector(
        keys=list(keys),
        width=media.info.video.width,
        height=media.info.video.height,
        fast=fast,
        reach="straight",
    )


def statement_of(payload: Payload) -> Statement:
    """What a mark that is kept says: the new manifest must not contradict it."""
    try:
        model = model_by_number(payload.model)
    except UnknownModel:
        key = f"unknown-{payload.model}"
        model = Model(number=payload.model, key=key, name=f"unknown model {payload.model}")
    return Statement(model=model, day=payload.day, source=payload.source)


def check_same_statement(path: Path, kept: Payload, asked: Statement) -> None:
    """A signature must not vouch for what a stranger's mark says instead of the signer."""
    if (kept.model, kept.source) != (asked.model.number, asked.source):
        theirs = statement_of(kept)
        raise AlreadyMarked(
            f"{path} carries a mark already, which says {theirs.model.name}, {theirs.source}, "
            f"not {asked.model.name}, {asked.source}",
            hint="say what the mark says to keep it, or put a second one on it: --if-marked add",
        )


def check_throughout(
    path: Path,
    kept: Payload,
    identity: Identity,
    *,
    taker: PrintTaker | None = None,
    alive: Callable[[], None],
) -> None:
    """Refuse to sign as marked what is marked in part; ``taker`` sees all pictures on the way."""
    whole = look(path, identity, fast=False, taker=taker, alive=alive)
    bare = next((s for s in whole.segments if s.state == "unmarked"), None)
    if whole.payload != kept or bare is not None:
        where = "" if bare is None else f" from {bare.start_s:.1f} to {bare.end_s:.1f} s"
        raise AlreadyMarked(
            f"{path} carries a mark, but not throughout: it is missing{where}",
            hint="mark all of it: --if-marked add",
        )
