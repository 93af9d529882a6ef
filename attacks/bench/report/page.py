"""``report.html``: a page that needs nothing else, no network and no script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.bench.report.curves import legend, panels
from attacks.bench.report.gallery import gallery
from attacks.bench.report.heat import detail_table, heat_table
from attacks.bench.report.markup import Markup, empty, number, section, table, tag, text
from attacks.bench.report.plane import plane
from attacks.bench.report.style import STYLE
from attacks.bench.results import Cell

if TYPE_CHECKING:
    from pathlib import Path

    from attacks.bench.report.facts import RunFacts
    from attacks.bench.report.summary import Control, Part, Summary

_QUALITY = (
    # field, header, digits, factor, media
    ("psnr_db", "PSNR dB", 1, 1, "video"),
    ("worst_block_psnr_db", "worst block dB", 1, 1, "video"),
    ("ssim", "SSIM", 4, 1, "video"),
    ("ms_ssim", "MS-SSIM", 4, 1, "video"),
    ("vmaf", "VMAF", 1, 1, "video"),
    ("vmaf_neg", "VMAF-NEG", 1, 1, "video"),
    ("vmaf_neg_p1", "VMAF-NEG p1", 1, 1, "video"),
    ("flicker", "flicker, levels", 2, 1, "video"),
    ("snr_db", "SNR dB", 1, 1, "audio"),
    ("overhead", "overhead %", 1, 100, "video audio"),
)
_MANY = 500
"""Cells without a result that the page lists; the rest is in the table beside it."""


def to_html(summary: Summary, facts: RunFacts, folder: Path) -> Markup:
    """The whole page; ``folder`` is the run's, where the thumbnails are."""
    title = f"Watermark robustness: {facts.suite}"
    body = [tag("h1", text(title)), _headline(summary, facts)]
    links: dict[str, list[tuple[str, str]]] = {}
    for part in summary.parts:
        several = len(summary.parts) > 1
        for anchor, heading, content in _sections(part):
            anchor_id = f"{part.medium}-{anchor}"
            named = f"{heading} ({part.medium})" if several else heading
            body.append(section(named, content, anchor=anchor_id))
            links.setdefault(part.medium, []).append((anchor_id, heading))
    if not summary.parts:
        body.append(tag("p", "This run has no results."))
    pictures = gallery(summary.cells, folder)
    if pictures:
        body.append(section("Attacked frames", pictures, anchor="frames"))
        links.setdefault("more", []).append(("frames", "Attacked frames"))
    body.append(section("Without a result", _without_result(summary, facts), anchor="left"))
    links.setdefault("more", []).append(("left", "Without a result"))
    nav = tag(
        "nav",
        *(
            tag("p", tag("b", text(group)), *(tag("a", text(n), href=f"#{a}") for a, n in those))
            for group, those in links.items()
        ),
        aria_label="Sections",
    )
    body.insert(2, nav)
    return document(title, body)


def document(title: str, body: list[Markup]) -> Markup:
    head = [
        empty("meta", charset="utf-8"),
        empty("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", text(title)),
        tag("style", STYLE),
    ]
    main = tag("body", tag("main", *body))
    return "<!doctype html>\n" + tag("html", tag("head", *head), main, lang="en") + "\n"


def _headline(summary: Summary, facts: RunFacts) -> Markup:
    figures = {
        "clips": len(summary.clips),
        "systems": len(summary.systems),
        "cells done": summary.done,
        "skipped": summary.skipped,
        "failed": summary.failed,
    }
    boxes = [
        tag("div", tag("dt", text(name)), tag("dd", f"{value:,}"))
        for name, value in figures.items()
    ]
    said = ["All of each clip" if facts.seconds is None else f"{facts.seconds:g} s of each clip"]
    said += [
        f"{name.replace('_', ' ')} {value}"
        for name, value in facts.settings.items()
        if value is not None
    ]
    said += [f"{facts.cpus} processors"] if facts.cpus else []
    said += [f"started {facts.started:%Y-%m-%d %H:%M %Z}".rstrip()] if facts.started else []
    said += [f"{name} {version}" for name, version in facts.versions.items()]
    lines = [
        tag("dl", *boxes, class_="facts"),
        tag("p", text("; ".join(said) + "."), class_="soft"),
    ]
    if summary.clips:
        names = tag("p", text(", ".join(summary.clips)))
        lines.append(tag("details", tag("summary", "The clips"), names))
    lines.append(
        tag(
            "p",
            "Intervals hold 95 %: Wilson’s for shares, Clopper and Pearson’s one-sided upper bound"
            " for what should not happen. They take cells as independent; cells of the same clip"
            " are less than that.",
            class_="soft",
        )
    )
    return "".join(lines)


