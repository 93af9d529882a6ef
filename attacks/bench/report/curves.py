"""Small multiples: what comes back against the strength of an attack, a panel for each attack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attacks.bench.report.markup import Markup, tag, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attacks.bench.report.summary import AttackRow, Part, Tally

Measure = Literal["recovered", "bit_accuracy"]
LINES = 7
"""Colours that the style has; further systems begin again, told apart by their marker's title."""

_LEFT, _TOP, _WIDE, _HIGH = 34, 8, 200, 96
_DASHES = (None, "6 3", "2 2", "8 3 2 3", "4 2", "1 3", "10 4")


def legend(names: Sequence[str]) -> Markup:
    items = []
    for index, name in enumerate(names):
        sample = tag(
            "svg",
            _stroke("M2 8 L34 8", index),
            marker(18, 8, index, ""),
            width="36",
            height="16",
            aria_hidden="true",
        )
        items.append(tag("li", sample, text(name)))
    return tag("ul", *items, class_="legend")


def panels(part: Part, measure: Measure) -> Markup:
    """A figure for each attack that was tried at two strengths or more, in the ladder's order."""
    names = [system.name for system in part.systems]
    rows = [row for row in part.attacks if len(row.steps) > 1]
    figures = [_panel(row, names, measure) for row in rows]
    return tag("div", *figures, class_="panels")


def _panel(row: AttackRow, names: Sequence[str], measure: Measure) -> Markup:
    least = 0.0 if measure == "recovered" else min(0.5, *_values(row))
    drawing = [_axes(row, least)]
    spoken = []
    for index, name in enumerate(names):
        points = [
            (place, value, step.strength, step.tallies[index])
            for place, step in enumerate(row.steps)
            if (value := value_of(step.tallies[index], measure)) is not None
        ]
        if not points:
            continue
        count = len(row.steps)
        if measure == "recovered":
            drawing.append(_band([(place, tally) for place, _, _, tally in points], count, index))
        path = " L".join(f"{_x(p, count):.1f} {_y(v, least):.1f}" for p, v, _, _ in points)
        drawing.append(_stroke(f"M{path}", index))
        for place, value, strength, tally in points:
            said = told(tally, measure)
            title = f"{name}, {row.attack} {strength:g} {row.unit}: {said}"
            drawing.append(marker(_x(place, count), _y(value, least), index, title))
        spoken.append(name + " " + ", ".join(f"{100 * v:.0f} %" for _, v, _, _ in points))
    label = f"{row.attack} at {', '.join(f'{s.strength:g}' for s in row.steps)}: "
    drawing = [
        tag(
            "svg",
            *drawing,
            viewBox=f"0 0 {_LEFT + _WIDE + 10} {_TOP + _HIGH + 34}",
            role="img",
            aria_label=label + "; ".join(spoken),
        )
    ]
    caption = tag("figcaption", tag("b", text(row.attack)), " ", tag("small", text(row.family)))
    return tag("figure", caption, *drawing)


def _values(row: AttackRow) -> list[float]:
    found = [tally.bit_accuracy for step in row.steps for tally in step.tallies]
    return [0.5, *(value for value in found if value is not None)]


def value_of(tally: Tally, measure: Measure) -> float | None:
    return tally.recovered.share if measure == "recovered" else tally.bit_accuracy


def told(tally: Tally, measure: Measure) -> str:
    if measure == "recovered":
        return tally.recovered.text
    return f"{100 * (tally.bit_accuracy or 0):.1f} % of bits, n = {tally.bit_cells}"


def _x(place: int, count: int) -> float:
    return _LEFT + 12 + (_WIDE - 24) * place / (count - 1)


def _y(value: float, least: float) -> float:
    return _TOP + _HIGH * (1 - (value - least) / (1 - least))


def _axes(row: AttackRow, least: float) -> Markup:
    right = _LEFT + _WIDE
    lines = []
    for value in (least, (1 + least) / 2, 1.0):
        y = _y(value, least)
        lines.append(tag("path", d=f"M{_LEFT} {y:.1f} H{right}", class_="grid"))
        lines.append(
            tag("text", f"{100 * value:.0f}", x=_LEFT - 5, y=f"{y + 3.5:.1f}", text_anchor="end")
        )
    for place, step in enumerate(row.steps):
        x, y = _x(place, len(row.steps)), _TOP + _HIGH + 14
        label = text(f"{step.strength:g}")
        lines.append(tag("text", label, x=f"{x:.1f}", y=y, text_anchor="middle"))
    middle = _LEFT + _WIDE / 2
    unit = row.unit if len(row.unit) <= 34 else row.unit[:33] + "…"
    lines.append(
        tag("text", text(unit), x=middle, y=_TOP + _HIGH + 29, text_anchor="middle", class_="unit")
    )
    return "".join(lines)


def _band(points: Sequence[tuple[int, Tally]], count: int, index: int) -> Markup:
    """The Wilson intervals, as an area."""
    spans = [(_x(p, count), span) for p, t in points if (span := t.recovered.interval)]
    above = [f"{x:.1f} {_y(span.high, 0):.1f}" for x, span in spans]
    below = [f"{x:.1f} {_y(span.low, 0):.1f}" for x, span in reversed(spans)]
    return tag("path", d="M" + " L".join(above + below) + " Z", class_=f"band c{index % LINES}")


def _stroke(path: str, index: int) -> Markup:
    dash = _DASHES[index % LINES]
    return tag("path", d=path, class_=f"line c{index % LINES}", stroke_dasharray=dash)


def marker(x: float, y: float, index: int, title: str) -> Markup:
    """A shape of its own for each system, so that colour is not all that tells them apart."""
    shapes = (
        "M-3.5 0 a3.5 3.5 0 1 0 7 0 a3.5 3.5 0 1 0 -7 0 Z",
        "M-3.2 -3.2 H3.2 V3.2 H-3.2 Z",
        "M0 -4 L4 3 H-4 Z",
        "M0 -4.5 L4.5 0 L0 4.5 L-4.5 0 Z",
        "M0 4 L4 -3 H-4 Z",
        "M-4 -1.3 H-1.3 V-4 H1.3 V-1.3 H4 V1.3 H1.3 V4 H-1.3 V1.3 H-4 Z",
        "M-4 -2 H4 V2 H-4 Z",
    )
    said = tag("title", text(title)) if title else ""
    return tag(
        "path",
        said,
        d=shapes[index % LINES],
        class_=f"dot c{index % LINES}",
        transform=f"translate({x:.1f} {y:.1f})",
    )
