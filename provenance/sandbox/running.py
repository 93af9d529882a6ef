"""Outside of the sandbox: starting confined work, waiting for it, and ending it in time.

The work runs in a fork of a server that has the libraries loaded (multiprocessing's "forkserver"),
so that it starts in milliseconds and inherits nothing of this process. What it sends is JSON of
bounded size: were it unpickled, whoever took the work over would have this process as well.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from multiprocessing import forkserver, reduction
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from provenance.errors import (
    EveryframeError,
    SandboxCrashed,
    SandboxError,
    SandboxMemory,
    SandboxTimeout,
    SandboxUnavailable,
)
from provenance.heap import KEPT_BYTES, LARGE_BYTES
from provenance.sandbox.child import enter
from provenance.sandbox.level import SandboxMode, chosen_level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from provenance.sandbox.limits import SandboxLimits

T = TypeVar("T")
_PRELOAD = "provenance.sandbox.preload"
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_TUNING = {
    # A fork gets its memory anew, page by page. So what it frees it keeps for the next array, gets
    # it in large pages where the kernel lends them, and has one heap for all. (glibc, "Memory
    # Allocation Tunables"; other C libraries ignore it.)
    "GLIBC_TUNABLES": ":".join(
        (
            "glibc.malloc.hugetlb=1",
            f"glibc.malloc.mmap_threshold={LARGE_BYTES}",
            f"glibc.malloc.trim_threshold={KEPT_BYTES}",
            "glibc.malloc.arena_max=1",
        )
    ),
    # Files are worked on side by side: threads within one would take the cores from the others.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_GRACE_S = 2.0
_SMALL_HINT = "the file is damaged or hostile, or too large for the limits"


class Ask(Protocol):
    """How confined work asks its parent: a name that the parent knows, and a JSON value."""

    def __call__(self, name: str, value: Any, /) -> Any: ...


def prepare_sandbox(modules: Sequence[str] = ()) -> None:
    """Starts the server of the sandbox with ``modules`` loaded, and without this process' secrets.

    Call it once, before there are threads: the environment (where passwords are) is hidden from the
    server while it starts. Without it the server starts at the first use, with the environment.
    """
    _context().set_forkserver_preload([*modules, _PRELOAD])
    kept = dict(os.environ)
    try:
        for name in kept:
            if name not in _KEPT_VARIABLES and not name.startswith("PYTHON"):
                del os.environ[name]
        os.environ.update(_TUNING)
        forkserver.ensure_running()
    finally:
        for name in _TUNING:
            os.environ.pop(name, None)
        os.environ.update(kept)


def run_confined(
    function: Callable[..., T],
    arguments: tuple[Any, ...] = (),
    *,
    limits: SandboxLimits,
    files: Mapping[str, int] | None = None,
    readable: Sequence[Path] = (),
    handlers: Mapping[str, Callable[[Any], Any]] | None = None,
    mode: SandboxMode = "auto",
) -> T:
    """What ``function(*arguments, **paths)`` gives, computed where it can do no harm.

    ``function``, of a module's top level, must give what JSON can carry. ``files``: descriptors by
    name; each reaches the function as a path of that name. ``readable``: paths that it may open,
    where they exist; beside these and libraries there is nothing. ``handlers``: what the function
    may ask for by its argument ``ask``.

    Raises the :class:`~provenance.errors.EveryframeError` that the function raises, else
    :class:`~provenance.errors.SandboxTimeout`, :class:`~provenance.errors.SandboxMemory`,
    :class:`~provenance.errors.SandboxCrashed` and, where ``mode`` is "required" and not to be had,
    :class:`~provenance.errors.SandboxUnavailable`. What a handler raises ends the work, too.
    """
    level = chosen_level(mode)
    here, there = multiprocessing.Pipe(duplex=True)
    process = _context().Process(
        target=enter,
        args=(
            there,
            function,
            arguments,
            _Descriptors(files or {}),
            limits,
            level,
            tuple(readable),
        ),
        kwargs={"may_ask": handlers is not None},
        daemon=True,
    )
    late = threading.Event()

    def end_in_time() -> None:
        late.set()
        process.kill()

    # A clock of its own: a process that was taken over could send half a message, and no more.
    clock = threading.Timer(limits.wall_s, end_in_time)
    try:
        process.start()
        there.close()
        clock.start()
        message = _answer(here, handlers or {}, limits)
        if message is None and not late.is_set():
            raise _why_none(process, limits)
    except SandboxCrashed:
        if not late.is_set():
            raise
        message = None
    finally:
        clock.cancel()
        if clock.is_alive():
            clock.join()  # it must not kill a process that is closed already
        here.close()
        _end(process)
    if message is None:
        text = f"the work took longer than the {limits.wall_s:g} s allowed"
        raise SandboxTimeout(text, hint=_SMALL_HINT)
    return cast("T", _result(message))


def _context() -> Any:
    return multiprocessing.get_context("forkserver")


class _Descriptors:
    """Open descriptors on their way into another process, where they have other numbers."""

    def __init__(self, files: Mapping[str, int]) -> None:
        self._files = files

    def __reduce__(self) -> Any:
        sent = {name: reduction.DupFd(number) for name, number in self._files.items()}
        return _arrived, (sent,)


def _arrived(sent: dict[str, Any]) -> dict[str, int]:
    return {name: handle.detach() for name, handle in sent.items()}


def _answer(
    pipe: Connection,
    handlers: Mapping[str, Callable[[Any], Any]],
    limits: SandboxLimits,
) -> dict[str, Any] | None:
    """The last message, with all before it answered; None when there was none."""
    while True:
        try:
            message = json.loads(pipe.recv_bytes(limits.answer_bytes))
        except (EOFError, ConnectionError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise SandboxCrashed("the work sent no proper answer", hint=_SMALL_HINT) from error
        if not isinstance(message, dict) or "ask" not in message:
            return message if isinstance(message, dict) else {}
        try:
            name, value = message["ask"]
            handler = handlers[name]
        except (KeyError, TypeError, ValueError) as error:
            raise SandboxCrashed(
                "the work asked for what it may not have", hint=_SMALL_HINT
            ) from error
        try:
            pipe.send_bytes(json.dumps(handler(value)).encode())
        except (BrokenPipeError, ConnectionError):
            return None


def _result(message: dict[str, Any]) -> Any:
    if "answer" in message:
        return message["answer"]
    if "memory" in message:
        raise SandboxMemory("the work needed more memory than is allowed", hint=_SMALL_HINT)
    if "unconfined" in message:
        raise SandboxUnavailable(f"the process could not be confined: {message['unconfined']}")
    if "failed" in message:
        raise SandboxError(f"the work failed: {message['failed']}", hint=_SMALL_HINT)
    try:
        code, text, hint = message["error"]
        raise _by_code(EveryframeError)[str(code)](str(text), hint=str(hint))
    except (KeyError, TypeError, ValueError) as error:
        raise SandboxCrashed("the work sent no proper answer", hint=_SMALL_HINT) from error


def _by_code(kind: type[EveryframeError]) -> dict[str, type[EveryframeError]]:
    found = {kind.code: kind}
    for lower in kind.__subclasses__():
        found.update(_by_code(lower))
    return found


def _why_none(process: ForkServerProcess, limits: SandboxLimits) -> SandboxError:
    """Why the process ended without a word."""
    process.join(_GRACE_S)
    code = process.exitcode
    if code == -signal.SIGXCPU:
        text = f"the work took more than the {limits.cpu_s} s of computing allowed"
        return SandboxTimeout(text, hint=_SMALL_HINT)
    if code == -signal.SIGKILL:
        # We did not, so the kernel did: out of memory, or the computing time's hard limit.
        text = "the process was killed, probably for the memory that it took"
        return SandboxMemory(text, hint=_SMALL_HINT)
    return SandboxCrashed(f"the process ended without an answer (status {code})", hint=_SMALL_HINT)


def _end(process: ForkServerProcess) -> None:
    if process.pid is None:
        return
    process.join(0.05)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()
