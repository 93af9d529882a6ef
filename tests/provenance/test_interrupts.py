"""A Ctrl-C counts even where its exception is dropped."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from provenance.interrupts import lasting_interrupts


@pytest.fixture(autouse=True)
def usual_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Dropping:
    """Raises where Python has nobody to give the exception to, as in a callback of PyAV."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100_000):
            pass


def work(check):
    check()
    Dropping()
    check()


def test_a_dropped_interrupt_is_raised_again_in_silence(capsys):
    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), lasting_interrupts() as check:
        work(check)
    assert capsys.readouterr().err == ""
    assert sys.unraisablehook is hook
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_is_raised_at_once():
    with pytest.raises(KeyboardInterrupt), lasting_interrupts():
        signal.raise_signal(signal.SIGINT)


def test_where_it_is_ignored_it_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with lasting_interrupts() as check:
        signal.raise_signal(signal.SIGINT)
        check()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_in_another_thread_nothing_is_changed():
    seen = []

    def work():
        with lasting_interrupts() as check:
            check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
