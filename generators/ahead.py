"""The next piece of a clip is made while the last one is used."""

from __future__ import annotations

from contextlib import closing, contextmanager
from queue import Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

T = TypeVar("T")


class _End:
    """Nothing more comes; ``error`` says why, where it should have."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


@contextmanager
def made_ahead(pieces: Generator[T, None, None]) -> Iterator[Iterator[T]]:
    """``pieces``, made by a thread of their own from now on: one waits, and one is being made.

    What making them raises is raised in its turn. When the block ends, the piece that is being made
    is waited for, and ``pieces`` are closed.
    """
    ready: Queue[T | _End] = Queue(1)
    unwanted = Event()
    thread = Thread(
        target=_make, args=(pieces, ready, unwanted), name="everyframe-ahead", daemon=True
    )
    thread.start()
    try:
        yield _taken(ready)
    finally:
        unwanted.set()
        while thread.is_alive():
            if not ready.empty():
                ready.get_nowait()  # what waits for room in there goes on
            thread.join(0.01)


def _make(pieces: Generator[T, None, None], ready: Queue[T | _End], unwanted: Event) -> None:
    end = _End()
    try:
        with closing(pieces):
            for piece in pieces:
                ready.put(piece)
                if unwanted.is_set():
                    return
    except BaseException as error:  # noqa: BLE001 raised where the pieces are used
        end = _End(error)
    ready.put(end)


def _taken(ready: Queue[T | _End]) -> Iterator[T]:
    while not isinstance(piece := ready.get(), _End):
        yield piece
    if piece.error is not None:
        raise piece.error
