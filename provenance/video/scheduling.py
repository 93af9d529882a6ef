"""The priority of our threads, which an encoder takes into its own hands.

SVT-AV1 gives its threads, and the one that starts it, real-time priority (SCHED_FIFO, 99) where it
may, which is for root: as in containers. What runs so leaves other processes a twentieth of the
machine, and child processes inherit it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_THREADS = Path("/proc/self/task")


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Every thread is scheduled after the block as the calling one was before."""
    if not _THREADS.is_dir():  # not on Linux
        yield
        return
    usual, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in _THREADS.iterdir():
            with suppress(OSError):  # it has ended
                if os.sched_getscheduler(int(thread.name)) != usual:
                    os.sched_setscheduler(int(thread.name), usual, parameters)
