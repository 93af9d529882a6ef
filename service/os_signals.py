"""Signals, taken out of their handlers into a thread.

A handler may run in the middle of anything the main thread does, another handler included. One that
takes a lock can so wait for a lock that its own thread holds: of two SIGTERMs in quick succession
the second would wait for ever inside the first's ``Event.set``. A ``SimpleQueue`` is made for this:
its ``put`` may be entered again.
"""

from __future__ import annotations

import signal
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """What the process is told, in order, for one thread to act upon."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[int] = SimpleQueue()

    def catch(self, numbers: Iterable[int] = ENDING) -> None:
        """Takes these from now on. For the main thread."""
        for number in numbers:
            signal.signal(number, lambda caught, _frame: self.put(caught))

    def put(self, number: int) -> None:
        """For a handler to call."""
        self._queue.put(number)

    def tell(self, act: Callable[[int], None]) -> None:
        """Calls ``act`` with each signal's number, those of before included, in a thread."""

        def listen() -> None:
            while True:
                act(self._queue.get())

        threading.Thread(target=listen, name="signals", daemon=True).start()
