"""Results as they come, in a file that an interrupted run goes on with.

Each result is a line of JSON in the file named. Beside it ``NAME.journal`` says of each line for
what it holds: path, digest of the content, digest of version and settings, exit code, and digest of
the line. A line counts where both files have it, so it does not matter at which byte of which file
a run was killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from detectors.output import whole_file
from provenance.errors import OutputError, OutputForbidden

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import TracebackType

TRIED_AGAIN = 4
"""The exit code of failures that are not the file's: a full disk, a process that was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a line of results holds for; ``digest`` is "" where there was no content to take it of.

    ``run``: of version and settings; ``line``: SHA-256 of the line of results, in hex.
    """

    path: str
    digest: str
    run: str
    exit_code: int
    line: str


class Journal:
    """The results of a run in ``path``, and what is known already.

    ``run``: digest of what the results depend on beside the file. Open it by ``with``; then
    ``done`` says which paths of those ``asked`` for have a result that still holds (same content by
    ``digest_of``, same ``run``, no failure of the machine), with their exit codes. Results that do
    not hold any more are taken out; those of other paths stay.

    Raises :class:`~provenance.errors.OutputForbidden` where another run is writing, or where the
    file has lines and no journal; :class:`~provenance.errors.OutputError` where writing fails.
    """

    def __init__(
        self, path: Path, *, run: str, asked: Collection[str], digest_of: Callable[[str], str]
    ) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}.journal")
        self._run = run
        self._asked = asked
        self._digest_of = digest_of
        self._lock: BinaryIO | None = None
        self._results: BinaryIO | None = None
        self._entries: BinaryIO | None = None
        self.done: dict[str, int] = {}

    def __enter__(self) -> Self:
        if self._path.exists() and self._path.stat().st_size and not self._beside.exists():
            raise OutputForbidden(
                f"{self._path} holds results of a run that cannot be resumed",
                hint="name another file, or leave --resume out to replace it",
            )
        try:
            self._lock = self._locked()
            self._recover()
            self._results = self._path.open("ab")
            self._entries = self._beside.open("ab")
        except OSError as error:
            self._close()
            raise self._failed(error) from error
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def add(self, text: str, *, path: str, digest: str, exit_code: int) -> None:
        """Appends a result (one line, without its end) and keeps it, whatever happens next.

        Raises :class:`~provenance.errors.OutputError`.
        """
        assert self._results is not None
        assert self._entries is not None
        line = text.encode() + b"\n"
        entry = Entry(
            path=path,
            digest=digest,
            run=self._run,
            exit_code=exit_code,
            line=hashlib.sha256(line).hexdigest(),
        )
        try:
            for file, data in ((self._results, line), (self._entries, _written(entry))):
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._failed(error) from error

    def _recover(self) -> None:
        """Reads both files, and writes anew what of them counts."""
        known = {entry.line: entry for entry in _entries(self._beside)}
        last = {entry.path: entry.line for entry in known.values()}
        kept: list[Entry] = []
        with whole_file(self._path) as results, whole_file(self._beside) as entries:
            for line in _lines(self._path):
                entry = known.pop(hashlib.sha256(line).hexdigest(), None)
                if entry is None or last[entry.path] != entry.line or not self._holds(entry):
                    continue
                results.write(line)
                entries.write(_written(entry))
                kept.append(entry)
        self.done = {entry.path: entry.exit_code for entry in kept if entry.path in self._asked}

    def _holds(self, entry: Entry) -> bool:
        if entry.path not in self._asked:
            return True
        if entry.run != self._run or entry.exit_code == TRIED_AGAIN:
            return False
        return entry.digest == self._digest_of(entry.path)

    def _locked(self) -> BinaryIO:
        # The files themselves are replaced on the way: the lock needs one that stays.
        name = self._path.with_name(f".{self._path.name}.lock")
        while True:
            lock = name.open("ab")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.close()
                raise OutputForbidden(
                    f"another run is writing {self._path}",
                    hint="wait for it, or name another file",
                ) from error
            # Whoever held it before may have removed it while we waited for nothing.
            if name.exists() and name.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                return lock
            lock.close()

    def _close(self) -> None:
        for file in (self._results, self._entries):
            if file is not None:
                file.close()
        if self._lock is not None:
            Path(self._lock.name).unlink(missing_ok=True)
            self._lock.close()

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self._path}: {error.strerror}")


def forget(path: Path) -> None:
    """Removes the journal beside ``path``, whose results were replaced."""
    path.with_name(f"{path.name}.journal").unlink(missing_ok=True)


def run_digest(facts: Any) -> str:
    """SHA-256 in hex of JSON values: of what the results of a run depend on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that are whole; none where there is no file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _entries(path: Path) -> Iterator[Entry]:
    for line in _lines(path):
        try:
            yield Entry(**json.loads(line))
        except (TypeError, ValueError):
            continue  # torn, or not ours: its result is taken anew


def _written(entry: Entry) -> bytes:
    return json.dumps(asdict(entry)).encode() + b"\n"
