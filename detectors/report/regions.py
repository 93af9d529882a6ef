"""Signs of tampering, each with its words and, where it has a place in the picture, a heat map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from detectors.report.markup import Markup, tag, text
from detectors.report.timeline import data_uri
from detectors.report.words import TAMPERING, clock, named, when

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.result import Result, Shot, Tampering, TamperMap

_FAINTEST = 0.4  # a block that is missing less than this is not coloured: noise reaches there
_MOST_BLOCKS = 4000
_HOT = "#ff2f6d"


def findings(result: Result, heading: str) -> Markup:
    """All signs of tampering as a numbered list; nothing where there is none."""
    if not result.tampering:
        return ""
    items = [
        _finding(number, sign, result, heading) for number, sign in enumerate(result.tampering, 1)
    ]
    return tag("ol", *items, class_="findings")


def overview(result: Result) -> Markup:
    """Where the mark is in the picture, over all of the time; nothing without a map."""
    if result.tamper_map is None or not len(result.tamper_map.grid):
        return ""
    start_s, end_s = result.tamper_map.times_s[0], result.tamper_map.times_s[-1]
    return _figure(result, None, start_s, end_s)


def _finding(number: int, sign: Tampering, result: Result, heading: str) -> Markup:
    where = when(sign.start_s, sign.end_s)
    if sign.region is not None:
        x, y, width, height = sign.region
        where += f" · {width} × {height} pixels at ({x}, {y})"
    if sign.confidence is not None:
        where += f" · in fewer than {1 - sign.confidence:.2%} of untouched files"
    figure = ""
    if sign.region is not None:
        start_s = sign.start_s or 0.0
        end_s = (
            sign.end_s if sign.end_s is not None else max(result.file.duration_s or 0.0, start_s)
        )
        figure = _figure(result, sign.region, start_s, end_s)
    body = tag(
        "div",
        tag(heading, text(named(TAMPERING, sign.kind))),
        tag("p", text(where), class_="where"),
        tag("p", text(sign.detail)),
        figure,
    )
    return tag("li", tag("span", str(number), class_="num", aria_hidden="true"), body)


def _figure(
    result: Result, region: tuple[int, int, int, int] | None, start_s: float, end_s: float
) -> Markup:
    known = result.tamper_map
    width = known.width if known else result.file.width
    height = known.height if known else result.file.height
    if not width or not height:
        return ""
    shot = _nearest(result.storyboard, (start_s + end_s) / 2)
    parts: list[Markup] = []
    said = []
    if shot is not None:
        parts.append(
            tag(
                "image", href=data_uri(shot), width=width, height=height, preserveAspectRatio="none"
            )
        )
        said.append(f"The picture at {clock(shot.time_s)}")
    else:
        said.append("The frame, without its picture")
    cells = None if known is None else _missing(known, start_s, end_s)
    if cells is not None:
        blocks = _blocks(cells, width, height)
        parts += blocks
        missing = any(f'fill="{_HOT}"' in block for block in blocks)
        said.append("coloured where the mark is missing" if missing else "the mark missing nowhere")
        if len(blocks) and not np.isfinite(cells).all():
            said.append("dotted where that cannot be told")
    if region is not None:
        parts += _outline(region, max(width, height) / 300)
        said.append(f"the sign framed, {_position(region, width, height)}")
    caption = ", ".join(said) + "."
    picture = tag("svg", *parts, viewBox=f"0 0 {width} {height}", role="img", aria_label=caption)
    return tag("figure", picture, tag("figcaption", text(caption)), class_="map")


def _nearest(shots: tuple[Shot, ...], time_s: float) -> Shot | None:
    return min(shots, key=lambda one: abs(one.time_s - time_s), default=None)


def _missing(known: TamperMap, start_s: float, end_s: float) -> NDArray[np.float32] | None:
    """(h, w): how much is missing in each block from ``start_s`` to ``end_s``, on average."""
    edges = known.times_s
    stretches = [
        index
        for index in range(len(known.grid))
        if edges[index] < end_s and edges[index + 1] > start_s
    ]
    if not stretches:
        return None
    chosen = known.grid[stretches]
    told = np.isfinite(chosen)
    counts = told.sum(axis=0)
    sums = np.where(told, chosen, 0).sum(axis=0)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan).astype(np.float32)


def _blocks(cells: NDArray[np.float32], width: int, height: int) -> list[Markup]:
    rows, columns = cells.shape
    if rows * columns > _MOST_BLOCKS:
        return []
    tall, wide = height / rows, width / columns
    found = []
    for row in range(rows):
        for column in range(columns):
            missing = float(cells[row, column])
            untold = math.isnan(missing)
            if not untold and missing < _FAINTEST:
                continue
            found.append(
                tag(
                    "rect",
                    x=f"{column * wide:.1f}",
                    y=f"{row * tall:.1f}",
                    width=f"{wide + 0.5:.1f}",
                    height=f"{tall + 0.5:.1f}",
                    fill="url(#dots)" if untold else _HOT,
                    fill_opacity=0.45 if untold else f"{_opacity(missing):.2f}",
                )
            )
    return found


def _opacity(missing: float) -> float:
    return 0.25 + 0.55 * (min(missing, 1.0) - _FAINTEST) / (1 - _FAINTEST)


def _outline(region: tuple[int, int, int, int], stroke: float) -> list[Markup]:
    x, y, width, height = region
    frame = {"x": x, "y": y, "width": width, "height": height, "fill": "none"}
    # White on black: it shows on any picture.
    return [
        tag("rect", **frame, stroke="#000", stroke_width=f"{3 * stroke:.1f}"),
        tag("rect", **frame, stroke="#fff", stroke_width=f"{1.4 * stroke:.1f}"),
    ]


def _position(region: tuple[int, int, int, int], width: int, height: int) -> str:
    """``at the upper left``, ``at the top``…: where the middle of ``region`` is."""
    x, y, wide, tall = region
    across = ("left", "", "right")[min(2, max(0, int(3 * (x + wide / 2) / width)))]
    down = min(2, max(0, int(3 * (y + tall / 2) / height)))
    if not across:
        return ("at the top", "in the middle", "at the bottom")[down]
    return " ".join(("at the", *filter(None, (("upper", "", "lower")[down], across))))
