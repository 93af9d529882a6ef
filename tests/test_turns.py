"""Two programs in turns: never both at once, and each with the time that it was given."""

from __future__ import annotations

import subprocess
import sys
import threading
from itertools import pairwise

from benchmarks.turns import Side, take_turns

BUSY = """
import time
end = time.process_time() + 0.2
while time.process_time() < end:
    print(time.monotonic(), flush=True)
"""


def busy():
    """A program that computes for a while and says when it did."""
    return subprocess.Popen(
        [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, process_group=0, text=True
    )


def test_one_works_while_the_other_is_stopped():
    with busy() as first, busy() as second:
        sides = [Side([one.pid]) for one in (first, second)]
        worked = {}

        def follow(process, side):
            worked[side] = [float(line) for line in process.stdout]
            side.done.set()

        readers = [
            threading.Thread(target=follow, args=pair)
            for pair in zip((first, second), sides, strict=True)
        ]
        for reader in readers:
            reader.start()
        take_turns(*sides, turn_s=0.03)
        for reader in readers:
            reader.join()
    order = [
        side for _, side in sorted((at, side is sides[0]) for side in sides for at in worked[side])
    ]
    changes = sum(one is not other for one, other in pairwise(order))
    assert 3 < changes < len(order) / 20
    for side in sides:
        # All that it did was in its turns, in which little else happened.
        last = worked[side][-1]
        assert 0.1 < side.given_s(last) < last - min(worked[one][0] for one in sides)


def test_time_before_and_after_the_turns_does_not_count():
    with busy() as one, busy() as other:
        side, idle = Side([one.pid]), Side([other.pid])
        side.done.set()
        idle.done.set()
        assert side.given_s(1e12) == 0
        take_turns(side, idle)
        one.stdout.read()
        other.stdout.read()
