"""The search in all sound tracks of a file, and what each of them says beside the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from detectors.result import Check, Tampering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from detectors.sound import HeardSound
    from provenance.video.sound import SoundTrack
    from provenance.watermark import Detection

TRACKS = "audio_tracks"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardTracks:
    """``main``: the track that speaks for the sound; ``check``, ``foreign``: what all of them say.

    ``check`` is None where there is one track only.
    """

    main: HeardSound
    check: Check | None = None
    foreign: tuple[Tampering, ...] = ()


def listen_to_all(
    tracks: Sequence[SoundTrack],
    listen: Callable[[int], HeardSound],
    *,
    pictures: Detection,
    fast: bool,
) -> HeardTracks:
    """``listen`` to every one of ``tracks``; ``fast``: until one carries a mark.

    The first one with a readable mark speaks for the sound, else the first with any, else the
    first. ``pictures``: what was found in those of the same file: a track with another content id
    comes from another file.
    """
    heard: list[HeardSound] = []
    for number in range(len(tracks)):
        heard.append(listen(number))
        if fast and _strength(heard[-1]) > 0:
            break
    if len(tracks) == 1:
        return HeardTracks(main=heard[0])
    main = max(heard, key=_strength)
    damage = next((one.damage for one in heard if one.damage is not None), None)
    expected = None if pictures.payload is None else pictures.payload.content_id_hex
    if expected is None and main.facts is not None:
        expected = main.facts.content_id
    said, foreign = [], []
    for number, (track, one) in enumerate(zip(tracks, heard, strict=False), start=1):
        name = f"{number} ({track.language})" if track.language else f"{number}"
        said.append(f"{name}: {_told(one)}")
        id_ = None if one.facts is None else one.facts.content_id
        # What speaks for the sound is compared with the pictures elsewhere.
        if one is not main and id_ not in (None, expected) and not one.pictures_too:
            detail = f"sound track {name} was marked with {id_}, not with {expected}: "
            foreign.append(
                Tampering(kind="audio_replaced", detail=detail + "it comes from another file")
            )
    said += [f"{number}: not searched" for number in range(len(heard) + 1, len(tracks) + 1)]
    return HeardTracks(
        main=replace(main, damage=damage),
        check=Check(name=TRACKS, state="done", detail="; ".join(said)),
        foreign=tuple(foreign),
    )


def _strength(heard: HeardSound) -> int:
    facts = heard.facts
    if facts is None or not facts.detected:
        return 0
    return 1 if facts.content_id is None else 2


def _told(heard: HeardSound) -> str:
    facts = heard.facts
    if facts is None:
        return heard.check.detail
    if not facts.detected:
        return "no mark"
    return "a mark that cannot be read" if facts.content_id is None else facts.content_id
