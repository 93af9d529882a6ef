"""The database by its address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import StoreError
from service.database.schema import bring_forward

if TYPE_CHECKING:
    from service.database.base import Database


def is_postgres(address: str) -> bool:
    return address.startswith(("postgresql://", "postgres://"))


def open_database(address: str) -> Database:
    """The database at ``address``: a path, or ``postgresql://…``; made and brought up to date.

    Raises :class:`~provenance.errors.StoreError` when it cannot be used,
    :class:`~provenance.errors.PackageMissing` where the extra ``scale`` is needed.
    """
    database: Database
    if is_postgres(address):
        from service.database.postgres import PostgresDatabase

        database = PostgresDatabase(address)
    else:
        from service.database.sqlite import SqliteDatabase

        path = Path(address)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)  # it holds the secrets of webhooks
        except OSError as error:
            raise StoreError(f"{path} cannot be made: {error.strerror}") from error
        database = SqliteDatabase(path)
    try:
        bring_forward(database)
    except BaseException:
        database.close()
        raise
    return database
