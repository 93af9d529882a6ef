"""A result as text for people."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from detectors.order import SPEED_TOLERANCE, span
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.printable import printable

if TYPE_CHECKING:
    from detectors.result import ClockFacts, Decision, ManifestFacts, Result, WatermarkFacts

_MOST_INGREDIENTS = 5


def to_text(result: Result, *, titled: bool = False) -> str:
    """``result`` for people: five lines that answer the question, then the grounds.

    ``titled`` puts the file's path before, for reports on several files.
    """
    head = [
        f"Watermark detected: {detected(result)}",
        f"Confidence: {confidence(result.mark)}",
        f"Generation date: {_date(result)}",
        f"Prompt hash: {prompt_hash(result)}",
        f"Tampered: {tampered(result)}",
    ]
    title = [printable(result.file.path)] if titled else []
    return "\n".join([*title, *head, "", *_grounds(result), ""])


def percent(confidence: float) -> str:
    """``0.9999`` as ``99.99%``: the digits that the fraction has, none added by rounding."""
    return f"{Decimal(str(confidence)) * 100:.2f}%"


def recognised(mark: WatermarkFacts) -> str:
    """How the message of a mark is known that could not be read."""
    return f"recognised as one of {mark.recognised_among:,} messages that the store knows"


def detected(result: Result) -> str:
    mark = result.mark
    if mark.detected:
        return mark.model_name or "yes, message not readable"
    searched = _state(result, "watermark") or _state(result, "audio_watermark")
    return "not checked" if searched != "done" else "none"


def confidence(mark: WatermarkFacts) -> str:
    return "none" if mark.confidence is None else percent(mark.confidence)


def _date(result: Result) -> str:
    day, source = generation_date(result)
    return f"{day} ({source})" if source else day


def generation_date(result: Result) -> tuple[str, str]:
    """The day, or "unknown", and where it is from."""
    if result.mark.date:
        return result.mark.date, "approximate"
    if result.manifest.generation_date and _counts(result.manifest):
        return result.manifest.generation_date, "from the credentials"
    return "unknown", ""


def prompt_hash(result: Result) -> str:
    manifest, prefix = result.manifest, result.mark.prompt_hash_prefix
    fits = result.verdict != "conflicting" and _counts(manifest)
    digest = manifest.prompt_hash if fits else None
    # Over another video's credentials the mark's own prefix is what belongs to these pictures.
    if digest and (prefix is None or digest.rpartition(":")[2].startswith(prefix)):
        return printable(digest)
    if prefix:
        # The mark does not say which of the two digests it was cut from.
        return f"(hmac-)sha256:{prefix}… (prefix)"
    return "none" if result.mark.content_id else "unknown"


def tampered(result: Result) -> str:
    if result.tampered is None:
        looked = _state(result, "time_coverage") == "failed"
        return "not determined" if looked else "not checked"
    return "Yes" if result.tampered else "No"


def _grounds(result: Result) -> list[str]:
    lines = [f"Verdict: {result.verdict}", *(f"  - {reason}" for reason in result.reasons)]
    if result.error is not None:
        lines.append(f"Error: {printable(result.error.message)} [{result.error.code}]")
        if result.error.hint:
            lines.append(f"  hint: {printable(result.error.hint)}")
    mark = result.mark
    if mark.detected and mark.content_id is None:
        lines.append(f"Presence: under key {mark.key}, by chance with p = {mark.presence_p:.1e}")
    elif mark.detected:
        lines.append(f"Authenticated: {_authenticated(mark)}")
        lines.append(f"Content id: {mark.content_id}")
        if mark.recognised_among:
            lines.append(f"Too faint to be read: {recognised(mark)}")
        lines += [_clock(run) for run in mark.clock]
    lines += _sound(result)
    lines.append(f"Credentials: {_credentials(result.manifest)}")
    lines += _ingredients(result.manifest)
    if result.modified:
        lines.append(f"Modified: {', '.join(result.modified)} (ordinary handling, not tampering)")
    for sign in result.tampering:
        when = "" if sign.start_s is None or sign.end_s is None else span(sign.start_s, sign.end_s)
        lines.append(f"Tampering: {sign.kind}{when and f' at {when}'}: {sign.detail}")
    lines += _quality(result)
    if result.decision is not None:
        lines.append(_decision(result.decision))
    open_checks = [check for check in result.checks if check.state != "done"]
    if open_checks:
        lines.append("Not checked:")
        lines += [f"  - {check.name}: {printable(check.detail)}" for check in open_checks]
    return lines


def _quality(result: Result) -> list[str]:
    """What is wrong with the quality, which says nothing of who made the file."""
    if result.quality is None:
        return []
    if not result.quality.findings:
        return ["Quality: nothing found"]
    return [
        f"Quality: {one.kind}"
        + (
            ""
            if one.start_s is None or one.end_s is None
            else f" at {span(one.start_s, one.end_s)}"
        )
        + f": {one.detail}"
        for one in result.quality.findings
    ]


def _decision(decision: Decision) -> str:
    rule = "" if decision.rule is None else f", rule {decision.rule}"
    policy = f"{decision.policy_name} {decision.policy_version}".strip()
    return printable(f"Policy: {decision.action}: {decision.reason} ({policy}{rule})")


def _sound(result: Result) -> list[str]:
    """One line on a mark in the sound; nothing where none was sought."""
    facts = result.audio_watermark
    if facts is None:
        return []
    if not facts.detected:
        return ["Sound: no watermark was found in it"]
    if facts.content_id is None:
        p = facts.presence_p or 0.0
        return [f"Sound: a watermark is present under key {facts.key}, by chance with p = {p:.1e}"]
    offset = result.audio_offset_ms
    beside = "" if offset is None else f", {offset} ms later than its pictures"
    sure = percent(facts.confidence or 0.0)
    return [f"Sound: watermark {facts.content_id} of {facts.model_name}, {sure} sure{beside}"]


def _clock(run: ClockFacts) -> str:
    end_s = run.original_start_s + run.speed * (run.end_s - run.start_s)
    speed = "" if abs(run.speed - 1) < SPEED_TOLERANCE else f" at {run.speed:.2f} times the speed"
    original = span(run.original_start_s, end_s)
    return f"Clock: {span(run.start_s, run.end_s)} shows {original} of the original{speed}"


def _authenticated(mark: WatermarkFacts) -> str:
    if mark.authenticated and mark.key == DEFAULT_CARRIER_KEY.name:
        return f"yes (credentials of a trusted signer name it, under published key {mark.key})"
    if mark.authenticated:
        return f"yes (private key {mark.key})"
    return f"no (published key {mark.key}: anybody can place, copy or remove such a mark)"


def _credentials(manifest: ManifestFacts) -> str:
    if not manifest.present:
        unread = manifest.error
        return f"could not be read: {printable(unread)}" if unread else "none"
    origin = {
        "embedded": "in the file",
        "sidecar": "beside the file",
        "recovered": "recovered from the store (the file carries none)",
        "remote": "fetched from the address that the file names",
    }[manifest.source or "embedded"]
    by = f" by {printable(manifest.issuer)}" if manifest.issuer else ""
    state = {
        "trusted": f"trusted, signed{by}",
        "valid": f"intact, signed{by}, whom nobody here vouches for",
        "invalid": "do not verify",
        None: "not verified",
    }[manifest.state]
    maker = f", made with {printable(manifest.claim_generator)}" if manifest.claim_generator else ""
    codes = f" ({', '.join(map(printable, manifest.codes))})" if manifest.state == "invalid" else ""
    return f"{origin}; {state}{codes}{maker}"


def _ingredients(manifest: ManifestFacts) -> list[str]:
    """A line on each ingredient that something is wrong with: a bad parent can have a good child"""
    wrong = [one for one in manifest.ingredients if one.codes]
    lines = [
        f"Ingredient: {one.relationship}, its credentials: {', '.join(map(printable, one.codes))}"
        for one in wrong[:_MOST_INGREDIENTS]
    ]
    if len(wrong) > len(lines):
        lines.append(f"Ingredient: and {len(wrong) - len(lines)} more")
    return lines


def _counts(manifest: ManifestFacts) -> bool:
    return manifest.present and manifest.state in {"valid", "trusted"}


def _state(result: Result, name: str) -> str | None:
    return next((check.state for check in result.checks if check.name == name), None)
