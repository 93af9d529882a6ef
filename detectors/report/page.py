"""A result, or many, as a page that needs nothing else: no network, no script, no other file.

Whatever comes out of a file (names, issuers, details) is escaped, and the page's own
Content-Security-Policy lets nothing load and nothing run should that ever fail.
"""

from __future__ import annotations

import html
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from detectors.report import text as plain
from detectors.report.credentials import credentials
from detectors.report.icons import PATTERNS
from detectors.report.markup import Markup, empty, table, tag, text
from detectors.report.panels import checks, description, marks, quality, verdict
from detectors.report.regions import findings, overview
from detectors.report.style import POLICY, STYLE
from detectors.report.timeline import timeline
from detectors.report.words import ACTION_WORDS, VERDICTS, clock, size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from detectors.result import FileFacts, Result

_ILLUSTRATED = 100
"""Reports with pictures on one page; those after them come without, so that it still opens."""
_FRAME_PX = 720


def to_html(results: Sequence[Result], *, now: datetime | None = None) -> Markup:
    """The page for ``results``, one or many; ``now`` is printed on it where it is given."""
    if len(results) == 1:
        (result,) = results
        title = f"{VERDICTS[result.verdict]}: {result.file.name}"
        return _document(title, _report(result, 1, "file"), now)
    shown = [illustrated(one, n) for n, one in enumerate(results)]
    body = _overview(shown) + "".join(
        _report(one, 2, f"file-{n}") for n, one in enumerate(shown, start=1)
    )
    return _document(f"Verification of {len(results)} files", body, now, class_="many")


def illustrated(result: Result, before: int) -> Result:
    """``result`` as it is shown after ``before`` others: from some number on without pictures."""
    return result if before < _ILLUSTRATED else replace(result, storyboard=(), tamper_map=None)


def to_article(result: Result, *, level: int = 2) -> Markup:
    """The report alone, for a page that has :data:`~detectors.report.style.STYLE` and headings down
    to ``level`` − 1 already.
    """
    return PATTERNS + _report(result, level, "file")


def to_frame(result: Result) -> Markup:
    """The page inside a frame for notebooks: neither's styles touch the other's."""
    title = text(f"Verification report of {result.file.name}")
    # Not by tag(): the page has line breaks, which text() takes for control characters.
    page = html.escape(to_html([result]), quote=True)
    look = f'width="100%" height="{_FRAME_PX}" style="border:1px solid #8884;border-radius:8px"'
    return f'<iframe title="{title}" sandbox="" {look} srcdoc="{page}"></iframe>'


def _document(title: str, body: Markup, now: datetime | None, class_: str | None = None) -> Markup:
    head = [
        empty("meta", charset="utf-8"),
        empty("meta", http_equiv="Content-Security-Policy", content=POLICY),
        empty("meta", name="viewport", content="width=device-width, initial-scale=1"),
        empty("meta", name="referrer", content="no-referrer"),
        tag("title", text(title)),
        tag("style", STYLE),
    ]
    made = now.strftime("%Y-%m-%d %H:%M %Z").strip() if now else ""
    top = tag(
        "header",
        tag(
            "div",
            tag("b", "everyframe"),
            tag("span", "Verification report"),
            tag("span", text(made)),
            class_="wrap",
        ),
        class_="top",
    )
    skip = tag("a", "Skip to the report", href="#main", class_="skip")
    foot = tag(
        "footer",
        tag("p", text(f"everyframe {version('everyframe')}. {_LIMITS}")),
        class_="wrap foot",
    )
    main = tag("main", body, id="main", class_="wrap")
    page = tag("body", skip, PATTERNS, top, main, foot, class_=class_)
    return "<!doctype html>\n" + tag("html", tag("head", *head), page, lang="en") + "\n"


_LIMITS = (
    "This report says what was found in the file. It never says that a file is real: a missing mark"
    " proves nothing, and no mark survives everything."
)


