"""The parts of one file's report that are words and numbers: verdict, marks, checks, quality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.report import text as plain
from detectors.report.icons import state_icon, verdict_icon
from detectors.report.markup import Markup, table, tag, text
from detectors.report.words import (
    ACTION_WORDS,
    CHECKS,
    MODIFIED,
    QUALITY,
    VERDICT_MEANS,
    VERDICTS,
    named,
    odds,
    when,
)
from provenance.keys import DEFAULT_CARRIER_KEY

if TYPE_CHECKING:
    from detectors.result import Check, Result, WatermarkFacts

_STATE = {
    "done": ("good", "Checked"),
    "skipped": ("none", "Not checked"),
    "failed": ("conflict", "Could not tell"),
}
_ACTION_TONES = {"allow": "good", "label": "ai", "review": "conflict", "block": "bad"}


def verdict(result: Result, heading: str) -> Markup:
    """What the file is, why, and the five facts that a report as text begins with."""
    reasons = (tag("li", text(_sentence(reason))) for reason in result.reasons)
    changed = tag("span", "Tampered with", class_="tag bad") if result.tampered else ""
    parts = [
        tag(
            heading, verdict_icon(result.verdict), VERDICTS[result.verdict], changed, class_="name"
        ),
        tag("p", VERDICT_MEANS[result.verdict], class_="means"),
        tag("ul", *reasons),
    ]
    if result.error is not None:
        said = f"{result.error.message} [{result.error.code}]"
        parts.append(tag("p", tag("b", "Problem: ", class_="bad"), text(said)))
        if result.error.hint:
            parts.append(tag("p", text(_sentence(result.error.hint)), class_="soft"))
    if result.verdict != "unreadable":
        parts.append(_facts(result))
    if result.modified:
        handled = ", ".join(named(MODIFIED, name).lower() for name in result.modified)
        said = f"Ordinary handling, which is not tampering: {handled}."
        parts.append(tag("p", text(said), class_="soft"))
    if result.decision is not None:
        parts.append(_decision(result))
    return tag("section", *parts, class_=f"card verdict {result.verdict}")


def _facts(result: Result) -> Markup:
    mark = result.mark
    model, date = plain.detected(result), plain.generation_date(result)
    tone = {True: "bad", False: "good", None: "none"}[result.tampered]
    signs = len(result.tampering)
    beside = {
        True: f"{signs} sign{'' if signs == 1 else 's'}, see below",
        False: "as far as it was checked",
        None: "which is not the same as no",
    }[result.tampered]
    chance = odds(mark.false_positive_bound)
    entries = [
        ("Watermark", text(model), "in the sound" if mark is not result.watermark else ""),
        ("Confidence", text(plain.confidence(mark)), f"by chance {chance}" if chance else ""),
        ("Generated", text(date[0]), date[1]),
        ("Tampered", tag("span", text(plain.tampered(result)), class_=tone), beside),
        ("Prompt hash", tag("span", text(_short(plain.prompt_hash(result))), class_="mono"), ""),
    ]
    boxes = (
        tag(
            "div",
            tag("dt", name),
            tag("dd", value, tag("small", text(small)) if small else ""),
            class_="wide" if name == "Prompt hash" else None,
        )
        for name, value, small in entries
    )
    return tag("dl", *boxes, class_="facts")


def _short(digest: str) -> str:
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm}:{digits[:10]}…" if len(digits) > 16 else digest


def _decision(result: Result) -> Markup:
    decision = result.decision
    assert decision is not None
    action = tag(
        "span", ACTION_WORDS[decision.action], class_=f"tag {_ACTION_TONES[decision.action]}"
    )
    rule = "" if decision.rule is None else f", rule {decision.rule}"
    policy = f"policy {decision.policy_name} {decision.policy_version}".rstrip() + rule
    return tag("p", action, f" {text(decision.reason)} ", tag("small", text(f"({policy})")))


def marks(result: Result, heading: str) -> Markup:
    """What each mark says, side by side."""
    found = [("In the pictures", result.watermark)] if result.file.width else []
    if result.audio_watermark is not None:
        found.append(("In the sound", result.audio_watermark))
    columns = (tag("div", tag(heading, name), _mark(mark)) for name, mark in found)
    return tag("div", *columns, class_="two")


def _mark(mark: WatermarkFacts) -> Markup:
    looked = f"{mark.frames_used:,} frames, " if mark.frames_used else ""
    used = f"{looked}{mark.seconds_used:.1f} s looked at"
    if not mark.detected:
        return tag("p", text(f"None found ({used})."), class_="soft")
    bound = mark.false_positive_bound if mark.content_id else mark.presence_p
    entries = [
        ("Model", mark.model_name),
        (
            "Says",
            mark.source
            and {"captured": "captured by a camera"}.get(mark.source, f"{mark.source} by AI"),
        ),
        ("Date", mark.date and f"{mark.date} (approximate)"),
        ("Content id", mark.content_id),
        ("Key", mark.key),
        ("Vouched for by", _voucher(mark)),
        ("Too faint to be read", plain.recognised(mark) if mark.recognised_among else None),
        ("False alarm at most", None if bound is None else f"{odds(bound)} ({bound:.1e})"),
        ("Evidence", used),
    ]
    geometry = mark.geometry
    if geometry is not None:
        turned = f", turned by {geometry.rotation_deg:g}°" if geometry.rotation_deg else ""
        mirrored = ", mirrored" if geometry.flipped else ""
        entries.append(("Lies on the original", f"{geometry.shown:.0%} shown{turned}{mirrored}"))
    return description(entries)


def _voucher(mark: WatermarkFacts) -> str:
    if not mark.authenticated:
        return "nobody: with the published key anybody can place, copy or remove such a mark"
    if mark.key == DEFAULT_CARRIER_KEY.name:
        return "a trusted signer, whose credentials name this mark and this content"
    return "the holders of a private key"


def description(entries: list[tuple[str, str | None]]) -> Markup:
    """A list of names and values, without those that are None or empty."""
    lines = (tag("dt", text(n)) + tag("dd", text(value)) for n, value in entries if value)
    return tag("dl", *lines, class_="list")


def checks(result: Result) -> Markup:
    """What was checked, with its bound where there is one, and what was not."""
    done = [check for check in result.checks if check.state == "done"]
    rest = [check for check in result.checks if check.state != "done"]
    parts = []
    if done:
        parts.append(_check_table("What was checked", done, result))
    if rest:
        parts.append(_check_table("What was not checked, and why", rest, result))
    return "".join(parts) or tag("p", "Nothing was checked.")


def _check_table(caption: str, those: list[Check], result: Result) -> Markup:
    rows = []
    for check in those:
        tone, word = _STATE[check.state]
        state = tag("span", state_icon(check.state), word, class_=f"state {tone}")
        detail = _sentence(check.detail)
        bound = _bound(check, result)
        rows.append(
            tag(
                "tr",
                tag("th", text(named(CHECKS, check.name)), scope="row"),
                tag("td", state),
                tag("td", text(detail + (f" {bound}" if bound else ""))),
            )
        )
    return table(caption, ["check", "state", "result"], rows, class_="stack")


def _bound(check: Check, result: Result) -> str:
    mark = {"watermark": result.watermark, "audio_watermark": result.audio_watermark}.get(
        check.name
    )
    if mark is None:
        return ""
    bound = (
        mark.false_positive_bound if mark.content_id else mark.presence_p if mark.detected else None
    )
    return "" if bound is None else f"Found by chance: at most {odds(bound)}."


def quality(result: Result) -> Markup:
    facts = result.quality
    if facts is None:
        return ""
    looked = ", ".join(QUALITY[kind].lower() for kind in facts.looked_for)
    if not facts.findings:
        return tag("p", text(f"Nothing was found. Looked for: {looked}."))
    rows = [
        tag(
            "tr",
            tag("th", text(QUALITY[one.kind]), scope="row"),
            tag("td", text(when(one.start_s, one.end_s)), class_="n"),
            tag("td", text(_sentence(one.detail))),
        )
        for one in facts.findings
    ]
    shown = table("Findings", ["what", "when", "detail"], rows, class_="stack")
    return shown + tag("p", text(f"Looked for: {looked}."), class_="soft")


def _sentence(words: str) -> str:
    """With a capital and a full stop."""
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?", "…")) else ".")
