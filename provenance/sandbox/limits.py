"""How much time, memory and output confined work may take."""

from __future__ import annotations

import resource
import signal
from dataclasses import dataclass
from pathlib import Path

_OPEN_FILES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """``wall_s``: seconds of the clock; ``cpu_s``: of computing, over all threads.

    ``memory_bytes``: address space beyond what the process has when it starts. ``answer_bytes``: of
    one message to the parent.
    """

    wall_s: float = 600.0
    cpu_s: int = 1200
    memory_bytes: int = 2 << 30
    answer_bytes: int = 16 << 20


def set_limits(limits: SandboxLimits) -> None:
    """Bounds this process by setrlimit(2), for good."""
    # Beyond its limit a write raises EFBIG; by default the signal would end us without a word.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # Beyond the first bound SIGXCPU ends us, which tells the parent why; the second one is for
    # whoever ignores signals.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
    for kind, most in (
        (resource.RLIMIT_AS, _address_space() + limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        _, hard = resource.getrlimit(kind)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bound, bound))


def _address_space() -> int:
    """Bytes of address space in use: the first number in statm, in pages (proc(5))."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
