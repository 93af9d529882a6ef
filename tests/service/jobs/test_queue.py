"""What every queue keeps to, whatever it is made of."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from service.jobs import open_queue

LONG_S, SHORT_S = 30.0, 0.3


def put(database, queue, *scans):
    for scan in scans:
        with database.writing() as transaction:
            queue.put(transaction, scan)


def soon(attempt, seconds=15.0):
    """What ``attempt`` gives as soon as it gives something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (found := attempt()) is not None:
            return found
        time.sleep(0.05)
    return None


def test_jobs_come_in_the_order_in_which_they_were_put(database, queue):
    put(database, queue, "a", "b", "c")
    assert queue.waiting() == 3
    claims = [queue.claim(LONG_S) for _ in range(4)]
    assert [claim and claim.scan for claim in claims] == ["a", "b", "c", None]
    assert [claim.attempt for claim in claims[:3]] == [1, 1, 1]
    for claim in claims[:3]:
        queue.done(claim)
    assert queue.waiting() == 0
    assert queue.claim(LONG_S) is None


def test_a_job_exists_when_its_transaction_does(database, queue):
    with suppress(ZeroDivisionError), database.writing() as transaction:
        queue.put(transaction, "never")
        raise ZeroDivisionError
    assert queue.claim(LONG_S) is None
    assert queue.waiting() == 0


def test_a_job_whose_worker_is_gone_comes_back(database, queue, address):
    put(database, queue, "a")
    dead = open_queue(database, address, clock=time.time)
    first = dead.claim(SHORT_S)
    assert first.scan == "a"
    second = soon(lambda: queue.claim(SHORT_S))
    assert (second.scan, second.attempt) == ("a", 2)
    assert second.token != first.token
    # The dead one was only slow; it can neither end nor keep what is another's now.
    assert not dead.renew(first, LONG_S)
    dead.done(first)
    assert queue.waiting() == 1
    queue.done(second)
    assert queue.waiting() == 0
    dead.close()


def test_a_lease_that_is_renewed_is_kept(database, queue, address):
    put(database, queue, "a")
    other = open_queue(database, address, clock=time.time)
    claim = queue.claim(1.0)
    for _ in range(8):
        time.sleep(0.2)
        assert queue.renew(claim, 1.0)
        assert other.claim(1.0) is None
    other.close()


def test_a_job_that_is_given_back_waits(database, queue):
    put(database, queue, "a")
    queue.again(queue.claim(LONG_S), 0.5)
    assert queue.claim(LONG_S) is None
    assert queue.waiting() == 1
    claim = soon(lambda: queue.claim(LONG_S))
    assert (claim.scan, claim.attempt) == ("a", 2)


def test_many_workers_share_the_jobs(database, queue, address):
    names = [f"scan-{index:03d}" for index in range(40)]
    put(database, queue, *names)
    seen, lock = [], threading.Lock()

    def work():
        own = open_queue(database, address, clock=time.time)
        while (claim := own.claim(LONG_S)) is not None:
            with lock:
                seen.append(claim.scan)
            own.done(claim)
        own.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == names
