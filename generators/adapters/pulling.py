"""From code that hands things out while it runs to an iterator that is asked for them."""

from __future__ import annotations

from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = TypeVar("Item")
_LOOK_S = 0.1


class NobodyListens(Exception):
    """Whoever iterated has gone: the work is to end."""


def pulled(work: Callable[[Callable[[Item], None], Callable[[], None]], None]) -> Iterator[Item]:
    """What ``work`` gives to its first argument, while it goes on in a thread one item ahead.

    Its second argument raises :class:`NobodyListens` when the iterator was closed, as the first one
    does. What ``work`` raises is raised to whoever iterates.
    """
    handed: Queue[tuple[Literal["item", "end", "error"], Any]] = Queue(1)
    gone = Event()

    def check() -> None:
        if gone.is_set():
            raise NobodyListens

    def put(what: tuple[Literal["item", "end", "error"], Any]) -> None:
        while True:
            check()
            with suppress(Full):
                handed.put(what, timeout=_LOOK_S)
                return

    def run() -> None:
        try:
            work(lambda item: put(("item", item)), check)
            last: tuple[Literal["item", "end", "error"], Any] = ("end", None)
        except NobodyListens:
            return
        except BaseException as error:  # noqa: BLE001  it is raised in the other thread
            last = ("error", error)
        with suppress(NobodyListens):
            put(last)

    thread = Thread(target=run, name="pipeline", daemon=True)
    thread.start()
    try:
        yield from _taken(handed)
    finally:
        gone.set()
        thread.join()


def _taken(handed: Queue[tuple[Literal["item", "end", "error"], Any]]) -> Iterator[Any]:
    while True:
        kind, value = handed.get()
        if kind == "end":
            return
        if kind == "error":
            raise value
        yield value
