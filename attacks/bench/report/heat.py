"""Attacks × systems as a table whose cells are coloured by what came back."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Literal

from attacks.bench.report.markup import Markup, number, table, tag, text

if TYPE_CHECKING:
    from attacks.bench.report.count import Count
    from attacks.bench.report.summary import Part, Tally

_SCALE = ((247, 247, 242), (196, 216, 232), (107, 160, 200), (36, 99, 156), (8, 48, 96))
"""One hue from light to dark, in even steps of lightness: readable without seeing colour."""


def colour(share: float) -> tuple[str, str]:
    """(background, text): the text is the one of black and white with the greater contrast."""
    place = min(max(share, 0.0), 1.0) * (len(_SCALE) - 1)
    low = min(int(place), len(_SCALE) - 2)
    mix = place - low
    rgb = [round(a + (b - a) * mix) for a, b in zip(_SCALE[low], _SCALE[low + 1], strict=True)]
    linear = [(c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in rgb]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # WCAG 2.2: contrast with black is (L + 0.05) / 0.05, with white 1.05 / (L + 0.05).
    ink = "#000" if (light + 0.05) ** 2 > 0.0525 else "#fff"
    return "#{:02x}{:02x}{:02x}".format(*rgb), ink


def heat_table(part: Part, measure: Literal["recovered", "present"], caption: str) -> Markup:
    """Over all strengths of each attack."""

    def shown(tally: Tally, name: str) -> Markup:
        return _heat(getattr(tally, measure), tally, name)

    names = [system.name for system in part.systems]
    rows = []
    for family, attacks in groupby(part.attacks, key=lambda row: row.family):
        label = tag("th", text(family), colspan=len(names) + 1, scope="rowgroup", class_="family")
        rows.append(tag("tr", label))
        for row in attacks:
            head = tag("th", text(row.attack), scope="row")
            cells = [
                shown(tally, f"{name}, {row.attack}")
                for name, tally in zip(names, row.tallies, strict=True)
            ]
            rows.append(tag("tr", head, *cells))
    return table(caption, ["attack", *map(text, names)], rows, class_="heat")


def _heat(count: Count, tally: Tally, name: str) -> Markup:
    if count.share is None or count.interval is None:
        reason = "failed" if tally.failed else "skipped" if tally.skipped else "not tried"
        if tally.recovered.trials:
            reason = "no claim"
        return tag("td", tag("i", reason), class_="none", title=f"{name}: {reason}")
    back, ink = colour(count.share)
    span = f"{100 * count.interval.low:.0f}–{100 * count.interval.high:.0f} %"
    return tag(
        "td",
        tag("b", f"{100 * count.share:.0f} %"),
        tag("small", f"{count.successes}/{count.trials} · {span}"),
        style=f"background:{back};color:{ink}",
        title=f"{name}: {count.text}, 95 % interval",
    )


def detail_table(part: Part) -> Markup:
    """Every strength by itself."""
    rows = []
    for row in part.attacks:
        for step in row.steps:
            for system, tally in zip(part.systems, step.tallies, strict=True):
                bits = tally.bit_accuracy
                values = [
                    text(f"{step.strength:g} {row.unit}"),
                    text(system.name),
                    tally.recovered.text,
                    f"{tally.skipped + tally.failed:,}" if tally.skipped + tally.failed else "–",
                    "–" if bits is None else f"{100 * bits:.1f} %",
                    tally.present.text if tally.present.trials else "–",
                    number(tally.seconds_needed),
                ]
                rows.append(
                    tag(
                        "tr",
                        tag("th", text(row.attack), scope="row"),
                        *(tag("td", value) for value in values),
                    )
                )
    heads = [
        "attack",
        "strength",
        "system",
        "recovered",
        "no result",
        "bits right",
        "presence",
        "seconds needed",
    ]
    return table(
        "Every attack at every strength; seconds needed: median of the clip's seconds until the"
        " message was there, where it came back",
        heads,
        rows,
    )
