"""An evaluation from end to end: plan, masters, cells, report; stopped and resumed as one likes.

The folder of a run holds ``results.jsonl``, the marked clips (``masters/``), pictures of what
attacks did (``thumbnails/``), and the report. All but the results can be deleted and come back.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from attacks.bench.executors import Died
from attacks.bench.plan import CellTask, MasterTask
from attacks.bench.results import Cell, Master, ResultLog, read_results
from provenance.errors import OutputForbidden, RunMismatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from attacks.bench.executors import Executor
    from attacks.bench.plan import Plan

RESULTS = "results.jsonl"


class Watcher(Protocol):
    """Who is told how a run goes on."""

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

    Raises :class:`~provenance.errors.OutputError` where the folder cannot be written,
    :class:`~provenance.errors.RunMismatch` when another run works in it.
    """
    with _locked(folder):
        known = {r.key: r for r in read_results(folder / RESULTS) if r.status != "failed"}
        before = len(known)
        tasks: tuple[MasterTask | CellTask, ...] = (*plan.masters, *plan.cells)
        todo = [task for task in tasks if task.key not in known]
        watcher.begin(len(todo), len(tasks) - len(todo))
        with ResultLog(folder / RESULTS) as log:
            left = _Left(todo, executor)
            masters = [task for task in plan.masters if task.key not in known]
            for result in _computed(masters, executor):
                log.add([result])
                known[result.key] = result
                watcher.done(result, *left.after(result))
            cells = [task for task in plan.cells if task.key not in known]
            possible = []
            for task in cells:
                master = known[task.master.key]
                if master.status == "done":
                    possible.append(task)
                else:
                    known[task.key] = _impossible(task, master)
                    watcher.done(known[task.key], *left.after(known[task.key]))
            for result in _computed(possible, executor):
                log.add([result])
                known[result.key] = result
                watcher.done(result, *left.after(result))
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        results = tuple(known[task.key] for task in tasks)
    return Outcome(results=results, computed=len(known) - before)


def _computed(
    tasks: Sequence[MasterTask | CellTask], executor: Executor
) -> Iterator[Master | Cell]:
    from attacks.bench.evaluate import compute

    for result in executor.run(tasks, compute):
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
def _locked(folder: Path) -> Iterator[None]:
    """Two runs in one folder would compute everything twice."""
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
        self._started = time.monotonic()

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
