"""Who does the work of an evaluation: this process, several, or a Ray cluster.

All give the same results, in any order: a task says all that it depends on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from provenance.errors import OptionError, PackageMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Task = TypeVar("Task")
Result = TypeVar("Result")
EXECUTORS = ("serial", "processes", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Died(Generic[Task]):
    """A task whose process ended without a word: out of memory, or a fault in native code."""

    task: Task


class Executor(Protocol):
    """Runs ``work`` on every task and gives results as they come, or :class:`Died` for one."""

    def run(
        self, tasks: Sequence[Task], work: Callable[[Task], Result]
    ) -> Iterator[Result | Died[Task]]: ...


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
    """One task after the other, in this process."""

    def run(
        self, tasks: Sequence[Task], work: Callable[[Task], Result]
    ) -> Iterator[Result | Died[Task]]:
        yield from map(work, tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """``jobs`` processes on this machine. One that dies takes nothing but its own task with it."""

    jobs: int

    def run(
        self, tasks: Sequence[Task], work: Callable[[Task], Result]
    ) -> Iterator[Result | Died[Task]]:
        # Fresh interpreters: native contexts and threads do not survive a fork.
        spawn = multiprocessing.get_context("spawn")
        left = list(tasks)
        with ProcessPoolExecutor(self.jobs, spawn, _begin) as pool:
            pending = {pool.submit(work, task): task for task in left}
            try:
                while pending:
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        left.remove(pending.pop(future))
                        yield result
            except BrokenProcessPool:
                pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        # A task killed the pool: each of the rest gets a process of its own.
        for task in left:
            with ProcessPoolExecutor(1, spawn, _begin) as alone:
                try:
                    yield alone.submit(work, task).result()
                except BrokenProcessPool:
                    yield Died(task=task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ray:
    """``jobs`` tasks at a time on a Ray cluster: the one that ``RAY_ADDRESS`` names, else a local
    one that ends with the run. Its machines must see the run's folder under the same name.
    """

    jobs: int

    def __post_init__(self) -> None:
        _ray()

    def run(
        self, tasks: Sequence[Task], work: Callable[[Task], Result]
    ) -> Iterator[Result | Died[Task]]:
        ray = _ray()
        ours = not ray.is_initialized()
        if ours:
            address = os.environ.get("RAY_ADDRESS")
            local = {} if address else {"num_cpus": self.jobs, "include_dashboard": False}
            ray.init(address=address, log_to_driver=False, configure_logging=False, **local)
        try:
            # An attack is deterministic: what killed one process would kill the next.
            remote = ray.remote(num_cpus=1, max_retries=0)(work)
            waiting = list(reversed(tasks))
            running: dict[Any, Task] = {}
            while waiting or running:
                while waiting and len(running) < 2 * self.jobs:
                    task = waiting.pop()
                    running[remote.remote(task)] = task
                done, _ = ray.wait(list(running))
                for reference in done:
                    task = running.pop(reference)
                    try:
                        yield ray.get(reference)
                    except ray.exceptions.WorkerCrashedError:
                        yield Died(task=task)
                    except ray.exceptions.RayTaskError as error:
                        raise error.as_instanceof_cause() from None
        finally:
            if ours:
                ray.shutdown()


def _begin() -> None:
    """In each process: leave Ctrl-C to the parent, and do not outlive it; one thread a task."""
    # Read by torch when it is imported, which it is in few tasks.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
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
