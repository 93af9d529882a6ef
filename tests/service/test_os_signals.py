"""A signal must not catch the process in the middle of acting on the one before it."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from service.os_signals import Signals


@pytest.fixture
def handler_kept():
    before = signal.getsignal(signal.SIGVTALRM)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def test_signals_on_the_heels_of_signals_all_arrive_and_nothing_waits_for_ever(handler_kept):
    """Every 10 µs of computing, in whatever line the main thread is. A handler that set the event
    itself would hang within a few hundred."""
    stop, told, seen = threading.Event(), Signals(), []
    told.catch([signal.SIGVTALRM])
    told.tell(lambda number: (seen.append(number), stop.set()))
    signal.setitimer(signal.ITIMER_VIRTUAL, 1e-5, 1e-5)
    until = time.process_time() + 0.5
    while time.process_time() < until:
        stop.set()
        stop.wait(1)
        stop.clear()
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    assert len(seen) > 20
    assert set(seen) == {signal.SIGVTALRM}


def test_what_was_told_before_anybody_listened_is_not_lost():
    told, seen, both = Signals(), [], threading.Event()
    told.put(15)
    told.put(2)
    told.tell(lambda number: (seen.append(number), both.set() if len(seen) == 2 else None))
    assert both.wait(30)
    assert seen == [15, 2]
