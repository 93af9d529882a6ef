"""The files of a report, each of which appears whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.bench.making import complete
from attacks.bench.report.page import to_html
from attacks.bench.report.record import to_csv, to_json, to_record
from attacks.bench.report.summary import summarize
from provenance.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from attacks.bench.report.facts import RunFacts
    from attacks.bench.report.summary import Summary
    from attacks.bench.results import Cell, Master


def write_report(run_dir: Path, results: Sequence[Master | Cell], facts: RunFacts) -> Summary:
    """Writes ``report.html``, ``report.json`` and ``results.csv`` into ``run_dir``.

    Returns the summary. Raises :class:`~provenance.errors.DiskFull` or
    :class:`~provenance.errors.OutputError`.
    """
    summary = summarize(results)
    write_whole(run_dir / "results.csv", to_csv(summary.cells))
    write_whole(run_dir / "report.json", to_json(to_record(summary, facts)))
    write_whole(run_dir / "report.html", to_html(summary, facts, run_dir))
    return summary


def write_whole(path: Path, content: str) -> None:
    """A reader sees the old file or the new one."""
    # A lone surrogate, from a file name that is no UTF-8, cannot be written.
    data = content.encode("utf-8", "replace")
    with disk_errors(path), complete(path) as unfinished:
        unfinished.write_bytes(data)
