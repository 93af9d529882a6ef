"""``ltx-bench``: what of a watermark survives, measured on many clips and attacks.

Results are kept by what they depend on: an interrupted run goes on where it was when the same
command is given again, and only what changed is computed anew.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attacks.bench.suite import SUITES
from provenance.config import LtxCommand
from provenance.errors import OptionError
from provenance.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from attacks.bench.results import Cell, Master

OURS = "everyframe"
UNREADABLE = 3


@click.command(
    name="ltx-bench",
    cls=LtxCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Exit codes: 0 done, 2 usage, 3 a clip could not be read, 4 writing failed.",
)
@click.argument("clips", nargs=-1, metavar="CLIPS...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="RUN_DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the run: results, marked clips, report. Give it again to go on.",
)
@click.option(
    "--suite",
    "suite_name",
    type=click.Choice(list(SUITES)),
    default="quick",
    help="; ".join(f"{suite.name}: {suite.summary}" for suite in SUITES.values()) + ".",
)
@click.option(
    "--attack",
    "only",
    multiple=True,
    metavar="NAME",
    help="Only these, be they in the suite or not.",
)
@click.option(
    "--system", "systems", multiple=True, default=[OURS], metavar="NAME", help="Marks to test."
)
@click.option(
    "--peers",
    default="",
    show_default=False,
    metavar="NAME,…",
    help="Further marks to test beside them, separated by commas; 'all' for all there are.",
)
@click.option(
    "--executor",
    "executor_name",
    type=click.Choice(["serial", "processes", "ray"]),
    default="processes",
    help="Who computes.",
)
@click.option("--jobs", type=click.IntRange(1, 1024), help="Cells at a time. [default: processors]")
@click.option("--seconds", type=float, help="Of each clip. [default: the suite's]")
@click.option(
    "--draws", type=click.IntRange(1, 1000), help="Draws of each attack. [default: the suite's]"
)
@click.option("--seed", type=click.IntRange(0), default=0, help="Of keys, messages and draws.")
@click.option(
    "--peer-frames",
    type=click.IntRange(1),
    help="Pictures of each clip for systems that ask for few. [default: theirs]",
)
@click.option("--vmaf", is_flag=True, help="Measure VMAF too (needs the vmaf extra).")
@click.option(
    "--drawn/--no-drawn",
    default=None,
    help="Add the clips that the project draws. [default: where no clip is named, and in quick]",
)
@click.option(
    "--compare",
    nargs=2,
    metavar="RUN_A RUN_B",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Say what differs between two runs and stop.",
)
@click.option("--list", "listing", is_flag=True, help="Show suites and systems and stop.")
@click.option("--quiet", is_flag=True, help="No progress and no messages; the summary only.")
@click.version_option(package_name="everyframe")
def main(
    clips: tuple[Path, ...],
    folder: Path | None,
    suite_name: str,
    only: tuple[str, ...],
    systems: tuple[str, ...],
    peers: str,
    executor_name: str,
    jobs: int | None,
    seconds: float | None,
    draws: int | None,
    seed: int,
    peer_frames: int | None,
    vmaf: bool,
    drawn: bool | None,
    compare: tuple[Path, Path] | None,
    listing: bool,
    quiet: bool,
) -> None:
    """Mark CLIPS, attack them, read what is left, and write a report to RUN_DIR."""
    if listing:
        _show_lists()
        return
    if compare is not None:
        from attacks.bench.report import compare as compare_runs

        click.echo(compare_runs(*compare).to_text())
        return
    if folder is None:
        raise click.UsageError("Name the run's folder: -o RUN_DIR.")
    if seconds is not None and not 0 < seconds < float("inf"):
        raise OptionError(f"{seconds:g} seconds of a clip", hint="give a positive number")
    from attacks.bench.bench import bench, suite_of
    from attacks.bench.plan import Settings
    from attacks.bench.report import to_text
    from attacks.systems.catalog import names
    from detectors.executors import executor
    from provenance.interrupts import noted_interrupts

    suite = suite_of(suite_name, only, draws)
    added = names() if peers == "all" else peers.replace(",", " ").split()
    settings = Settings(
        seconds=seconds or suite.seconds, peer_frames=peer_frames, vmaf=vmaf, seed=seed
    )
    say = _say_nothing if quiet else _say
    with noted_interrupts() as check:
        watcher = Terminal(check, quiet=quiet)
        done = bench(
            clips,
            folder,
            suite=suite,
            systems=[*systems, *added],
            settings=settings,
            executor=executor(executor_name, jobs),
            watcher=watcher,
            drawn=(not clips or suite_name == "quick") if drawn is None else drawn,
            started=datetime.now(UTC),
        )
        watcher.end()
    for name, error in (done.unreadable | done.missing).items():
        say(f"left out {printable(name)}: {error.diagnostics()}")
    click.echo(to_text(done.summary))
    click.echo(f"report: {printable(str(folder / 'report.html'))}")
    sys.exit(UNREADABLE if done.unreadable else 0)


class Terminal:
    """Progress on stderr, where that is a terminal: done of all, and the time left."""

    def __init__(self, check_interrupt: Callable[[], None], *, quiet: bool) -> None:
        self.check = check_interrupt
        self._quiet = quiet
        # None: closed by the caller.
        self._visible = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._count = 0
        self._failed = 0

    def begin(self, cells: int, known: int) -> None:
        self._count = cells
        if not self._quiet:
            kept = f", {known} known already" if known else ""
            _say(f"{cells} results to compute{kept}")

    def done(self, result: Master | Cell, left: int, seconds_left: float | None) -> None:
        self._failed += result.status == "failed"
        if not self._visible:
            return
        failed = f", {self._failed} failed" if self._failed else ""
        until = "" if seconds_left is None else f", {_span(seconds_left)} left"
        line = f"{self._count - left} of {self._count}{failed}{until}"
        click.echo(f"\r{line}\x1b[K", nl=False, err=True)

    def end(self) -> None:
        if self._visible and self._count:
            click.echo("\r\x1b[K", nl=False, err=True)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _show_lists() -> None:
    from attacks.bench.bench import suite_of
    from attacks.systems.catalog import names

    click.echo("suites:")
    for name in SUITES:
        suite = suite_of(name)
        click.echo(f"  {name:10} {suite.summary} ({len(suite.entries)} attacks)")
    click.echo("systems:")
    for name in names():
        click.echo(f"  {name}")
    click.echo("attacks: ltx-attack --list")


def _say(message: str) -> None:
    click.echo(f"ltx-bench: {message}", err=True)


def _say_nothing(_message: str) -> None:
    return


if __name__ == "__main__":
    main()
