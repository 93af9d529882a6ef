"""``ltx-bench`` as a function: clips in, results and a report out."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING

from attacks.bench.drawn import draw_clips
from attacks.bench.plan import Settings, plan, sources
from attacks.bench.report import RunFacts, write_report
from attacks.bench.run import Outcome, evaluate, locked
from attacks.bench.suite import SUITES, Suite
from attacks.catalog import attacks, find_attack, unknown
from attacks.systems.catalog import find_system
from provenance import __version__
from provenance.disk import disk_errors
from provenance.errors import EveryframeError, InputError, PackageMissing
from provenance.quality import VmafMeter
from provenance.video import open_media

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from attacks.bench.report import Summary
    from attacks.bench.run import Watcher
    from detectors.executors import Executor


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a bench did. ``summary`` is what the report says. ``unreadable`` and ``missing``: clips
    and systems that were left out, with the reason of each.
    """

    suite: Suite
    settings: Settings
    outcome: Outcome
    summary: Summary
    unreadable: dict[str, EveryframeError]
    missing: dict[str, EveryframeError]


def suite_of(name: str, only: Sequence[str] = (), draws: int | None = None) -> Suite:
    """The suite called ``name``, reduced to the attacks ``only``, which need not be in it.

    Raises :class:`~provenance.errors.UnknownName`.
    """
    if name not in SUITES:
        raise unknown("suite", name, list(SUITES), f"one of {', '.join(SUITES)}")
    suite = SUITES[name]
    if not suite.entries:
        suite = replace(suite, entries=MappingProxyType(dict.fromkeys(attacks(), ())))
    if only:
        entries = {}
        for attack in only:
            find_attack(attack)
            entries[attack] = suite.entries.get(attack, ())
        suite = replace(suite, entries=MappingProxyType(entries))
    return suite if draws is None else replace(suite, draws=draws)


def bench(
    paths: Sequence[Path],
    folder: Path,
    *,
    suite: Suite,
    systems: Sequence[str],
    settings: Settings,
    executor: Executor,
    watcher: Watcher,
    started: datetime,
    drawn: bool = False,
) -> Bench:
    """Evaluates ``systems`` on the clips at ``paths`` and, if ``drawn``, on drawn ones, and writes
    the report into ``folder``.

    A clip that cannot be read and a system whose package is missing are left out and named in the
    result. Raises :class:`~provenance.errors.InputError` when none of those named is left,
    :class:`~provenance.errors.PackageMissing` when no system is or VMAF is not, and what
    :func:`attacks.bench.run.evaluate` raises.
    """
    for name in suite.entries:
        find_attack(name)
    if settings.vmaf:
        VmafMeter(width=16, height=16)  # says at once what it lacks
    usable, missing = _usable(systems)
    readable, unreadable = _readable(paths)
    if not readable and (paths or not drawn):  # before the drawn ones take their time
        raise next(iter(unreadable.values()), None) or InputError(
            "no clip was given", hint="name some, or use --drawn"
        )
    facts = RunFacts(
        suite=suite.name,
        seconds=settings.seconds,
        settings=asdict(settings),
        versions=_versions(),
        started=started,
        cpus=os.cpu_count(),
        left_out={name: error.message for name, error in (unreadable | missing).items()},
    )
    with locked(folder):
        if drawn:
            with disk_errors(folder):
                readable += draw_clips(folder / "clips", settings.seconds or suite.seconds)
        planned = plan(suite, sources(readable), usable, settings, folder)
        outcome = evaluate(planned, folder, executor, watcher)
        summary = write_report(folder, outcome.results, facts)
    return Bench(
        suite=suite,
        settings=settings,
        outcome=outcome,
        summary=summary,
        unreadable=unreadable,
        missing=missing,
    )


def _versions() -> dict[str, str]:
    found = {"everyframe": __version__, "python": platform.python_version()}
    return found | {package: version(package) for package in ("av", "opencv-python-headless")}


def _usable(systems: Sequence[str]) -> tuple[list[str], dict[str, EveryframeError]]:
    usable: list[str] = []
    missing: dict[str, EveryframeError] = {}
    for name in dict.fromkeys(systems):
        try:
            find_system(name)
            usable.append(name)
        except PackageMissing as error:
            missing[name] = error
    if not usable:
        raise next(iter(missing.values()))
    return usable, missing


def _readable(paths: Sequence[Path]) -> tuple[list[Path], dict[str, EveryframeError]]:
    readable: list[Path] = []
    unreadable: dict[str, EveryframeError] = {}
    for path in paths:
        try:
            with open_media(path):
                readable.append(path)
        except InputError as error:
            unreadable[str(path)] = error
    return readable, unreadable
