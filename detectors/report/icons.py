"""Small drawings that say by shape what colour says too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.report.markup import tag, text

if TYPE_CHECKING:
    from detectors.report.markup import Markup

_VERDICTS = {
    "ai_generated": "M12 2.5l2.3 6.2a2 2 0 0 0 1.2 1.2l6 2.1-6 2.1a2 2 0 0 0-1.2 1.2L12 21.5"
    "l-2.3-6.2a2 2 0 0 0-1.2-1.2l-6-2.1 6-2.1a2 2 0 0 0 1.2-1.2z",
    "ai_edited": "M14.5 4.5l5 5L8 21H3v-5zM12 7l5 5M6 2v5M3.5 4.5h5",
    "no_evidence": "M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 1 0 0-19M7.5 12h9",
    "conflicting": "M3 8h15l-4-4M21 16H6l4 4",
    "unreadable": "M6 2.5h8l5 5v14H6zM14 2.5v5h5M9.5 12l5 5M14.5 12l-5 5",
}
_STATES = {
    "done": "M3 8.5l3.5 3.5L13 4.5",
    "skipped": "M3.5 8h9",
    "failed": "M8 2.5v7M8 12.5v1",
}


def verdict_icon(name: str) -> Markup:
    return _icon(_VERDICTS[name], 24)


def state_icon(name: str) -> Markup:
    return _icon(_STATES[name], 16)


def _icon(path: str, side: int) -> Markup:
    return tag(
        "svg",
        tag("path", d=path),
        viewBox=f"0 0 {side} {side}",
        fill="none",
        stroke="currentColor",
        stroke_width=2,
        stroke_linecap="round",
        stroke_linejoin="round",
        aria_hidden="true",
        focusable="false",
    )


def swatch(kind: str) -> Markup:
    """A sample of a lane's look for a legend."""
    return tag("svg", *bar(kind, 0, 100), aria_hidden="true", focusable="false")


def bar(kind: str, start: float, width: float, label: str = "") -> list[Markup]:
    """A stretch of a lane, ``start`` and ``width`` in percent: a colour and, but for what was
    found whole, a pattern.
    """
    place = {"x": f"{start:.3f}%", "width": f"{width:.3f}%", "height": "100%"}
    title = (tag("title", text(label)),) if label else ()
    found = [tag("rect", *title, **place, class_=f"s-{kind}")]
    pattern = {"unmarked": "hatch", "unclear": "dots", "bad": "hatch"}.get(kind)
    if pattern:
        found.append(tag("rect", **place, fill=f"url(#{pattern})", pointer_events="none"))
    return found


PATTERNS = tag(
    "svg",
    tag(
        "defs",
        tag(
            "pattern",
            tag("path", d="M-2 2L2-2M0 8L8 0M6 10L10 6", class_="h-line"),
            id="hatch",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
        ),
        tag(
            "pattern",
            tag("circle", cx=4, cy=4, r=1.6, class_="h-dot"),
            id="dots",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
        ),
    ),
    width=0,
    height=0,
    class_="patterns",
    aria_hidden="true",
    focusable="false",
)
"""Once a page: what bars refer to."""
