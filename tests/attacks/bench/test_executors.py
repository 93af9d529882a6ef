"""The three executors do the same work, and survive what kills one task."""

from __future__ import annotations

import os
import signal

import pytest

from attacks.bench.executors import EXECUTORS, Died, executor
from provenance.errors import DiskFull, OptionError


def square(number: int) -> int:
    return number * number


def square_or_die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def square_or_raise(number: int) -> int:
    if number == 3:
        raise DiskFull("no room", hint="make some")
    return number * number


# Ray starts a cluster of its own, which leaves sockets for the collector to close.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", EXECUTORS)
def test_every_task_is_done_once(name):
    assert sorted(executor(name, 2).run(range(7), square)) == [n * n for n in range(7)]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ["processes", "ray"])
def test_a_task_that_kills_its_process_is_named_and_the_rest_is_done(name):
    results = list(executor(name, 2).run(range(6), square_or_die))
    assert Died(task=3) in results
    assert sorted(r for r in results if isinstance(r, int)) == [0, 1, 4, 16, 25]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", EXECUTORS)
def test_what_ends_a_run_reaches_the_caller(name):
    with pytest.raises(DiskFull):
        list(executor(name, 2).run(range(6), square_or_raise))


def test_unknown_executors_are_refused():
    with pytest.raises(OptionError):
        executor("threads")
