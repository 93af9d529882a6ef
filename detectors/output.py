"""Where ``ltx-verify`` writes: results to stdout or a file, everything else to stderr."""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from detectors.report import to_html, to_json, to_text
from detectors.report.page import illustrated
from provenance.errors import OutputError, OutputForbidden
from provenance.printable import printable

if TYPE_CHECKING:
    from types import TracebackType

    from detectors.batch import Outcome
    from detectors.result import Result

_BAR = 24


class Printer:
    """Prints outcomes as they come; ``json`` over several files is one array, ``html`` one page.

    With ``output`` the text appears in that file when the ``with`` block ends well, whole.
    """

    def __init__(self, *, form: str, output: str | None, quiet: bool, count: int) -> None:
        self._form = form
        self._output = Path(output) if output and output != "-" else None
        self._quiet = quiet
        self._count = count
        self._shown = 0
        self._kept: list[str] = []
        self._results: list[Result] = []
        # None: closed by the caller.
        self._bar = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._drawn = ""
        if self._output is not None:
            check_output(self._output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clear()
        if kind is not None:
            return
        if self._form == "html" and self._results:
            self._write(to_html(self._results, now=datetime.now(UTC)))
        if self._form == "json" and self._count > 1:
            self._write("\n]\n" if self._shown else "[]\n")
        if self._output is not None:
            write_whole(self._output, "".join(self._kept))

    def progress(self, path: str, done: float) -> None:
        """Redraws the line on the terminal; nothing anywhere else."""
        if not self._bar:
            return
        full = round(done * _BAR)
        line = f"[{'#' * full}{'.' * (_BAR - full)}] {done:4.0%} {printable(Path(path).name[:40])}"
        if line != self._drawn:
            click.echo(f"\r{line}\x1b[K", nl=False, err=True)
            self._drawn = line

    def show(self, outcome: Outcome, missing: tuple[str, ...]) -> None:
        """The result of a file, and to stderr what is wrong with it or what the policy misses."""
        self._clear()
        if outcome.result is None:
            self._say(f"{printable(outcome.path)}: {outcome.error}")
            return
        if self._form == "html":
            # The page opens with an overview, so it can only be written at the end.
            self._results.append(illustrated(outcome.result, len(self._results)))
        else:
            self._write(self._formatted(outcome.result))
        self._shown += 1
        failure = outcome.result.error
        if failure is not None:
            hint = f"\n  hint: {printable(failure.hint)}" if failure.hint else ""
            self._say(f"{printable(failure.message)} [{failure.code}]{hint}")
        elif missing:
            self._say(f"{printable(outcome.path)}: policy not met: {'; '.join(missing)}")

    def _formatted(self, result: Result) -> str:
        if self._form == "jsonl":
            return to_json(result) + "\n"
        if self._form == "json":
            if self._count == 1:
                return to_json(result, indent=2) + "\n"
            return (",\n" if self._shown else "[\n") + to_json(result, indent=2)
        return ("\n" if self._shown else "") + to_text(result, titled=self._count > 1)

    def _write(self, text: str) -> None:
        if self._output is None:
            click.echo(text, nl=False)
        else:
            self._kept.append(text)

    def _say(self, message: str) -> None:
        if not self._quiet:
            click.echo(f"ltx-verify: {message}", err=True)

    def _clear(self) -> None:
        if self._drawn:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._drawn = ""


def check_output(path: Path) -> None:
    """Refuse before any work what a rename would destroy: a device, a pipe, a link, a folder."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OutputForbidden(
            f"{path} is not a regular file, and would be replaced by one",
            hint="name another file, or leave -o out and redirect",
        )
    if not os.access(path.absolute().parent, os.W_OK):
        raise OutputForbidden(f"cannot write {path}", hint="check the folder and its permissions")


def write_whole(path: Path, text: str) -> None:
    """Writes beside ``path`` and renames, so that a reader sees the old file or the new one."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.absolute().parent, prefix=f".{path.name}.", delete=False
        ) as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                # A temporary file is private; a report gets the permissions that files get here.
                mask = os.umask(0)
                os.umask(mask)
                Path(file.name).chmod(0o666 & ~mask)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
