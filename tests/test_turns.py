"""Two programs in turns: never both at once, and each with the time that it was given."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from itertools import groupby

from benchmarks.turns import Side, take_turns

BUSY = """
import time
while True:
    print(time.monotonic(), flush=True)
"""
ENOUGH = 8


def busy():
    """A program that says without end when it works."""
    return subprocess.Popen(
        [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, process_group=0, text=True
    )


def stints(worked):
    """Who worked from when to when: (side, first, last), in order."""
    lines = sorted((at, number) for number, times in enumerate(worked) for at in [*times])
    found = []
    for number, group in groupby(lines, key=lambda line: line[1]):
        times = [at for at, _ in group]
        found.append((number, times[0], times[-1]))
    return found


def test_one_works_while_the_other_is_stopped():
    worked = [[], []]
    with busy() as first, busy() as second:
        programs = (first, second)
        sides = [Side([one.pid]) for one in programs]

        def follow(number):
            for line in programs[number].stdout:
                if line.endswith("\n"):  # not what was being said when it was ended
                    worked[number].append(float(line))
            sides[number].done.set()

        threads = [threading.Thread(target=follow, args=(number,)) for number in (0, 1)]
        threads.append(threading.Thread(target=take_turns, args=sides, kwargs={"turn_s": 0.03}))
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        # However slow the machine is: until each has had its turns.
        while len(stints(worked)) < ENOUGH:
            time.sleep(0.1)
        for one in programs:
            one.kill()
        for thread in threads:
            thread.join()
    found = stints(worked)
    # Side by side they would change places at nearly every line.
    assert len(found) < sum(map(len, worked)) / 20
    end = max(last for _, _, last in found)
    given = [side.given_s(end) for side in sides]
    assert sum(given) < end - begun
    for number in (0, 1):
        # All that it did was in its turns.
        did = sum(last - at for one, at, last in found if one == number)
        assert 0 < 0.5 * did < given[number]


def test_time_before_and_after_the_turns_does_not_count():
    with busy() as one, busy() as other:
        side, idle = Side([one.pid]), Side([other.pid])
        side.done.set()
        idle.done.set()
        assert side.given_s(1e12) == 0
        take_turns(side, idle)
        assert one.stdout.readline()
        assert other.stdout.readline()
        one.kill()
        other.kill()
