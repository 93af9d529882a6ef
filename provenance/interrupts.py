"""Ctrl-C that is never lost.

FFmpeg reads files through functions of ours, and PyAV prints and drops what they raise: a Ctrl-C
that arrives in one would be a traceback, and the work would go on to its end. So the signal is
noted, and raised where the program asks; a second one is raised where it arrives.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def noted_interrupts() -> Iterator[Callable[[], None]]:
    """Gives a function to call every now and then: it raises ``KeyboardInterrupt`` after a Ctrl-C.

    Outside the main thread, or where somebody handles the signal already, nothing changes.
    """
    noted = False

    def note(_number: int, _frame: object) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True

    def check() -> None:
        if noted:
            raise KeyboardInterrupt

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
