"""A report as JSON and its cells as a table of comma-separated values."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from attacks.bench.report.count import Count
from attacks.bench.results import Cell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attacks.bench.report.facts import RunFacts
    from attacks.bench.report.summary import Summary

SCHEMA = "everyframe.bench-report/1"


def to_record(summary: Summary, facts: RunFacts) -> dict[str, Any]:
    """JSON values: the facts, the counts with their intervals, and the masters as measured."""
    return {
        "schema": SCHEMA,
        "run": {
            "suite": facts.suite,
            "seconds": facts.seconds,
            "settings": dict(facts.settings),
            "versions": dict(facts.versions),
            "started": facts.started.isoformat() if facts.started else None,
            "cpus": facts.cpus,
            "left_out": dict(facts.left_out),
        },
        "keys": [master.key for master in summary.masters] + [cell.key for cell in summary.cells],
        "cells": {"done": summary.done, "skipped": summary.skipped, "failed": summary.failed},
        "clips": list(summary.clips),
        "parts": plain(summary.parts),
        "masters": [asdict(master) for master in summary.masters],
        "without_result": [
            {
                "kind": "cell" if isinstance(item, Cell) else "master",
                "key": item.key,
                "clip": item.clip,
                "system": item.system,
                "attack": item.attack if isinstance(item, Cell) else None,
                "strength": item.strength if isinstance(item, Cell) else None,
                "status": item.status,
                "detail": item.detail,
            }
            for item in summary.without_result
        ],
    }


def plain(value: Any) -> Any:
    """Dataclasses as JSON objects; counts get the intervals that belong to them."""
    if isinstance(value, Count):
        span = value.interval
        return {
            "successes": value.successes,
            "trials": value.trials,
            "share": value.share,
            "wilson_95": [span.low, span.high] if span else None,
            "upper_95": value.upper,
        }
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def to_json(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def to_csv(cells: Iterable[Cell]) -> str:
    """A line for each cell, with the fields of :class:`~attacks.bench.results.Cell` as columns:
    what was drawn as JSON, an empty field for None.
    """
    text = io.StringIO()
    names = [field.name for field in fields(Cell)]
    table = csv.writer(text, lineterminator="\n")
    table.writerow(names)
    for cell in cells:
        values = asdict(cell)
        values["params"] = json.dumps(values["params"], ensure_ascii=False)
        table.writerow([values[name] for name in names])
    return text.getvalue()
