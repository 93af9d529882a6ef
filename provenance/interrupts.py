"""Ctrl-C that is never lost.

FFmpeg reads files through functions of ours, and PyAV prints and drops what they raise: a Ctrl-C
that arrives in one would be a traceback, and the work would go on to its end. So the signal is
noted, and raised where the program asks; a second one is raised where it arrives. A polite request
to end (SIGTERM, SIGHUP) is treated alike, so that nothing half-made is left behind.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DEFAULTS = (signal.default_int_handler, signal.SIG_DFL)


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

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    usual = {number: signal.getsignal(number) for number in _ENDING}
    ours = [number for number in _ENDING if usual[number] in _DEFAULTS]
    for number in ours:
        signal.signal(number, note)
    try:
        yield check
    finally:
        for number in ours:
            signal.signal(number, usual[number])
