"""The timeline: pictures, marks, findings and quality, one lane each, on one axis of seconds.

Everything is placed in percent of the width and nothing by styles: it fits a phone, and a page
whose policy allows no inline style.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from detectors.report.icons import bar, swatch
from detectors.report.markup import Markup, table, tag, text
from detectors.report.words import QUALITY, SEGMENTS, TAMPERING, clock, named, when

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.result import Result, Shot, WatermarkFacts

_STRIP_PX, _LANE_PX, _SHOTS = 72, 22, 8
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_TICKS = 6
_NO_MARK = "no mark found"
_THINNEST = 0.4  # percent: what is shorter would not be seen


def timeline(result: Result) -> Markup:
    """The figure with its legend and, for those who cannot see it, its table; nothing where the
    file has no length.
    """
    length_s = length(result)
    if not length_s or (result.file.width and result.file.fps is None):  # a single picture
        return ""
    lanes: list[tuple[str, Markup]] = []
    if result.storyboard:
        lanes.append(("Pictures", _strip(result.storyboard, length_s)))
    rows = [*_mark_rows("Mark in the pictures", result.watermark)]
    if result.watermark.detected or result.file.width:
        lanes.append(("Mark in the pictures", _marks(result.watermark, "marked", length_s)))
    if result.audio_watermark is not None:
        rows += _mark_rows("Mark in the sound", result.audio_watermark)
        lanes.append(("Mark in the sound", _marks(result.audio_watermark, "sound", length_s)))
    placed = [
        (number, sign)
        for number, sign in enumerate(result.tampering, 1)
        if sign.start_s is not None
    ]
    if placed:
        spans = [
            (sign.start_s or 0.0, sign.end_s, named(TAMPERING, sign.kind), str(number))
            for number, sign in placed
        ]
        lanes.append(("Signs of tampering", _spans(spans, "bad", length_s)))
        rows += [("Sign of tampering", when(start, end), what) for start, end, what, _ in spans]
    flaws = [
        one
        for one in (result.quality.findings if result.quality else ())
        if one.start_s is not None
    ]
    if flaws:
        spans = [(one.start_s or 0.0, one.end_s, named(QUALITY, one.kind), "") for one in flaws]
        lanes.append(("Quality", _spans(spans, "quality", length_s)))
        rows += [("Quality", when(start, end), what) for start, end, what, _ in spans]
    cells = [
        part for name, lane in lanes for part in (tag("span", text(name), aria_hidden="true"), lane)
    ]
    grid = tag("div", *cells, tag("span"), _axis(length_s), class_="lanes")
    return tag("figure", grid, _legend(result, tampered=bool(placed)), _as_table(rows))


def length(result: Result) -> float:
    """Seconds of the file: declared, else as far as anything was seen or heard in it."""
    if result.file.duration_s:
        return result.file.duration_s
    marks = [mark for mark in (result.watermark, result.audio_watermark) if mark is not None]
    ends = [part.end_s for mark in marks for part in mark.segments]
    return max([*ends, *(mark.seconds_used for mark in marks)], default=0.0)


def data_uri(shot: Shot) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(shot.jpeg).decode()


def _strip(shots: tuple[Shot, ...], length_s: float) -> Markup:
    count = min(_SHOTS, len(shots))
    pictures = []
    for index in range(count):
        middle_s = (index + 0.5) * length_s / count
        shot = min(shots, key=lambda one: abs(one.time_s - middle_s))
        pictures.append(
            tag(
                "image",
                href=data_uri(shot),
                x=f"{100 * index / count:.3f}%",
                width=f"{100 / count:.3f}%",
                height="100%",
                preserveAspectRatio="xMidYMid slice",
            )
        )
    label = f"{count} pictures out of the video, evenly spaced"
    return tag("svg", *pictures, class_="strip", height=_STRIP_PX, role="img", aria_label=label)


def _marks(mark: WatermarkFacts, colour: str, length_s: float) -> Markup:
    parts: list[Markup] = []
    said = []
    for segment in mark.segments:
        label = f"{when(segment.start_s, segment.end_s)}: {SEGMENTS[segment.state]}"
        kind = colour if segment.state == "marked" else segment.state
        parts += bar(kind, *_place(segment.start_s, segment.end_s, length_s), label)
        said.append(label)
    if mark.detected and not mark.segments:
        parts += bar("unclear", 0, 100, "found in the whole, not followed through time")
        said.append("found in the whole, not followed through time")
    if not parts:
        parts.append(tag("text", _NO_MARK, x=10, y=_LANE_PX / 2, dy="0.36em", class_="note"))
    return _lane(parts, "; ".join(said) or _NO_MARK)


def _spans(
    spans: Iterable[tuple[float, float | None, str, str]], kind: str, length_s: float
) -> Markup:
    """Stretches that overlap lie in rows of their own."""
    rows: list[float] = []
    parts: list[Markup] = []
    said = []
    for start_s, end_s, what, number in spans:
        label = f"{number} {when(start_s, end_s)}: {what}".strip()
        start, width = _place(start_s, start_s if end_s is None else end_s, length_s)
        row = next((n for n, busy in enumerate(rows) if busy < start), len(rows))
        rows[row : row + 1] = [start + width]
        drawn = bar(kind, start, width, label)
        said.append(label)
        if number:
            middle = f"{min(max(start + width / 2, 1.5), 98.5):.3f}%"
            drawn.append(tag("circle", cx=middle, cy=_LANE_PX / 2, r=9, class_="badge"))
            place = {"x": middle, "y": _LANE_PX / 2, "dy": "0.36em"}
            drawn.append(tag("text", number, **place, text_anchor="middle"))
        parts.append(tag("svg", *drawn, y=row * (_LANE_PX + 4), height=_LANE_PX))
    return _lane(parts, "; ".join(said), rows=len(rows))


def _lane(parts: Iterable[Markup], label: str, *, rows: int = 1) -> Markup:
    height = rows * (_LANE_PX + 4) - 4
    return tag("svg", *parts, class_="lane", height=height, role="img", aria_label=label)


def _place(start_s: float, end_s: float, length_s: float) -> tuple[float, float]:
    """Start and width in percent."""
    start = min(max(100 * start_s / length_s, 0.0), 100 - _THINNEST)
    return start, max(min(100 * end_s / length_s, 100.0) - start, _THINNEST)


def _axis(length_s: float) -> Markup:
    step = next((step for step in _STEPS if length_s / step <= _MOST_TICKS), length_s / _MOST_TICKS)
    marks = []
    count = int(length_s / step + 1e-6)
    for index in range(count + 1):
        x = 100 * index * step / length_s
        anchor = "start" if index == 0 else "end" if x > 96 else "middle"
        place = f"{x:.3f}%"
        marks.append(tag("line", x1=place, x2=place, y1=0, y2=5, class_="tick"))
        marks.append(tag("text", clock(index * step), x=place, y=18, text_anchor=anchor))
    return tag("svg", *marks, class_="axis", height=22, aria_hidden="true")


def _legend(result: Result, *, tampered: bool) -> Markup:
    states = {part.state for part in result.watermark.segments}
    if result.watermark.detected and not result.watermark.segments:
        states.add("unclear")
    items = [("marked", "mark found")] if "marked" in states else []
    if result.audio_watermark is not None and result.audio_watermark.detected:
        items.append(("sound", "mark found in the sound"))
        states |= {part.state for part in result.audio_watermark.segments}
    items += [(state, SEGMENTS[state]) for state in ("unmarked", "unclear") if state in states]
    if tampered:
        items.append(("bad", "sign of tampering"))
    entries = (tag("li", swatch(kind), text(words)) for kind, words in items)
    return tag("ul", *entries, class_="legend") if items else ""


def _mark_rows(name: str, mark: WatermarkFacts) -> list[tuple[str, str, str]]:
    if not mark.segments:
        return [(name, "whole file", "found" if mark.detected else "not found")]
    return [(name, when(part.start_s, part.end_s), SEGMENTS[part.state]) for part in mark.segments]


def _as_table(rows: list[tuple[str, str, str]]) -> Markup:
    lines = [
        tag(
            "tr",
            tag("th", text(name), scope="row"),
            tag("td", text(time), class_="n"),
            tag("td", text(what)),
        )
        for name, time, what in rows
    ]
    shown = table("The timeline in words", ["what", "when", "found"], lines)
    return tag("details", tag("summary", "Timeline as a table"), shown)
