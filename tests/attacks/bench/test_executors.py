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
quiet_ray = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")


@quiet_ray
@pytest.mark.parametrize("name", EXECUTORS)
def test_every_task_is_done_once(name):
    assert sorted(executor(name, 2).run(range(7), square)) == [n * n for n in range(7)]


def check_that_a_dead_task_is_named(name):
    results = list(executor(name, 2).run(range(6), square_or_die))
    assert Died(task=3) in results
    assert sorted(r for r in results if isinstance(r, int)) == [0, 1, 4, 16, 25]


def test_a_task_that_kills_its_process_is_named_and_the_rest_is_done():
    check_that_a_dead_task_is_named("processes")


@pytest.mark.parametrize("name", ["serial", "processes"])
def test_what_ends_a_run_reaches_the_caller(name):
    with pytest.raises(DiskFull):
        list(executor(name, 2).run(range(6), square_or_raise))


@quiet_ray
def test_the_same_on_a_cluster_that_is_there_and_stays():
    """One cluster for all of it: to start one takes as long as all other tests of this file."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        check_that_a_dead_task_is_named("ray")
        with pytest.raises(DiskFull):
            list(executor("ray", 2).run(range(6), square_or_raise))
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def test_unknown_executors_are_refused():
    with pytest.raises(OptionError):
        executor("threads")
