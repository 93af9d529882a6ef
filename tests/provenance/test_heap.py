"""Memory that is freed stays with the process, until it is given back."""

from __future__ import annotations

import subprocess
import sys

import pytest

_ARRAYS = """
import platform, resource, sys
import numpy as np
from provenance.heap import give_back_what_is_freed, keep_what_is_freed

if platform.libc_ver()[0] != "glibc":
    sys.exit(77)
if {keep}:
    keep_what_is_freed()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

before = faults()
for size in range(300_000, 500_000, 10_000):  # each larger: glibc adapts to what it has seen
    np.ones(size)
again = faults() - before

held = [bytes(100_000) for _ in range(200)]
pages = int(open("/proc/self/statm").read().split()[1])
del held
give_back_what_is_freed()
print(again, (pages - int(open("/proc/self/statm").read().split()[1])) * resource.getpagesize())
"""


def run(*, keep):
    program = _ARRAYS.replace("{keep}", str(keep))
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    if ended.returncode == 77:
        pytest.skip("not glibc")
    assert ended.returncode == 0, ended.stderr
    return tuple(map(int, ended.stdout.split()))


def test_arrays_get_the_memory_of_those_before_them():
    kept, given_back = run(keep=True)
    # The largest is 1,000 pages of 4 kB; all of them are 15,600.
    assert kept < 2500
    assert run(keep=False)[0] > 2 * kept
    assert given_back > 15_000_000
