"""The roles: a database, and a transaction in it. SQL is written once, for both engines.

Statements use ``?`` for parameters and only what SQLite (3.35) and Postgres (12) share:
``RETURNING``, ``ON CONFLICT``, TEXT, BIGINT and DOUBLE PRECISION. Times are seconds since 1970.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

Row: TypeAlias = dict[str, Any]
Engine: TypeAlias = Literal["sqlite", "postgres"]


class Transaction(Protocol):
    """Statements that happen together or not at all."""

    @property
    def native(self) -> Any:
        """The engine's own connection, for libraries that join the transaction."""

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Runs a statement; gives the number of rows that it changed."""

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Runs a query, or a statement with RETURNING; gives its rows."""

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        """The first of its rows, None when there is none."""


class Database(Protocol):
    """Transactions from any thread. What a full or broken disk does is a ``StoreError``."""

    engine: Engine

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that changes nothing."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that is durable once it has ended without an error."""

    def close(self) -> None:
        """Ends the use of the database."""


def new_id(prefix: str, now: float) -> str:
    """An identifier that sorts by time and cannot be guessed: 48 bits of milliseconds, 80 random.

    The layout of UUID version 7 (RFC 9562, section 5.7) without its fixed bits, in hexadecimal.
    """
    return f"{prefix}_{int(now * 1000):012x}{secrets.token_hex(10)}"