def _sections(part: Part) -> list[tuple[str, str, Markup]]:
    names = legend([system.name for system in part.systems])
    heat = heat_table(part, "recovered", "Messages recovered, every bit right, over all strengths")
    found = [("systems", "Systems", _systems(part)), ("attacks", "Recovery by attack", heat)]
    if any(len(row.steps) > 1 for row in part.attacks):
        intro = tag(
            "p",
            "Messages recovered, in %, at each strength in the order of the attack’s ladder; bands"
            " are 95 % intervals. Attacks with one strength are in the table above.",
        )
        curves = intro + names + panels(part, "recovered")
        if any(tally.bit_cells for row in part.attacks for tally in row.tallies):
            bits = tag("p", "Bits right, in %, mean over cells; 50 is chance.")
            curves += tag("h3", "Bit accuracy") + bits + names + panels(part, "bit_accuracy")
        found.append(("curves", "Recovery against strength", curves))
    said = tag("p", "Towards the top right is better. Bars are 95 % intervals over all attacks.")
    found.append(("plane", "Quality and robustness", said + plane(part)))
    found.append(("false", "False positives and forgeries", _controls(part)))
    if any(system.marked.present.trials for system in part.systems):
        table_ = heat_table(part, "present", "The system says that a mark is there")
        found.append(("presence", "Presence", table_))
    if part.duels:
        found.append(("pairs", "System against system", _duels(part)))
    details = tag("details", tag("summary", "Show every strength"), detail_table(part))
    found.append(("details", "All numbers", details))
    return found


def _systems(part: Part) -> Markup:
    # A column in which nobody has a number says nothing.
    columns = [
        column
        for column in _QUALITY
        if part.medium in column[4].split()
        and any(system.quality[column[0]] is not None for system in part.systems)
    ]
    read, costs = [], []
    for system in part.systems:
        head = tag("th", text(system.name), scope="row")
        values = [
            number(system.message_bits, 0),
            number(system.clips, 0),
            number(system.frames, 0),
            system.marked.recovered.text,
            number(system.marked.seconds_needed),
            number(system.quality["marked_per_s"], 2),
        ]
        read.append(tag("tr", head, *(tag("td", value) for value in values)))
        measured = []
        for field, _, digits, factor, _ in columns:
            value = system.quality[field]
            measured.append(number(None if value is None else value * factor, digits))
        costs.append(tag("tr", head, *(tag("td", value) for value in measured)))
    speed = "marked frames/s" if part.medium == "video" else "marked seconds/s"
    seen = "frames seen" if part.medium == "video" else "samples seen"
    heads = ["system", "message bits", "clips", seen, "recovered", "seconds needed", speed]
    tables = table("What came back, over all attacks and strengths", heads, read)
    if columns:
        heads = ["system", *(column[1] for column in columns)]
        tables += table("What marking costs: medians over the clips, before encoding", heads, costs)
    return tables


def _controls(part: Part) -> Markup:
    def row(name: str, control: Control) -> Markup:
        values = [control.message.bounded, _claimed(control)]
        head = tag("th", text(name), scope="row") + _left(control.system)
        return tag("tr", head, *(tag("td", value) for value in values))

    rows = []
    for system in part.systems:
        rows.append(row("unmarked clip", system.unmarked))
        rows.append(row("wrong key", system.wrong_key))
    heads = ["what was read", "system", "message read", "mark claimed"]
    tables = table("False positives, with the 95 % upper bound of their rate", heads, rows)
    if part.forgeries:
        heads[0] = "forgery"
        forged = [row(control.attack, control) for control in part.forgeries]
        tables += table("The forger’s success: a clip never marked by its maker", heads, forged)
    return tables


def _claimed(control: Control) -> Markup:
    silent = control.message.trials and not control.presence.trials
    return "makes no claim" if silent else control.presence.bounded


def _duels(part: Part) -> Markup:
    rows = []
    for duel in part.duels:
        pairing = duel.pairing
        values = [pairing.both, pairing.first_only, pairing.second_only, pairing.neither]
        cells = [tag("td", f"{value:,}") for value in values]
        head = tag("th", text(duel.first), scope="row")
        p = tag("td", probability(pairing.p))
        rows.append(tag("tr", head, tag("td", text(duel.second), class_="left"), *cells, p))
    heads = ["first", "second", "both", "first only", "second only", "neither", "p (McNemar)"]
    return table("The same attacks on the same clips: who recovered the message", heads, rows)


def probability(p: float) -> Markup:
    return "&lt; 0.0001" if p < 0.0001 else f"{p:.2g}"


def _without_result(summary: Summary, facts: RunFacts) -> Markup:
    rows = [
        tag(
            "tr",
            tag("th", text(name), scope="row"),
            *[tag("td", "–")] * 2,
            _left("left out"),
            _left(why),
        )
        for name, why in facts.left_out.items()
    ]
    items = summary.without_result
    for item in items[:_MANY]:
        what = f"{item.attack} {item.strength:g}" if isinstance(item, Cell) else "marking"
        head = tag("th", text(item.clip), scope="row")
        cells = [_left(value) for value in (item.system, what, item.status, item.detail)]
        rows.append(tag("tr", head, *cells))
    if not rows:
        return tag("p", "Nothing was left out, skipped or failed.")
    more = len(items) - _MANY
    note = tag("p", f"… and {more:,} more, in results.csv.") if more > 0 else ""
    heads = ["clip or system", "system", "what", "status", "reason"]
    return table("Left out, skipped and failed", heads, rows, class_="leftmost") + note


def _left(value: str) -> Markup:
    return tag("td", text(value), class_="left")
