"""Postgres as the database of a store: for many machines. Needs the extra ``scale``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provenance.errors import PackageMissing, StoreError
from provenance.store.schema import MIGRATIONS, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import psycopg

_TYPES = {"bytes": "BYTEA", "real": "DOUBLE PRECISION", "integer": "BIGINT"}
_LOCK = 0x45464D53  # "EFMS": who makes or renews the tables holds it
_CONNECT_S = 10
_MARKER = "CREATE TABLE IF NOT EXISTS everyframe_store (version INTEGER NOT NULL)"


class PostgresDatabase:
    """A store's tables in the first schema of the search path. One object a thread."""

    def __init__(self, url: str, *, writable: bool) -> None:
        self.name = _shown(url)
        self._writable = writable
        self._error = _psycopg().Error
        with self._explained():
            self._connection: psycopg.Connection[tuple[Any, ...]] = _psycopg().connect(
                url, autocommit=True, connect_timeout=_CONNECT_S, application_name="everyframe"
            )
        try:
            with self._explained():
                self._check()
        except BaseException:
            self._connection.close()
            raise

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._connection.execute(_native(statement), values, prepare=True).fetchall()

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        with self._explained():
            return self._connection.execute(_native(statement), values).rowcount

    def change_many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        with self._explained(), self._connection.cursor() as cursor:
            cursor.executemany(_native(statement), values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if not self._writable:
            raise StoreError(
                "the manifest store was opened for reading", hint="open it with create=True"
            )
        with self._explained(), self._connection.transaction():
            yield

    def close(self) -> None:
        self._connection.close()

    def _check(self) -> None:
        version = self._version()
        if version > VERSION:
            raise StoreError(
                f"{self.name} was made by a newer everyframe (version {version})",
                hint="update everyframe, or use another store",
            )
        if version == VERSION:
            return
        with self._connection.transaction():
            # One makes the tables, the others wait and find them made.
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            self._connection.execute(_MARKER)
            for number in range(self._version() + 1, VERSION + 1):
                for statement in MIGRATIONS[number]:
                    self._connection.execute(statement.format(**_TYPES, options="").encode())
            self._connection.execute("DELETE FROM everyframe_store")
            self._connection.execute("INSERT INTO everyframe_store VALUES (%s)", (VERSION,))

    def _version(self) -> int:
        found = self._connection.execute("SELECT to_regclass('everyframe_store')").fetchone()
        if found is None or found[0] is None:
            return 0
        row = self._connection.execute("SELECT version FROM everyframe_store").fetchone()
        return 0 if row is None else int(row[0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise StoreError(
                f"cannot use the manifest store {self.name}: {str(error).strip()}",
                hint="check the address, the rights of its user and that the server is up",
            ) from error


def _native(statement: str) -> bytes:
    """Psycopg has ``%s`` for parameters; bytes, because its types take no other built text."""
    return statement.replace("?", "%s").encode()


def _shown(url: str) -> str:
    """``url`` without user and password."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"postgresql://{parts.hostname or ''}{port}{parts.path}"


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise PackageMissing(
            "a store in Postgres needs psycopg", hint="pip install 'everyframe[scale]'"
        ) from error
    return psycopg
