"""SQLite as the database of a store: one file, good for one machine."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import StoreError
from provenance.store.labels import active_label
from provenance.store.schema import MIGRATIONS, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_APPLICATION_ID = 0x45464D53  # "EFMS", so that another program's database is never written to
_BUSY_MS = 10_000
_TYPES = {"bytes": "BLOB", "real": "REAL", "integer": "INTEGER"}
_OPTIONS = " WITHOUT ROWID, STRICT"


class SqliteDatabase:
    """A store's tables in one file, shared by any number of processes. One object a thread at a
    time: ``passed_on`` lets threads hand it to each other.
    """

    def __init__(self, path: Path, *, writable: bool, passed_on: bool = False) -> None:
        self._path = path
        self._writable = writable
        self._connection = _connect(path, writable=writable, passed_on=passed_on)
        try:
            with self._explained():
                self._check()
        except BaseException:
            self._connection.close()
            raise

    @property
    def name(self) -> str:
        return str(self._path)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._connection.execute(statement, values).fetchall()

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        with self._explained():
            return self._connection.execute(statement, values).rowcount

    def change_many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        with self._explained():
            self._connection.executemany(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if not self._writable:
            raise StoreError(
                "the manifest store was opened for reading", hint="open it with create=True"
            )
        with self._explained():
            # IMMEDIATE takes the write lock before anything is read: no two reserve at once.
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        with self._explained():
            self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()

    def _check(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        application = self._connection.execute("PRAGMA application_id").fetchone()[0]
        if application != _APPLICATION_ID:
            raise StoreError(
                f"{self._path} is a database, but no manifest store",
                hint="give the path of a store, or of a file that does not exist yet",
            )
        if version > VERSION:
            raise StoreError(
                f"{self._path} was made by a newer everyframe (version {version})",
                hint="update everyframe, or use another store",
            )
        if version < VERSION:
            self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        if self._writable:
            with self.transaction():
                _migrate(self._connection)
            return
        try:
            SqliteDatabase(self._path, writable=True).close()
        except StoreError as error:
            raise StoreError(
                f"{self._path} was made by an older everyframe and cannot be brought up to date: "
                f"{error.message}",
                hint="run once, with the right to write it: ltx-store --store … info",
            ) from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise _explain(error, self._path) from error


def _migrate(connection: sqlite3.Connection) -> None:
    """Brings the tables up to date, within a transaction; another process may have been quicker."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number in range(version + 1, VERSION + 1):
        for statement in MIGRATIONS[number]:
            connection.execute(statement.format(**_TYPES, options=_OPTIONS))
        if number == 2:
            _label_old(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _label_old(connection: sqlite3.Connection) -> None:
    """What version 1 did not note: labels, and since when an id is reserved."""
    now = datetime.now(UTC).isoformat()
    connection.execute("UPDATE manifests SET reserved_at = ? WHERE manifest IS NULL", (now,))
    ids = connection.execute("SELECT content_id FROM manifests WHERE manifest IS NOT NULL")
    for (content_id,) in ids.fetchall():
        (manifest,) = connection.execute(
            "SELECT manifest FROM manifests WHERE content_id = ?", (content_id,)
        ).fetchone()
        connection.execute(
            "UPDATE manifests SET manifest_id = ? WHERE content_id = ?",
            (active_label(manifest), content_id),
        )


def _create(path: Path) -> None:
    """A new store at ``path`` unless something is there: made aside, so that it appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".store-")  # mkstemp: 0600
    os.close(handle)
    try:
        with closing(sqlite3.connect(name, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for writers
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            _migrate(connection)
        with suppress(FileExistsError):  # another process was quicker: its store is as good
            path.hardlink_to(name)
    finally:
        Path(name).unlink()


def _connect(path: Path, *, writable: bool, passed_on: bool) -> sqlite3.Connection:
    try:
        if writable and not path.exists():
            _create(path)
        mode = "rw" if writable else "ro"
        if not writable and not os.access(path.parent, os.W_OK) and not _side_file(path).exists():
            # Reading normally makes a side file; on read-only media nobody writes, so none is due.
            mode = "ro&immutable=1"
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=not passed_on,
        )
    except (OSError, sqlite3.Error) as error:
        raise _explain(error, path) from error
    except ValueError as error:
        raise StoreError(
            f"{str(path)!r} is no file name", hint="choose another with --store"
        ) from error
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    return connection


def _side_file(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _explain(error: Exception, path: Path) -> StoreError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or isinstance(error, ValueError):
        return StoreError(
            f"the manifest store {path} is damaged or no store: {error}",
            hint="restore it from a backup, or move it away to start a new one",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError(
            f"the manifest store {path} is locked by another program",
            hint="wait for it to finish, or use another store",
        )
    if name.startswith("SQLITE_FULL"):
        return StoreError(
            f"no room for the manifest store {path}", hint="free some space on its disk"
        )
    reason = error.strerror if isinstance(error, OSError) else error
    return StoreError(
        f"cannot use the manifest store {path}: {reason}",
        hint="check that its disk has room, and that you may write the file and its folder; or "
        "choose another with --store",
    )
