"""Open stores that threads share, one at a time each."""

from __future__ import annotations

from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING

from provenance.errors import StoreError
from provenance.store import open_managed_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provenance.store import ManagedStore


class StorePool:
    """Connections to the store at ``location``; opened when needed, and kept for the next.

    ``writable``: it is made when missing, and may be written.
    """

    def __init__(self, location: str | Path, *, writable: bool = True, idle: int = 8) -> None:
        self._location = location
        self._writable = writable
        self._idle: LifoQueue[ManagedStore] = LifoQueue(idle)

    @contextmanager
    def borrowed(self) -> Iterator[ManagedStore]:
        """A store for as long as the block lasts; raises :class:`StoreError`."""
        try:
            store = self._idle.get_nowait()
        except Empty:
            store = open_managed_store(self._location, writable=self._writable, passed_on=True)
        try:
            yield store
        except StoreError:
            # It may be the connection: the next one opens a new one.
            store.close()
            raise
        except BaseException:
            self._put_back(store)
            raise
        self._put_back(store)

    def close(self) -> None:
        """Ends those that are idle."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _put_back(self, store: ManagedStore) -> None:
        if self._idle.full():
            store.close()
        else:
            self._idle.put(store)
