"""Ctrl-C that is never lost.

FFmpeg reads files through functions of ours, and PyAV drops what some of them raise: a Ctrl-C that
arrives in one would print a traceback and the work would go on to its end.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def lasting_interrupts() -> Iterator[Callable[[], None]]:
    """Gives a function to call now and then: it raises ``KeyboardInterrupt`` if one was lost."""
    noted = False

    def note(_number: int, _frame: object) -> None:
        nonlocal noted
        noted = True
        raise KeyboardInterrupt

    def check() -> None:
        if noted:
            raise KeyboardInterrupt

    def report(lost: sys.UnraisableHookArgs) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            report_before(lost)

    if threading.current_thread() is not threading.main_thread():
        yield check  # signals come to the main thread alone
        return
    report_before, handler_before = sys.unraisablehook, signal.getsignal(signal.SIGINT)
    if handler_before is not signal.default_int_handler:  # ignored, or somebody else's business
        yield check
        return
    sys.unraisablehook = report
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, handler_before)
        sys.unraisablehook = report_before
