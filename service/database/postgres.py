"""The database of many machines: Postgres, through psycopg's pool (extra ``scale``)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from provenance.errors import PackageMissing, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from service.database.base import Engine, Row

_CONNECTIONS = 10
_WAIT_S = 20.0


class PostgresTransaction:
    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    @property
    def native(self) -> Any:
        return self._connection

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        return self._connection.execute(_placeholders(sql), parameters).rowcount

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(_placeholders(sql), parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        return self._connection.execute(_placeholders(sql), parameters).fetchone()


class PostgresDatabase:
    """A pool of connections to ``url`` (``postgresql://user@host/name``)."""

    engine: Engine = "postgres"

    def __init__(self, url: str) -> None:
        try:
            from psycopg.rows import dict_row
            from psycopg_pool import ConnectionPool
        except ImportError as error:
            raise PackageMissing(
                "a Postgres database needs psycopg", hint="pip install 'everyframe[scale]'"
            ) from error
        self._pool: Any = ConnectionPool(
            url,
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_WAIT_S,
            kwargs={"row_factory": dict_row},
            check=ConnectionPool.check_connection,
            open=True,
        )

    @contextmanager
    def reading(self) -> Iterator[PostgresTransaction]:
        with self.writing() as transaction:
            yield transaction

    @contextmanager
    def writing(self) -> Iterator[PostgresTransaction]:
        import psycopg
        from psycopg_pool import PoolTimeout

        try:
            with self._pool.connection() as connection:
                yield PostgresTransaction(connection)
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise StoreError(
                f"the service's Postgres database cannot be used: {error}",
                hint="check that it runs and that LTX_SERVICE_DATABASE names it",
            ) from error

    def close(self) -> None:
        self._pool.close()


def _placeholders(sql: str) -> Any:
    """Our statements hold no question mark and no percent sign but for parameters."""
    return sql.replace("?", "%s")
