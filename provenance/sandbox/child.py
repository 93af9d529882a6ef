"""Inside of the sandbox: from a fresh fork to the answer."""

from __future__ import annotations

import json
import os
import signal
import sys
import sysconfig
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import EveryframeError
from provenance.sandbox.kernel import PR_SET_PDEATHSIG, prctl
from provenance.sandbox.landlock import restrict
from provenance.sandbox.limits import SandboxLimits, set_limits
from provenance.sandbox.seccomp import forbid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from multiprocessing.connection import Connection

    from provenance.sandbox.level import SandboxLevel

_SYSTEM = (
    *("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache"),
    *("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/dev/null", "/dev/urandom"),
)
_REPLY_BYTES = 256 << 20


def enter(
    pipe: Connection,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    descriptors: Mapping[str, int],
    limits: SandboxLimits,
    level: SandboxLevel,
    readable: tuple[Path, ...],
    *,
    may_ask: bool,
) -> None:
    """Confines this process, calls ``function`` and sends what it gives, as JSON.

    Each of ``descriptors`` reaches the function as a path under its name, with ``may_ask`` also
    ``ask``: a function of a name and a JSON value, answered by the parent.
    """
    try:
        _close_all_but((pipe.fileno(), *descriptors.values()))
        _confine(descriptors.values(), readable, limits, level)
    except OSError as error:
        _send(pipe, {"unconfined": str(error)})
        return
    paths: dict[str, Any] = {
        name: Path(f"/proc/self/fd/{descriptor}") for name, descriptor in descriptors.items()
    }
    if may_ask:
        paths["ask"] = lambda name, value: _asked(pipe, name, value)
    try:
        message = {"answer": function(*arguments, **paths)}
    except EveryframeError as error:
        message = {"error": [error.code, error.message, error.hint]}
    except MemoryError:
        message = {"memory": None}
    except Exception as error:  # noqa: BLE001 whatever a broken file makes of a library
        message = {"failed": f"{type(error).__name__}: {error}"[:500]}
    try:
        _send(pipe, message)
    except MemoryError:
        _send(pipe, {"memory": None})


def _close_all_but(kept: Iterable[int]) -> None:
    """Closes what the fork server left open: pipes that lead to it and to its helpers."""
    edges = sorted({2, *kept, os.sysconf("SC_OPEN_MAX")})
    for lower, upper in pairwise(edges):
        os.closerange(lower + 1, upper)


def _confine(
    descriptors: Iterable[int],
    readable: Iterable[Path],
    limits: SandboxLimits,
    level: SandboxLevel,
) -> None:
    # The parent's parent, the fork server, ends with its own parent: then we end, too.
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # A terminal or a service manager tells all processes of a group to end: that is for the parent
    # to see to, and must not look as if the file had done it.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    silence = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(silence, number)
    os.close(silence)
    os.environ.clear()
    set_limits(limits)
    if level.landlock:
        restrict(level.landlock, folders=[*libraries(), *readable], descriptors=descriptors)
    if level.seccomp:
        forbid()


@cache
def libraries() -> tuple[Path, ...]:
    """Where code and its data lie: Python, its packages, the system's libraries, our packages."""
    paths = {Path(path) for path in _SYSTEM}
    paths |= {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib")}
    paths |= {Path(sysconfig.get_path("platlib")), Path(sys.base_prefix) / "lib"}
    for package in ("provenance", "detectors"):
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            paths.add(Path(spec.origin).parent)
    return tuple(sorted(paths))


def _asked(pipe: Connection, name: str, value: Any) -> Any:
    _send(pipe, {"ask": [name, value]})
    return json.loads(pipe.recv_bytes(_REPLY_BYTES))


def _send(pipe: Connection, message: dict[str, Any]) -> None:
    pipe.send_bytes(json.dumps(message, allow_nan=False).encode())
