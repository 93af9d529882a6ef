"""The database by its address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import OptionError, StoreError
from service.database.schema import bring_forward

if TYPE_CHECKING:
    from service.database.base import Database


def is_postgres(address: str) -> bool:
    return address.startswith(("postgresql://", "postgres://"))


def open_database(address: str, *, create: bool = True) -> Database:
    """The database at ``address``: a path, or ``postgresql://…``; made and brought up to date.

    ``create``: whether a missing file is made, or is an error.
    Raises :class:`~provenance.errors.OptionError` for another kind of address,
    :class:`~provenance.errors.StoreError` when it cannot be used,
    :class:`~provenance.errors.PackageMissing` where the extra ``scale`` is needed.
    """
    database: Database
    if is_postgres(address):
        from service.database.postgres import PostgresDatabase

        database = PostgresDatabase(address)
    elif "://" in address:
        raise OptionError(
            f"no database of the kind {address.partition('://')[0]}://",
            hint="give a path or postgresql://user@host/name",
        )
    else:
        from service.database.sqlite import SqliteDatabase

        path = Path(address)
        if not create and not path.exists():
            raise StoreError(
                f"there is no service here: {path} does not exist",
                hint="name its folder by --data, or its database by --database",
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)  # it holds the secrets of webhooks
        except OSError as error:
            raise StoreError(
                f"{path} cannot be made: {error.strerror}",
                hint="give another folder by --data, or another file by --database",
            ) from error
        database = SqliteDatabase(path)
    try:
        bring_forward(database)
    except BaseException:
        database.close()
        raise
    return database
