"""Whether the pictures or the sound in hand are those that the mark and the credentials speak of.

A mark can be copied onto another video, and credentials can be put into another file. What was
marked left a fingerprint in the store and in its signed credentials; here it is held against what
is in hand. Pure: fingerprints in, findings out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from detectors.result import Check, Tampering
from provenance.fingerprint import Prints, match

if TYPE_CHECKING:
    from detectors.manifest import Credentials
    from detectors.result import ManifestFacts, WatermarkFacts
    from detectors.verdict import Content
    from provenance.fingerprint import FingerprintMatch, Looks, VideoFingerprint

CHECK = "same_content"
LEAST_S = 1.5  # of the file: less shows too little
STRAIGHT_DEG = 1.0
_ADJACENT_S = 0.25
LEAST_SHOWN = 0.5  # of the original's short side: what is compared is cropped no further
MOST_SHOWN = 1.1  # more than the original has is a backdrop, on which it may lie anywhere
CHANGED_CODES = ("claimSignature.mismatch", "assertion.hashedURI.mismatch")
"""Codes of credentials that were changed themselves: then their fingerprint counts for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Pictures in hand, ``looks``, that lie on ``reference``, those that were marked, as ``found``
    says.
    """

    looks: Looks
    reference: VideoFingerprint
    found: FingerprintMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFinding:
    """``match``: None where it is not known. ``offset_s``: where in the original this begins.
    ``overlay``: how the pictures in hand lie on those that were marked, where they do.
    """

    match: bool | None = None
    tampering: tuple[Tampering, ...] = ()
    checks: tuple[Check, ...] = ()
    offset_s: float | None = None
    overlay: Overlay | None = None

    @property
    def signal(self) -> Content:
        """For the verdict."""
        if self.match is None:
            return "unknown"
        return "same" if self.match else "other"


def compare_content(
    in_hand: Prints,
    mark: WatermarkFacts,
    credentials: Credentials,
    *,
    by_sound: bool = False,
    changed: bool = False,
) -> ContentFinding:
    """What the fingerprints of the file say about its mark and its credentials.

    ``by_sound``: the mark was read in the sound, or there are no pictures. ``changed``: the mark is
    missing in so much of the picture that what replaced it explains another fingerprint.
    """
    marked, signed = _references(mark, credentials)
    if marked is None and signed is None:
        if mark.content_id is None and not credentials.manifest.present:
            return ContentFinding()
        return _skipped("no fingerprint of the original was found to compare with")
    ours = in_hand.sound if by_sound else in_hand.video
    if ours is None or ours.duration_s < LEAST_S:
        return _skipped("too little of the file was looked at to compare it")
    by_mark = _match(_marked_part(in_hand, mark), marked, by_sound=by_sound)
    by_manifest = _match(in_hand, signed, by_sound=by_sound)
    reason = None if by_sound else _incomparable(mark, changed=changed)
    results = [found for found in (by_mark, by_manifest) if found is not None]
    if any(found.same is False for found in results) and reason is not None:
        return _skipped(reason)
    tampering = _tampering(mark, by_mark, by_manifest)
    if tampering:
        match_is: bool | None = False
    else:
        match_is = True if any(found.same for found in results) else None
    best = max(results, key=lambda found: found.score, default=None)
    return ContentFinding(
        match=match_is,
        tampering=tampering,
        checks=(_check(match_is, best),),
        offset_s=best.offset_s if best is not None and match_is else None,
        overlay=None if by_sound else _overlay(in_hand, marked, by_mark),
    )


def _overlay(
    in_hand: Prints, marked: Prints | None, found: FingerprintMatch | None
) -> Overlay | None:
    """None where the pictures are others, or too little alike to say where they come from."""
    if in_hand.looks is None or marked is None or marked.video is None or found is None:
        return None
    # The mark names them already: here it is enough that nothing speaks against it.
    alike = found.same or (found.same is None and found.matched_s >= marked.video.duration_s / 2)
    if not alike or found.window is None or not len(marked.video.levels):
        return None
    return Overlay(looks=in_hand.looks, reference=marked.video, found=found)


def match_sound(in_hand: Prints, credentials: Credentials) -> FingerprintMatch | None:
    """The sound in hand beside the one that was marked; None where one of them is not known."""
    stored = credentials.stored
    if stored is None:
        return None
    kept = Prints.from_bytes(stored.video_fingerprint, stored.audio_fingerprint)
    return _match(in_hand, kept, by_sound=True)


def vouched(
    facts: WatermarkFacts, manifest: ManifestFacts, content: ContentFinding
) -> WatermarkFacts:
    """``facts``, authenticated too where the credentials of a trusted signer name this mark and its
    content is what is in hand: then it does not matter that anybody could have placed the mark.
    """
    named = facts.content_id is not None and facts.content_id == manifest.content_id
    if named and manifest.state == "trusted" and content.match:
        return replace(facts, authenticated=True)
    return facts


def _references(
    mark: WatermarkFacts, credentials: Credentials
) -> tuple[Prints | None, Prints | None]:
    """What the mark leads to, and what the file's own credentials say, where that has to be asked.

    Credentials whose hash is that of the file are no other file's.
    """
    manifest, stored = credentials.manifest, credentials.stored
    changed = any(code.startswith(CHANGED_CODES) for code in manifest.codes)
    said = Prints() if changed else Prints.from_text(credentials.fingerprint)
    own = manifest.present and manifest.source != "recovered"
    kept = Prints()
    if stored is not None:
        kept = Prints.from_bytes(stored.video_fingerprint, stored.audio_fingerprint)
    if not _any(kept) and manifest.content_id == mark.content_id is not None:
        kept = said
    signed = said if own and not manifest.binding_ok else Prints()
    return (
        kept if _any(kept) and mark.content_id is not None else None,
        signed if _any(signed) else None,
    )


def _marked_part(prints: Prints, mark: WatermarkFacts) -> Prints:
    """The longest stretch that carries the mark: an excerpt among other footage is no copy."""
    stretches: list[tuple[float, float]] = []
    for part in mark.segments:
        if part.state != "marked":
            continue
        goes_on = bool(stretches) and part.start_s <= stretches[-1][1] + _ADJACENT_S
        start_s = stretches.pop()[0] if goes_on else part.start_s
        stretches.append((start_s, part.end_s))
    if not stretches:
        return prints
    first_s, last_s = max(stretches, key=lambda one: one[1] - one[0])
    return Prints(
        video=None if prints.video is None else prints.video.between(first_s, last_s),
        sound=None if prints.sound is None else prints.sound.between(first_s, last_s),
    )


def _any(prints: Prints) -> bool:
    return prints.video is not None or prints.sound is not None


def _match(in_hand: Prints, reference: Prints | None, *, by_sound: bool) -> FingerprintMatch | None:
    if reference is None:
        return None
    if by_sound:
        if in_hand.sound is None or reference.sound is None:
            return None
        return match(in_hand.sound, reference.sound)
    if in_hand.video is None or reference.video is None:
        return None
    return match(in_hand.video, reference.video)


def _incomparable(mark: WatermarkFacts, *, changed: bool) -> str | None:
    """Why pictures that are the same might not be recognised."""
    if changed:
        return "the mark is missing in much of the picture: what is left is not compared"
    geometry = mark.geometry
    if geometry is None:
        return None
    turned = (geometry.rotation_deg + 180) % 360 - 180
    if abs(turned) > STRAIGHT_DEG:
        return "the picture is turned: turned pictures are not compared"
    if geometry.shown < LEAST_SHOWN:
        return "less than half of the picture is left: so little is not compared"
    if geometry.shown > MOST_SHOWN:
        return "the picture lies on another one: it was not found there by its fingerprint"
    return None


def _tampering(
    mark: WatermarkFacts,
    by_mark: FingerprintMatch | None,
    by_manifest: FingerprintMatch | None,
) -> tuple[Tampering, ...]:
    found = []
    if by_mark is not None and by_mark.same is False:
        detail = (
            f"the watermark says {mark.content_id}, but these are not the pictures or the sound "
            "that were marked with it: it was copied from there"
        )
        found.append(Tampering(kind="watermark_copied", detail=detail))
    if by_manifest is not None and by_manifest.same is False:
        detail = "the credentials were signed for another file, by the fingerprint that they hold"
        found.append(Tampering(kind="manifest_of_another_file", detail=detail))
    return tuple(found)


def _check(match_is: bool | None, best: FingerprintMatch | None) -> Check:
    if best is None:
        return Check(name=CHECK, state="skipped", detail="the original has no such track")
    alike = f"{best.matched_s:.1f} s found in the original, similarity {best.score:.2f}"
    if match_is is None:
        return Check(name=CHECK, state="skipped", detail=f"undecided: {alike}")
    said = "the same content" if match_is else "other content"
    chance = f", by chance in {best.false_match_bound:.0e}" if match_is else ""
    return Check(name=CHECK, state="done", detail=f"{said}: {alike}{chance}")


def _skipped(why: str) -> ContentFinding:
    return ContentFinding(checks=(Check(name=CHECK, state="skipped", detail=why),))
