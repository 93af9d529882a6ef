"""The database of one machine: an SQLite file in WAL mode, shared by all its processes."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any

from provenance.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from service.database.base import Engine, Row

_BUSY_MS = 20_000
_IDLE_CONNECTIONS = 8


class SqliteTransaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def native(self) -> Any:
        return self._connection

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        return self._connection.execute(sql, parameters).rowcount

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        found = self.rows(sql, parameters)
        return found[0] if found else None


class SqliteDatabase:
    """Keeps a few connections for reuse; each is used by one thread at a time."""

    engine: Engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue(_IDLE_CONNECTIONS)

    @contextmanager
    def reading(self) -> Iterator[SqliteTransaction]:
        with self._transaction("BEGIN DEFERRED") as transaction:
            yield transaction

    @contextmanager
    def writing(self) -> Iterator[SqliteTransaction]:
        # Takes the lock at the start: a lock that is raised later fails when another was quicker.
        with self._transaction("BEGIN IMMEDIATE") as transaction:
            yield transaction

    def close(self) -> None:
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[SqliteTransaction]:
        connection = self._connection()
        try:
            with self._explained():
                connection.execute(begin)
                yield SqliteTransaction(connection)
                connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                with suppress(sqlite3.Error):  # after a full disk SQLite has rolled back by itself
                    connection.execute("ROLLBACK")
            self._give_back(connection)

    def _connection(self) -> sqlite3.Connection:
        try:
            return self._idle.get_nowait()
        except Empty:
            pass
        with self._explained():
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000
            )
            connection.row_factory = _as_dict
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: a commit is on the disk when it returns. "Accepted" relies on it.
            connection.execute("PRAGMA synchronous = FULL")
            return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction or self._idle.full():
            connection.close()
        else:
            self._idle.put_nowait(connection)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise StoreError(
                f"the service's database {self._path} cannot be used: {error}",
                hint="check the disk's room and rights, and that the file is a database",
            ) from error


def _as_dict(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}
