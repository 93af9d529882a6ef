"""An evaluation from end to end: plan, masters, cells, report; stopped and resumed as one likes.

The folder of a run holds ``results.jsonl``, the marked clips (``masters/``), pictures of what
attacks did (``thumbnails/``), and the report. Marked clips and report come back when deleted.
"""

from __future__ import annotations

import fcntl
import shutil
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from attacks.bench.making import MAKING
from attacks.bench.plan import CellTask, MasterTask
from attacks.bench.results import Cell, Master, ResultLog, read_results
from detectors.executors import Died
from provenance.errors import OutputForbidden, RunMismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from attacks.bench.plan import Plan
    from detectors.executors import Executor

RESULTS = "results.jsonl"
_AGAIN = ("failed",)


class Watcher(Protocol):
    """Who is told how a run goes on, and may end it."""

    def check(self) -> None:
        """Called now and then: what it raises ends the run."""

    def begin(self, cells: int, known: int) -> None:
        """There are so many results to compute, and so many are known already."""

    def done(self, result: Master | Cell, left: int, seconds_left: float | None) -> None:
        """One more is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All results of a plan, in its order; ``computed`` of them were not known before."""

    results: tuple[Master | Cell, ...]
    computed: int


def evaluate(plan: Plan, folder: Path, executor: Executor, watcher: Watcher) -> Outcome:
    """Computes what of ``plan`` is not in ``folder`` yet.

    Each result is on the disk before the next is waited for: killed at any time, a run goes on
    where it was. What failed is tried again by the next run; what was skipped is not.

    Hold :func:`locked` meanwhile. Raises :class:`~provenance.errors.OutputError` where the folder
    cannot be written, :class:`~provenance.errors.RunMismatch` for results that are damaged.
    """
    with _tidy(folder), ResultLog(folder / RESULTS) as log:
        known = {r.key: r for r in read_results(folder / RESULTS) if r.status not in _AGAIN}
        before = len(known)
        tasks: tuple[MasterTask | CellTask, ...] = (*plan.masters, *plan.cells)
        todo = [task for task in tasks if task.key not in known]
        watcher.begin(len(todo), len(tasks) - len(todo))
        left = _Left(todo, executor)

        def compute_all(chosen: Sequence[MasterTask | CellTask]) -> None:
            with closing(_computed(chosen, executor, watcher.check)) as computed:
                for result in computed:
                    log.add([result])
                    known[result.key] = result
                    watcher.done(result, *left.after(result))

        compute_all([task for task in plan.masters if task.key not in known])
        possible = []
        for task in plan.cells:
            master = known[task.master.key]
            if task.key in known:
                continue
            if master.status == "done":
                possible.append(task)
            else:
                known[task.key] = _impossible(task, master)
                watcher.done(known[task.key], *left.after(known[task.key]))
        compute_all(possible)
    results = tuple(_named(known[task.key], task) for task in tasks)
    return Outcome(results=results, computed=len(known) - before)


def _named(result: Master | Cell, task: MasterTask | CellTask) -> Master | Cell:
    """Under the name that the clip has now: what is known was found under its content."""
    return replace(result, clip=(task if isinstance(task, MasterTask) else task.master).source.name)


def _computed(
    tasks: Sequence[MasterTask | CellTask], executor: Executor, alive: Callable[[], None]
) -> Generator[Master | Cell, None, None]:
    from attacks.bench.evaluate import compute

    with closing(executor.run(tasks, compute, alive)) as results:
        for result in results:
            yield _dead(result.task) if isinstance(result, Died) else result


def _dead(task: MasterTask | CellTask) -> Master | Cell:
    from attacks.bench.evaluate import blank

    return replace(blank(task), status="failed", detail="the process that computed it died")


def _impossible(task: CellTask, master: Master | Cell) -> Cell:
    from attacks.bench.evaluate import blank

    cell = blank(task)
    assert isinstance(cell, Cell)
    return replace(cell, status=master.status, detail=f"could not be marked: {master.detail}")


@contextmanager
def _tidy(folder: Path) -> Iterator[None]:
    """Without what a killed run was making, before and after."""
    try:
        _remove_unfinished(folder)
        yield
    finally:
        _remove_unfinished(folder)


def _remove_unfinished(folder: Path) -> None:
    for unfinished in (folder / "scratch", *folder.glob(f"*/{MAKING}*")):
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, made where it is not there, for one run: two would compute everything twice.

    Raises :class:`~provenance.errors.OutputForbidden` where it cannot be written,
    :class:`~provenance.errors.RunMismatch` when another run works in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise OutputForbidden(
            f"{folder} cannot be written: {error.strerror}", hint="choose another folder"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunMismatch(
                f"another evaluation is working in {folder}", hint="wait for it, or end it"
            ) from error
        yield


class _Left:
    """How long the rest takes, from how long each system took for what is done."""

    def __init__(self, tasks: Sequence[MasterTask | CellTask], executor: Executor) -> None:
        self._count: dict[str, int] = {}
        for task in tasks:
            system = _system(task)
            self._count[system] = self._count.get(system, 0) + 1
        self._jobs = getattr(executor, "jobs", 1)
        self._spent: dict[str, list[float]] = {}

    def after(self, result: Master | Cell) -> tuple[int, float | None]:
        """(results left, seconds left or None while nothing is known)."""
        self._count[result.system] -= 1
        if isinstance(result, Cell) and result.status == "done":
            self._spent.setdefault(result.system, []).append(result.attack_s + result.read_s)
        left = sum(self._count.values())
        everything = [s for spent in self._spent.values() for s in spent]
        if not everything:
            return left, None
        usual = sum(everything) / len(everything)
        seconds = 0.0
        for system, count in self._count.items():
            spent = self._spent.get(system)
            seconds += count * (sum(spent) / len(spent) if spent else usual)
        return left, seconds / self._jobs


def _system(task: MasterTask | CellTask) -> str:
    return task.system if isinstance(task, MasterTask) else task.master.system
