"""Who does the work of a scan or an evaluation: this process, several, or a Ray cluster.

All give the same results, in any order: a task says all that it depends on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from provenance.errors import OptionError, PackageMissing
from provenance.heap import keep_what_is_freed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

Task = TypeVar("Task")
Result = TypeVar("Result")
EXECUTORS = ("serial", "processes", "ray")
_CHECK_S = 0.5  # between two looks at whether the work is still wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Died(Generic[Task]):
    """A task whose process ended without a word: out of memory, or a fault in native code."""

    task: Task


class Executor(Protocol):
    """Runs ``work`` on every task and gives results as they come, or :class:`Died` for one.

    ``alive`` is called now and then while there is nothing to give, and may raise to end it. Then,
    and when the iterator is closed, what is being worked on is dropped.
    """

    def run(
        self, tasks: Sequence[Task], work: Callable[[Task], Result], alive: Callable[[], None]
    ) -> Generator[Result | Died[Task], None, None]: ...


def executor(name: str, jobs: int | None = None) -> Executor:
    """The executor of this name; ``jobs`` tasks at a time, by default one a processor.

    Raises :class:`~provenance.errors.OptionError`, and
    :class:`~provenance.errors.PackageMissing` where Ray is asked for and not installed.
    """
    if name not in EXECUTORS:
        raise OptionError(f"unknown executor {name!r}", hint=f"one of {', '.join(EXECUTORS)}")
    jobs = jobs or os.cpu_count() or 1
    if name == "serial":
        return Serial()
    return Processes(jobs=jobs) if name == "processes" else Ray(jobs=jobs)


class Serial:
    """One task after the other, in this process; ``alive`` is called between them."""

    def run(
        self, tasks: Sequence[Task], work: Callable[[Task], Result], alive: Callable[[], None]
    ) -> Generator[Result | Died[Task], None, None]:
        for task in tasks:
            alive()
            yield work(task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """``jobs`` processes on this machine. One that dies takes nothing but its own task with it."""

    jobs: int

    def run(
        self, tasks: Sequence[Task], work: Callable[[Task], Result], alive: Callable[[], None]
    ) -> Generator[Result | Died[Task], None, None]:
        waiting = deque(tasks)
        while waiting:
            lost = yield from _in_pool(min(self.jobs, len(waiting)), waiting, work, alive)
            # It is not known which of them it was: each gets a process of its own.
            for task in lost:
                killed = yield from _in_pool(1, deque([task]), work, alive)
                yield from (Died(task=task) for task in killed)


def _in_pool(
    jobs: int, waiting: deque[Task], work: Callable[[Task], Result], alive: Callable[[], None]
) -> Generator[Result, None, list[Task]]:
    """Takes from ``waiting`` until nothing is left, or until a process dies: what all of them were
    working on then is returned.
    """
    # Fresh interpreters: native contexts and threads do not survive a fork.
    spawn = multiprocessing.get_context("spawn")
    theirs, ours = spawn.Pipe(duplex=False)
    running: dict[Future[Result], Task] = {}
    lost: list[Task] = []
    # The processes end when our end of the pipe is closed: by whatever ends this block.
    pool = ProcessPoolExecutor(jobs, spawn, _begin, (theirs,))
    with closing(theirs), pool, closing(ours):
        while running or (waiting and not lost):
            while waiting and not lost and len(running) <= jobs:
                task = waiting.popleft()
                try:
                    with _no_interrupts():
                        running[pool.submit(work, task)] = task
                except BrokenProcessPool:
                    lost.append(task)
            done, _ = wait(running, _CHECK_S, FIRST_COMPLETED)
            alive()
            for future in done:
                task = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    lost.append(task)
                    continue
                yield result
        pool.shutdown()
    return lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Ray:
    """``jobs`` tasks at a time on a Ray cluster: the one that ``RAY_ADDRESS`` names, else a local
    one that ends with the run. Its machines must see the files under the same names.
    """

    jobs: int

    def __post_init__(self) -> None:
        _ray()

    def run(
        self, tasks: Sequence[Task], work: Callable[[Task], Result], alive: Callable[[], None]
    ) -> Generator[Result | Died[Task], None, None]:
        ray = _ray()
        ours = not ray.is_initialized()
        if ours:
            address = os.environ.get("RAY_ADDRESS")
            local = {} if address else {"num_cpus": self.jobs, "include_dashboard": False}
            with _no_interrupts(), _own_end():
                ray.init(address=address, log_to_driver=False, configure_logging=False, **local)
        running: dict[Any, Task] = {}
        try:
            # Work is deterministic: what killed one process would kill the next.
            remote = ray.remote(num_cpus=1, max_retries=0)(work)
            waiting = deque(tasks)
            while waiting or running:
                while waiting and len(running) < 2 * self.jobs:
                    task = waiting.popleft()
                    running[remote.remote(task)] = task
                done, _ = ray.wait(list(running), timeout=_CHECK_S)
                alive()
                for reference in done:
                    task = running.pop(reference)
                    try:
                        yield ray.get(reference)
                    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                        yield Died(task=task)
                    except ray.exceptions.RayTaskError as error:
                        raise error.as_instanceof_cause() from None
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
            if ours:
                ray.shutdown()


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Leaves Ctrl-C to this process: those that the block starts never see it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _own_end() -> Iterator[None]:
    """Keeps how this process answers SIGTERM: Ray takes that for itself, and exits."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit as ended:
        raise KeyboardInterrupt from ended
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _begin(parent: Connection) -> None:
    """In each process: one thread a task, memory that is kept, and an end with the parent."""
    # Read by torch when it is imported, which it is in few tasks.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import cv2

    cv2.setNumThreads(1)
    keep_what_is_freed()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    # Nothing is ever sent: it is readable when the other end is closed, by a kill too.
    parent.poll(None)
    os._exit(1)


def _ray() -> Any:
    """The module, which may be missing."""
    try:
        import ray
    except ImportError as error:
        raise PackageMissing(
            "Ray is not installed", hint="pip install 'everyframe[ray]'"
        ) from error
    return ray
