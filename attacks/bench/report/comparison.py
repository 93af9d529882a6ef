"""Two runs over the cells that both have: what changed, and whether that can be chance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bench.report.markup import Markup, table, tag, text
from attacks.bench.report.page import document, probability
from attacks.bench.report.record import plain, to_json
from attacks.bench.report.summary import QUALITY, Summary, outcomes, summarize
from attacks.bench.results import read_results
from attacks.bench.statistics import Pairing
from attacks.bench.statistics import compare as pair
from provenance.errors import InputMissing
from provenance.printable import printable

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "everyframe.bench-comparison/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A system under an attack, in an arm, in both runs; ``first`` is the older run."""

    system: str
    arm: str
    attack: str
    pairing: Pairing

    @property
    def changed(self) -> bool:
        return bool(self.pairing.first_only or self.pairing.second_only)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityChange:
    """A system's median over the clips of each run."""

    system: str
    measure: str
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``only_a``, ``only_b``: cells with an outcome that the other run has not."""

    run_a: str
    run_b: str
    shared: int
    only_a: int
    only_b: int
    changes: tuple[Change, ...]
    quality: tuple[QualityChange, ...]

    def to_text(self) -> str:
        names = f"{printable(self.run_a)} (A) and {printable(self.run_b)} (B)"
        left = (
            f"{self.shared:,} cells in both, {self.only_a:,} in A only, {self.only_b:,} in B only"
        )
        lines = [f"{names}: {left}"]
        changed = [change for change in self.changes if change.changed]
        for change in changed:
            lost, won = change.pairing.first_only, change.pairing.second_only
            where = printable(f"{change.system}, {change.attack}, {change.arm}")
            lines.append(
                f"  {where}: {lost} lost, {won} gained of {change.pairing.cells}"
                f" (p = {change.pairing.p:.2g})"
            )
        if not changed:
            lines.append("  every outcome is the same")
        lines += [
            f"  {printable(item.system)}, {item.measure}: {item.before:.4g} → {item.after:.4g}"
            for item in self.quality
        ]
        return "\n".join(lines)

    def to_record(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **plain(self)}

    def to_json(self) -> str:
        return to_json(self.to_record())

    def to_html(self) -> Markup:
        rows = []
        for change in sorted(self.changes, key=lambda item: item.pairing.p):
            found = change.pairing
            counts = (found.both, found.first_only, found.second_only, found.neither)
            head = tag("th", text(change.attack), scope="row")
            cells = [tag("td", text(name), class_="left") for name in (change.system, change.arm)]
            cells += [tag("td", f"{count:,}") for count in counts]
            rows.append(tag("tr", head, *cells, tag("td", probability(found.p))))
        heads = ["attack", "system", "arm", "both", "A only", "B only", "neither", "p (McNemar)"]
        body = [
            tag("h1", "Two runs compared"),
            tag("p", text(f"A: {self.run_a}. B: {self.run_b}.")),
            tag(
                "p",
                f"{self.shared:,} cells in both, {self.only_a:,} in A only,"
                f" {self.only_b:,} in B only. p is not corrected for the number of attacks.",
            ),
            table("Messages read, by the cells that both runs have", heads, rows),
        ]
        if self.quality:
            quality = [
                tag(
                    "tr",
                    tag("th", text(item.system), scope="row"),
                    tag("td", text(item.measure), class_="left"),
                    tag("td", f"{item.before:.4g}"),
                    tag("td", f"{item.after:.4g}"),
                )
                for item in self.quality
            ]
            body.append(table("Quality that changed", ["system", "measure", "A", "B"], quality))
        return document("Two runs compared", body)


def compare(run_a: Path, run_b: Path) -> Comparison:
    """Compares the runs in two folders, ``run_a`` being the older.

    Raises :class:`~provenance.errors.InputMissing` for a folder without results and
    :class:`~provenance.errors.RunMismatch` for results that are damaged.
    """
    before, after = _read(run_a), _read(run_b)
    changes, shared, only_a, only_b = [], 0, 0, 0
    old_names = [system.name for system in before.systems]
    new_names = [system.name for system in after.systems]
    for name in dict.fromkeys(old_names + new_names):
        old, new = outcomes(before.cells, name), outcomes(after.cells, name)
        only_a += len(old.keys() - new.keys())
        only_b += len(new.keys() - old.keys())
        groups: dict[tuple[str, str], list[tuple[bool, bool]]] = {}
        for place, outcome in old.items():
            if place in new:
                _, arm, attack, _, _ = place
                groups.setdefault((str(arm), str(attack)), []).append((outcome, new[place]))
                shared += 1
        changes += [
            Change(system=name, arm=arm, attack=attack, pairing=pair(pairs))
            for (arm, attack), pairs in groups.items()
        ]
    return Comparison(
        run_a=run_a.name,
        run_b=run_b.name,
        shared=shared,
        only_a=only_a,
        only_b=only_b,
        changes=tuple(changes),
        quality=tuple(_quality(before, after)),
    )


def _quality(before: Summary, after: Summary) -> list[QualityChange]:
    newer = {system.name: system for system in after.systems}
    found = []
    for system in before.systems:
        if system.name not in newer:
            continue
        for measure in QUALITY:
            old, new = system.quality[measure], newer[system.name].quality[measure]
            # How fast a machine was is no change of the system.
            if old is not None and new is not None and old != new and measure != "marked_per_s":
                change = QualityChange(system=system.name, measure=measure, before=old, after=new)
                found.append(change)
    return found


def _read(folder: Path) -> Summary:
    path = folder / "results.jsonl"
    if not path.exists():
        raise InputMissing(f"{folder} holds no results", hint="name the folder of an ltx-bench run")
    results = list(read_results(path))
    keys = _reported(folder / "report.json")
    return summarize(item for item in results if keys is None or item.key in keys)


def _reported(path: Path) -> frozenset[str] | None:
    """Keys of the results of the last run: a folder keeps those of others, of code before a change,
    too. None where no report says.
    """
    try:
        return frozenset(json.loads(path.read_text(encoding="utf-8"))["keys"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
