"""What a store needs of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager


class Database(Protocol):
    """A connection, with ``?`` for parameters. ``name``: what messages call it."""

    @property
    def name(self) -> str: ...

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query; raises :class:`StoreError`."""

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Changes something, within :meth:`transaction`; the number of rows."""

    def change_many(self, statement: str, values: Iterable[Sequence[Any]]) -> None: ...

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, and one at a time with others that write the same rows."""

    def close(self) -> None: ...
