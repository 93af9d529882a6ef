"""The search for the mark in a file's sound, and what it says beside the one in the pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from detectors.order import span
from detectors.result import Check, Tampering, WatermarkFacts
from detectors.silence import LevelMeter
from detectors.watermark import watermark_facts
from provenance.audio_watermark import LOWEST_RATE, SoundDetector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from detectors.result import ClockFacts, SegmentFacts
    from provenance.clip import AudioSpec
    from provenance.fingerprint import FingerprintMatch
    from provenance.keys import CarrierKey
    from provenance.watermark import Detection

CHECK, SAME = "audio_watermark", "same_sound"
AS_MARKED_S = 0.75  # a picture's clock that reads less at its start says: from the first picture on
SHIFTED_S = 0.75  # the clock of pictures is good to half a second, the sound's to hundredths
SHIFTED_AS_MARKED_S = 0.2
MUTED_EDGE_S = 0.6  # a part that reaches so far beyond a silence is that silence


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSound:
    """What was found in the sound. ``facts`` None: nothing was searched, ``check`` says why.

    ``complete``: all of it was heard; ``damage`` says why it ended early.
    ``pictures_too``: the mark of the pictures is in it, whichever was read: a file may be
    marked twice. ``muted``: silences that were cut into it.
    """

    check: Check
    facts: WatermarkFacts | None = None
    complete: bool = False
    damage: str | None = None
    pictures_too: bool = False
    muted: tuple[Tampering, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Pictures and sound side by side. ``offset_ms``: how much later than its picture the sound
    comes; None where that is not known.
    """

    tampering: tuple[Tampering, ...] = ()
    checks: tuple[Check, ...] = ()
    offset_ms: int | None = None


def skipped(why: str) -> HeardSound:
    return HeardSound(check=Check(name=CHECK, state="skipped", detail=why))


@dataclass(slots=True, kw_only=True)
class Ending:
    """Why the blocks of sound ended early, told once they have; None: they did not."""

    damage: str | None = field(default=None)


def listen(
    blocks: Iterable[NDArray[np.float32]],
    audio: AudioSpec,
    keys: Sequence[CarrierKey],
    ending: Ending,
    *,
    pictures: Detection,
    fast: bool = False,
) -> HeardSound:
    """Searches ``blocks`` (N, channels) for a mark under any of ``keys``.

    ``pictures``: what was found in the pictures of the same file.
    """
    if audio.sample_rate < LOWEST_RATE:
        return skipped(f"{audio.sample_rate} samples a second are too few to carry a mark")
    known = None
    if pictures.payload is not None and pictures.key is not None:
        known = (pictures.payload, pictures.key)
    detector = SoundDetector(keys=keys, rate=audio.sample_rate, fast=fast, known=known)
    meter = LevelMeter(audio.sample_rate)
    for block in meter.through(blocks):
        detector.add(block)
        if detector.decided:
            break
    heard = detector.finish()
    mark = heard.mark
    detail = f"searched in {mark.seconds_used:.1f} s of sound"
    if ending.damage is not None:
        check = Check(name=CHECK, state="failed", detail=f"{detail}; {ending.damage}")
    else:
        check = Check(name=CHECK, state="done", detail=detail)
    complete = ending.damage is None and not detector.decided
    return HeardSound(
        check=check,
        facts=watermark_facts(mark),
        complete=complete,
        damage=ending.damage,
        pictures_too=heard.known_too,
        # Of sound without a mark nothing is claimed: it may have been made so.
        muted=meter.muted() if mark.payload is not None else (),
    )


def compare(pictures: WatermarkFacts, sound: HeardSound) -> Comparison:
    """Whether the marks in pictures and sound belong together."""
    facts = sound.facts
    if facts is None or not (facts.detected or pictures.detected):
        return Comparison()
    if facts.content_id is None or pictures.content_id is None:
        which = "sound" if facts.content_id is None else "pictures"
        detail = f"no mark was read in the {which}: whether they belong together is not known"
        return Comparison(checks=(Check(name=SAME, state="skipped", detail=detail),))
    return _both(pictures, facts, sound)