def _report(result: Result, level: int, anchor: str) -> Markup:
    """One file; its headings start at ``level``."""
    sub, below = f"h{level + 1}", f"h{level + 2}"
    name = tag("div", tag(f"h{level}", text(result.file.name)), _about(result.file), class_="file")
    parts = [name, verdict(result, sub)]
    through_time = timeline(result)
    if through_time:
        lead = "Where the marks are, second by second."
        parts.append(_card(sub, "Timeline", through_time, lead))
    signs = findings(result, below)
    if signs:
        lead = "Each with its time and place, and how sure it is where that is known. No cropping."
        parts.append(_card(sub, "Signs of tampering", signs, lead))
    over_picture = "" if any(sign.region for sign in result.tampering) else overview(result)
    if over_picture:
        lead = "The mark's presence over the area of the picture."
        parts.append(_card(sub, "Across the picture", over_picture, lead))
    if result.verdict != "unreadable":
        parts.append(_card(sub, "Watermark", marks(result, below)))
        lead = "Signed statements about where the file comes from (C2PA Content Credentials)."
        parts.append(_card(sub, "Credentials", credentials(result, below), lead))
    if result.checks:
        parts.append(_card(sub, "What was checked, and what was not", checks(result)))
    if result.quality is not None:
        lead = "How good pictures and sound are. This is no evidence of AI, or against it."
        parts.append(_card(sub, "Quality", quality(result), lead))
    parts.append(_card(sub, "The file", _file(result)))
    return tag("article", *parts, id=anchor, aria_label=result.file.name)


def _card(heading: str, title: str, content: Markup, lead: str = "") -> Markup:
    said = tag("p", text(lead), class_="lead") if lead else ""
    return tag("section", tag(heading, text(title)), said, content, class_="card")


def _about(file: FileFacts) -> Markup:
    facts = [
        file.container and file.container.upper(),
        f"{file.width} × {file.height}" if file.width else None,
        f"{file.fps:g} frames/s" if file.fps else None,
        clock(file.duration_s) if file.duration_s else None,
        {True: "with sound", False: "silent"}.get(file.has_audio)
        if file.has_audio is not None
        else None,
        size(file.bytes),
    ]
    return tag("p", text(" · ".join(fact for fact in facts if fact)))


def _file(result: Result) -> Markup:
    file = result.file
    took = result.timings_ms.get("total")
    return description(
        [
            ("Path", file.path),
            ("SHA-256", file.sha256),
            ("Bytes", None if file.bytes is None else f"{file.bytes:,}"),
            ("Prompt hash", plain.prompt_hash(result) if result.mark.detected else None),
            ("Checked in", None if took is None else f"{took / 1000:.1f} s"),
            ("Format of the result", result.schema),
        ]
    )


def _overview(results: Sequence[Result]) -> Markup:
    counts = {name: sum(one.verdict == name for one in results) for name in VERDICTS}
    boxes = [
        tag("div", tag("dt", VERDICTS[name]), tag("dd", f"{count:,}"))
        for name, count in counts.items()
        if count
    ]
    tampered = sum(one.tampered is True for one in results)
    boxes.append(tag("div", tag("dt", "Tampered"), tag("dd", f"{tampered:,}")))
    decided = any(one.decision is not None for one in results)
    rows = [_row(one, f"file-{n}", decided=decided) for n, one in enumerate(results, start=1)]
    heads = ["file", "verdict", "watermark", "tampered", *(["action"] if decided else [])]
    return tag("div", tag("h1", f"{len(results):,} files"), class_="file") + tag(
        "section",
        tag("dl", *boxes, class_="facts"),
        tag("p", ""),
        table("All files, in the order in which they were given", heads, rows, class_="stack"),
        class_="card",
        aria_label="Overview",
    )


_TONES = {
    "ai_generated": "ai",
    "ai_edited": "edited",
    "no_evidence": "none",
    "conflicting": "conflict",
    "unreadable": "bad",
}


def _row(result: Result, anchor: str, *, decided: bool) -> Markup:
    cells = [
        tag("span", VERDICTS[result.verdict], class_=f"tag {_TONES[result.verdict]}"),
        tag("span", "Watermark: ", class_="narrow") + text(plain.detected(result)),
        tag("span", "Tampered: ", class_="narrow")
        + tag("span", text(plain.tampered(result)), class_="bad" if result.tampered else None),
    ]
    if decided:
        action = ACTION_WORDS[result.decision.action] if result.decision else "–"
        cells.append(tag("span", "Action: ", class_="narrow") + action)
    link = tag("a", text(result.file.name), href=f"#{anchor}")
    return tag("tr", tag("th", link, scope="row"), *(tag("td", cell) for cell in cells))
