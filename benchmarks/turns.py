"""Two programs that take turns: while one works, the processes of the other are stopped.

A machine that others share changes its speed by more than what is to be told apart, from minute to
minute. Of two runs one after the other each has another machine; of two that change places every
two seconds both have the same one.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TURN_S = 2.0


class Side:
    """One of the two. ``groups``: its processes, as process groups (setpgid(2)). ``done`` is for
    whoever notices that its work is done. It is stopped from the beginning.
    """

    def __init__(self, groups: Sequence[int]) -> None:
        self.done = threading.Event()
        self._groups = groups
        self._turns: list[tuple[float, float]] = []
        self._since: float | None = None
        self._tell(signal.SIGSTOP)

    def go(self) -> None:
        self._since = time.monotonic()
        self._tell(signal.SIGCONT)

    def stop(self) -> None:
        self._tell(signal.SIGSTOP)
        if self._since is not None:
            self._turns.append((self._since, time.monotonic()))
        self._since = None

    def given_s(self, until: float) -> float:
        """How much of the time until then (of ``time.monotonic``) it was let work, in seconds."""
        turns = [*self._turns]
        if self._since is not None:
            turns.append((self._since, until))
        return sum(max(0.0, min(end, until) - begin) for begin, end in turns)

    def _tell(self, number: signal.Signals) -> None:
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, number)


def take_turns(first: Side, second: Side, turn_s: float = TURN_S) -> None:
    """Lets both work in turn until both are done; then none is stopped."""
    side, other = first, second
    try:
        while not side.done.is_set():
            side.go()
            side.done.wait(turn_s)
            side.stop()
            if not other.done.is_set():
                side, other = other, side
    finally:
        first.go()
        second.go()
