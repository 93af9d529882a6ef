"""The three executors do the same work, and survive what kills one task."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from detectors.executors import EXECUTORS, Died, executor
from provenance.errors import DiskFull, OptionError


@pytest.fixture(autouse=True)
def lonely() -> None:
    """The home of whoever runs it: Ray keeps its token in the first that it sees in a process."""


def nothing() -> None:
    """Goes on."""


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
    assert sorted(executor(name, 2).run(range(7), square, nothing)) == [n * n for n in range(7)]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ["processes", "ray"])
def test_a_task_that_kills_its_process_is_named_and_the_rest_is_done(name):
    results = list(executor(name, 2).run(range(6), square_or_die, nothing))
    assert Died(task=3) in results
    assert sorted(r for r in results if isinstance(r, int)) == [0, 1, 4, 16, 25]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", EXECUTORS)
def test_what_ends_a_run_reaches_the_caller(name):
    with pytest.raises(DiskFull):
        list(executor(name, 2).run(range(6), square_or_raise, nothing))


def process_of(number: int) -> int:
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def test_one_that_died_does_not_leave_the_rest_to_fresh_processes_each():
    found = list(executor("processes", 2).run(range(20), process_of, nothing))
    assert found.count(Died(task=0)) == 1
    assert len(found) == 20
    # Two work again, beside those that took what was in flight one by one.
    assert len({pid for pid in found if isinstance(pid, int)}) <= 5


def note_and_sleep(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ["processes", "ray"])
def test_who_is_told_to_stop_stops_within_a_task(name, tmp_path):
    def stop_when_both_work() -> None:
        if len(list(tmp_path.iterdir())) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(executor(name, 2).run([str(tmp_path)] * 4, note_and_sleep, stop_when_both_work))
    workers = [int(path.name) for path in tmp_path.iterdir()]
    until = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


def test_unknown_executors_are_refused():
    with pytest.raises(OptionError):
        executor("threads")
