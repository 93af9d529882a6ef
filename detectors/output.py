"""Where ``ltx-verify`` writes: results to stdout or a file, everything else to stderr."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, cast

import click

from detectors.progress import Progress
from detectors.report import to_html, to_json, to_text
from detectors.report.page import illustrated
from provenance.disk import disk_errors
from provenance.errors import OutputForbidden
from provenance.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from detectors.batch import Outcome
    from detectors.journal import Journal
    from detectors.result import Result


class Printer:
    """Prints outcomes as they come; ``json`` over several files is one array, ``html`` one page.

    With ``output`` the text appears in that file when the ``with`` block ends well, whole; with
    ``journal`` (for ``jsonl``) each result is kept there as it comes.
    """

    def __init__(
        self,
        *,
        form: str,
        output: str | None,
        quiet: bool,
        count: int,
        journal: Journal | None = None,
    ) -> None:
        self._form = form
        self._output = Path(output) if output and output != "-" else None
        self._journal = journal
        self._quiet = quiet
        self._count = count
        self._shown = 0
        self._results: list[Result] = []
        # None: closed by the caller.
        terminal = not quiet and sys.stderr is not None and sys.stderr.isatty()
        done = 0 if journal is None else len(journal.done)
        self._progress = Progress(count=count, done=done, clock=time.monotonic)
        self._bar = terminal
        self._drawn = ""
        self._file: BinaryIO | None = None
        self._ending = ExitStack()
        if self._output is not None and journal is None:
            check_output(self._output)

    def __enter__(self) -> Self:
        if self._output is not None and self._journal is None:
            self._file = self._ending.enter_context(whole_file(self._output))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clear()
        if kind is None:
            try:
                self._finish()
            except BaseException:
                self._ending.__exit__(*sys.exc_info())
                raise
        self._ending.__exit__(kind, error, traceback)

    def _finish(self) -> None:
        if self._form == "html" and self._results:
            self._write(to_html(self._results, now=datetime.now(UTC)))
        if self._form == "json" and self._count > 1:
            self._write("\n]\n" if self._shown else "[]\n")

    def progress(self, path: str, done: float) -> None:
        """Redraws the line on the terminal; nothing anywhere else. ``done``: of this file, 0…1."""
        if not self._bar:
            return
        line = self._progress.line(path, done)
        if line != self._drawn:
            click.echo(f"\r{line}\x1b[K", nl=False, err=True)
            self._drawn = line

    def show(self, outcome: Outcome, missing: tuple[str, ...], exit_code: int) -> None:
        """The result of a file, and to stderr what is wrong with it or what the policy misses."""
        self._clear()
        result = outcome.result
        if self._journal is not None:
            self._journal.add(
                to_json(result), path=outcome.path, digest=outcome.digest, exit_code=exit_code
            )
        elif self._form == "html":
            # The page opens with an overview, so it can only be written at the end.
            self._results.append(illustrated(result, len(self._results)))
        else:
            self._write(self._formatted(result))
        self._shown += 1
        failure = result.error
        if failure is not None:
            hint = f"\n  hint: {printable(failure.hint)}" if failure.hint else ""
            self._say(f"{printable(failure.message)} [{failure.code}]{hint}")
        elif missing:
            self._say(f"{printable(outcome.path)}: policy not met: {'; '.join(missing)}")
        self._progress.finished()
        if self._count > 1:
            self.progress(outcome.path, 0)

    def _formatted(self, result: Result) -> str:
        if self._form == "jsonl":
            return to_json(result) + "\n"
        if self._form == "json":
            if self._count == 1:
                return to_json(result, indent=2) + "\n"
            return (",\n" if self._shown else "[\n") + to_json(result, indent=2)
        return ("\n" if self._shown else "") + to_text(result, titled=self._count > 1)

    def _write(self, text: str) -> None:
        if self._file is None:
            click.echo(text, nl=False)
        else:
            self._file.write(text.encode())

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


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file beside ``path`` to write to, renamed to it when the block ends well.

    So a reader sees the old file or the new one. Raises :class:`~provenance.errors.DiskFull` or
    :class:`~provenance.errors.OutputError` for what the disk does.
    """
    with (
        disk_errors(path),
        tempfile.NamedTemporaryFile(
            dir=path.absolute().parent, prefix=f".{path.name}.", delete=False
        ) as file,
    ):
        try:
            yield cast("BinaryIO", file)
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


def write_whole(path: Path, text: str) -> None:
    """Writes ``text`` to ``path``, all of it or nothing."""
    with whole_file(path) as file:
        file.write(text.encode())
