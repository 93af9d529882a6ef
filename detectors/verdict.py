"""From signals to a verdict: a pure function, the same signals always give the same answer.

Absence of evidence is ``no_evidence`` and never "authentic" or "made by a human": marks can be
removed, and most video never carried one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from detectors.result import VerdictName

Mark: TypeAlias = Literal["none", "unread", "public", "private"]
Credentials: TypeAlias = Literal["none", "invalid", "valid", "trusted"]
Medium: TypeAlias = Literal["pictures", "sound", "sound_alone"]
Claim: TypeAlias = Literal["unstated", "generated", "edited", "other"]
Agreement: TypeAlias = Literal["unknown", "agrees", "disagrees"]
Content: TypeAlias = Literal["unknown", "same", "other"]
Extent: TypeAlias = Literal["unknown", "whole", "part"]

_SILENT: frozenset[Mark] = frozenset({"none", "unread"})
_AI: dict[Claim, VerdictName] = {"generated": "ai_generated", "edited": "ai_edited"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What was found, reduced to what the verdict depends on.

    ``mark``: under the published key anybody can place one, under a private key its holders alone;
    ``unread``: one is there, and what it says, even whether it means AI, is not known.
    ``mark_claim``: the source that the mark states, ``claim``: the one that the credentials state:
    generated or edited with AI, or another one.
    ``medium``: where the mark is: in the pictures (and perhaps the sound), in the sound of a file
    without pictures, or in the sound alone of one that has pictures.
    ``agreement``: whether mark and credentials name the same content and model.
    ``content``: whether the pictures and the sound are those that were marked and signed, by their
    fingerprint: a mark can be copied onto another video, credentials can be put into another file.
    ``extent``: whether the mark runs through most of the file, or less than half of it.
    """

    readable: bool = True
    medium: Medium = "pictures"
    mark: Mark = "none"
    mark_claim: Claim = "generated"
    credentials: Credentials = "none"
    claim: Claim = "unstated"
    agreement: Agreement = "unknown"
    content: Content = "unknown"
    extent: Extent = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    name: VerdictName
    reasons: tuple[str, ...]


def decide(signals: Signals) -> Verdict:
    """The verdict on ``signals``, with the reasons for it in the order in which they weigh."""
    if not signals.readable:
        return Verdict(name="unreadable", reasons=("the file could not be read",))
    return Verdict(name=_name(signals), reasons=_reasons(signals))


def _name(signals: Signals) -> VerdictName:
    if _copied(signals):
        return "conflicting"
    name = _name_of_all(signals)
    if name != "ai_generated" or signals.mark in _SILENT or signals.mark_claim not in _AI:
        return name
    # What is known of the sound says nothing about pictures that carry no mark, and what is known
    # of a part says nothing about the rest.
    sound_alone = signals.medium == "sound_alone" and signals.credentials in {"none", "invalid"}
    return "ai_edited" if sound_alone or signals.extent == "part" else name


def _copied(signals: Signals) -> bool:
    """Whether a mark or good credentials speak of other pictures than these."""
    speaks = signals.mark not in _SILENT or signals.credentials in {"valid", "trusted"}
    return speaks and signals.content == "other"


def _name_of_all(signals: Signals) -> VerdictName:
    if signals.mark in _SILENT:
        return _name_by_credentials(signals)
    if signals.credentials in {"none", "invalid"}:
        by_mark = _AI.get(signals.mark_claim)
        return by_mark or _name_by_credentials(signals)
    return _name_by_both(signals)


def _name_by_credentials(signals: Signals) -> VerdictName:
    if signals.credentials == "invalid":
        # Broken credentials that say "AI" are neither proof of it nor nothing.
        return "conflicting" if signals.claim in _AI else "no_evidence"
    if signals.credentials == "none":
        return "no_evidence"
    return _AI.get(signals.claim, "no_evidence")


def _name_by_both(signals: Signals) -> VerdictName:
    """Marked, with good credentials."""
    mark_says_ai, credentials_say_ai = signals.mark_claim in _AI, signals.claim in _AI
    if signals.agreement == "disagrees":
        return "conflicting"
    if signals.claim == "unstated":
        return _AI.get(signals.mark_claim, "no_evidence")
    if mark_says_ai and not credentials_say_ai:
        return "conflicting"
    if credentials_say_ai and not mark_says_ai and signals.agreement == "agrees":
        # Mark and manifest of one stamping say the same; if they do not, one was exchanged.
        return "conflicting"
    return _AI.get(signals.claim, "no_evidence")


def _reasons(signals: Signals) -> tuple[str, ...]:
    reasons = [*_by_mark(signals), *_by_credentials(signals)]
    if _copied(signals):
        reasons.append(
            "these are not the pictures that were marked and signed: the watermark or the "
            "credentials come from another file"
        )
    if _name(signals) == "no_evidence":
        reasons.append("no evidence of AI is not evidence against it")
    return tuple(reasons)


def _by_mark(signals: Signals) -> list[str]:
    reasons = [_MARK[signals.mark]]
    if signals.mark != "none" and signals.medium != "pictures":
        reasons.append(_MEDIUM[signals.medium])
    if signals.mark in _SILENT:
        return reasons
    if signals.mark_claim != "generated":
        reasons.append(_MARK_CLAIM[signals.mark_claim])
    if signals.extent == "part":
        reasons.append("less than half of the file carries the watermark")
    return reasons


def _by_credentials(signals: Signals) -> list[str]:
    conflicting = _name_of_all(signals) == "conflicting"
    if signals.credentials == "none":
        return ["the file carries no credentials"] if signals.mark in _SILENT else []
    if signals.credentials == "invalid":
        reasons = ["the credentials do not verify, so what they say does not count"]
        if conflicting:
            reasons.append(
                "yet they speak of AI: broken credentials are neither proof of it nor nothing"
            )
        return reasons
    reasons = [_CREDENTIALS[signals.credentials], _CLAIM[signals.claim]]
    if signals.mark not in _SILENT and signals.agreement == "disagrees":
        reasons.append(
            "the watermark and the credentials name different content: "
            "one of them was copied from another video"
        )
    elif conflicting:
        reasons.append("the watermark and the credentials state different sources")
    return reasons


_MARK = {
    "none": "no watermark was found",
    "unread": "a watermark is present but its message could not be read",
    "public": "a watermark was found under the published key, with which anybody can place one",
    "private": "a watermark was found that only the holders of a private key can have made",
}
_MEDIUM = {
    "sound": "it is the sound that carries it",
    "sound_alone": "only the sound carries it; none was found in the pictures",
}
_MARK_CLAIM = {
    "unstated": "the watermark does not say how the video was made",
    "edited": "the watermark says that AI was used to edit the video",
    "other": "the watermark says that a camera captured the video",
}
_CREDENTIALS = {
    "valid": "the credentials are intact, signed by somebody unknown here",
    "trusted": "the credentials are intact, signed by a trusted signer",
}
_CLAIM = {
    "unstated": "the credentials do not say how the video was made",
    "generated": "the credentials say that AI generated the video",
    "edited": "the credentials say that AI was used to edit the video",
    "other": "the credentials name a source other than AI",
}
