"""The mark that is in a file's sound already: found before anything is done to the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.audio_watermark import LOWEST_RATE, SoundDetector
from provenance.errors import AlreadyMarked, NoVideo
from provenance.keys import carrier_keys
from provenance.video import open_sound
from provenance.watermark import Detection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from provenance.keys import CarrierKey, Identity
    from provenance.payload import Payload

LOOK_S = 36.0
"""How much of a track is searched to know whether it is marked: three sections of the search."""
_TELLING_S = 6.0  # of sound in which a mark would have been found


def keys_of(identity: Identity) -> list[CarrierKey]:
    """The keys that a mark of ours may be under."""
    return list(dict.fromkeys((identity.carrier_key, *carrier_keys(identity.directory))))


def hear(
    path: Path,
    keys: Sequence[CarrierKey],
    *,
    track: int = 0,
    most_s: float | None = None,
    fast: bool = True,
    alive: Callable[[], None],
) -> Detection:
    """The mark in the first ``most_s`` seconds (None: all) of a sound track, if it lies straight.

    Sound that was stretched or changed in pitch is not searched: another mark does not disturb it.
    ``alive`` is called for every block. Nothing is detected in sound too narrow for a mark.
    """
    with open_sound(path) as media:
        rate = media.info.sound[track].audio.sample_rate
        if rate < LOWEST_RATE:
            return Detection(detected=False)
        detector = SoundDetector(keys=keys, rate=rate, fast=fast, reach="straight")
        count = 0
        for block in media.blocks(track):
            alive()
            detector.add(block)
            count += len(block)
            if detector.decided or (most_s is not None and count >= most_s * rate):
                break
        return detector.finish().mark


def bare_tracks(
    path: Path, keys: Sequence[CarrierKey], *, alive: Callable[[], None]
) -> tuple[int, ...]:
    """The numbers of the sound tracks that carry no mark, and long enough to say so."""
    try:
        with open_sound(path) as media:
            count = len(media.info.sound)
    except NoVideo:
        return ()
    looked = (
        hear(path, keys, track=track, most_s=LOOK_S, fast=False, alive=alive)
        for track in range(count)
    )
    return tuple(
        track
        for track, found in enumerate(looked)
        # Of silence there is no probability: nothing was looked at.
        if not found.detected and found.presence_p is not None and found.seconds_used >= _TELLING_S
    )


def check_heard_throughout(
    path: Path, kept: Payload, keys: Sequence[CarrierKey], *, alive: Callable[[], None]
) -> None:
    """Refuse to sign as marked what is marked in part."""
    whole = hear(path, keys, fast=False, alive=alive)
    bare = next((part for part in whole.segments if part.state == "unmarked"), None)
    if whole.payload != kept or bare is not None:
        where = "" if bare is None else f" from {bare.start_s:.1f} to {bare.end_s:.1f} s"
        raise AlreadyMarked(
            f"{path} carries a mark, but not throughout: it is missing{where}",
            hint="mark all of it: --if-marked add",
        )
