"""Where the service keeps what it knows: SQLite on one machine, Postgres for many."""

from service.database.base import Database, Row, Transaction, new_id
from service.database.opening import open_database

__all__ = ["Database", "Row", "Transaction", "new_id", "open_database"]
