"""The files of a report, each of which appears whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from attacks.bench.report.page import to_html
from attacks.bench.report.record import to_csv, to_json, to_record
from attacks.bench.report.summary import summarize
from provenance.errors import DiskFull, OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """Writes beside ``path`` and renames: a reader sees the old file or the new one."""
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            newline="",
            dir=path.parent,
            prefix=f".{path.name}.",
            delete=False,
        ) as file:
            temporary = Path(file.name)
            try:
                # A lone surrogate, from a file name that is no UTF-8, cannot be written.
                file.write(content.encode("utf-8", "replace").decode())
                file.flush()
                os.fsync(file.fileno())
                mask = os.umask(0)
                os.umask(mask)
                temporary.chmod(0o666 & ~mask)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else OutputError
        raise kind(
            f"cannot write {path}: {error.strerror}",
            hint="make room, or check the folder and its permissions",
        ) from error