def _both(pictures: WatermarkFacts, facts: WatermarkFacts, sound: HeardSound) -> Comparison:
    name = SAME
    if facts.content_id != pictures.content_id and not sound.pictures_too:
        detail = f"the sound was marked with {facts.content_id}, the pictures with "
        detail += f"{pictures.content_id}: one of them comes from another file"
        found = Tampering(kind="audio_replaced", detail=detail)
        check = Check(name=name, state="done", detail="the marks name different content")
        return Comparison(tampering=(found,), checks=(check,))
    tampering = (
        (*sound.muted, *_foreign(pictures, facts, sound.muted)) if sound.complete else sound.muted
    )
    offset_s, exact = _offset(pictures.clock, facts.clock)
    detail = "pictures and sound carry the same content id"
    if facts.content_id != pictures.content_id:
        detail = "the sound carries the mark of the pictures, and another one"
    if offset_s is None:
        check = Check(name=name, state="done", detail=f"{detail}; their times were not compared")
        return Comparison(tampering=tampering, checks=(check,))
    offset_ms = round(1000 * offset_s)
    good_to = "" if exact else " (to 500 ms)"
    check = Check(name=name, state="done", detail=f"{detail}; offset {offset_ms} ms{good_to}")
    if abs(offset_s) > (SHIFTED_AS_MARKED_S if exact else SHIFTED_S):
        later = "later" if offset_s > 0 else "earlier"
        shifted = f"the sound comes about {abs(offset_ms)} ms {later} than its pictures"
        tampering = (*tampering, Tampering(kind="audio_shifted", detail=shifted))
    return Comparison(tampering=tampering, checks=(check,), offset_ms=offset_ms)


def compare_prints(
    pictures: WatermarkFacts, sound: HeardSound, found: FingerprintMatch | None
) -> tuple[Tampering, ...]:
    """Whether sound in which no mark was read is another one, by the ``found`` fingerprint."""
    facts = sound.facts
    if found is None or facts is None or pictures.content_id is None:
        return ()
    if facts.content_id is not None or found.same is not False:
        return ()
    detail = "the sound carries no mark and is not the one that was marked with these pictures"
    return (Tampering(kind="audio_replaced", detail=detail),)


def _foreign(
    pictures: WatermarkFacts, facts: WatermarkFacts, muted: Sequence[Tampering]
) -> tuple[Tampering, ...]:
    """Sound without the mark, or with one that none of the pictures carries."""
    shown = {part.content_id for part in pictures.segments} - {None}
    return tuple(
        Tampering(
            kind="audio_replaced",
            start_s=part.start_s,
            end_s=part.end_s,
            detail=f"the sound of {span(part.start_s, part.end_s)} "
            + ("carries no mark" if part.content_id is None else f"is that of {part.content_id}"),
        )
        for part in facts.segments
        if part.state == "unmarked"
        and part.content_id not in shown
        and not any(_within(part, silence) for silence in muted)
    )


def _within(part: SegmentFacts, silence: Tampering) -> bool:
    start_s, end_s = silence.start_s or 0.0, silence.end_s or 0.0
    return start_s - MUTED_EDGE_S <= part.start_s and part.end_s <= end_s + MUTED_EDGE_S


def _offset(
    pictures: Sequence[ClockFacts], sound: Sequence[ClockFacts]
) -> tuple[float | None, bool]:
    """Seconds by which the sound comes later, over the longest common run, and whether exactly."""
    best = 0.0
    result: tuple[float | None, bool] = (None, False)
    for seen in pictures:
        for heard in sound:
            common_s = min(seen.end_s, heard.end_s) - max(seen.start_s, heard.start_s)
            if common_s <= best:
                continue
            best = common_s
            at_s = max(seen.start_s, heard.start_s)
            shown = seen.original_start_s + seen.speed * (at_s - seen.start_s)
            played = heard.original_start_s + heard.speed * (at_s - heard.start_s)
            as_marked = seen.start_s < AS_MARKED_S and abs(shown - at_s) < AS_MARKED_S
            result = ((at_s if as_marked else shown) - played, as_marked)
    return result
