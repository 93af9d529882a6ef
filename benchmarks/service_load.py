"""Many uploads at once, beside plain ``ltx-verify`` on the same files:
``python -m benchmarks.service_load --uploads 200 --repeats 3``.

Without a CLIP, a few are drawn: 720p of a second and a half at a high rate of bits, some of them
marked, so that each upload of 5 MB is searched as those of people are. Every upload is another
file, padded to the size asked for with a box that players skip ("free", ISO/IEC 14496-12). All are
sent at the same time; ``ltx-verify --fast --jobs`` gets the same files. A machine's speed changes
from minute to minute: so both take turns of two seconds, in which the other one is stopped, and the
time of each is that of its own turns (:mod:`benchmarks.turns`). With ``--repeats`` both run again,
and the other one begins. The exit status is 0 when in the median of the pairs the service took at
most 15 % longer, on a machine that did nothing else.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from benchmarks.drawn import natural_luma, write_luma
from benchmarks.footage import PAYLOAD
from benchmarks.service_chaos import free_port
from benchmarks.service_clients import Senders, send_all
from benchmarks.service_process import ServiceProcess, percentile, running
from benchmarks.turns import Side, take_turns
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.programs import run_program
from provenance.watermark import ClipMarker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BAR = 0.15
"""The most that the service may take longer than the command, as a share of the command's time."""
QUIET = 0.05
"""Beyond this share of the cores in other hands no verdict is given."""
_FRAMES, _RATE, _HEIGHT, _WIDTH = 36, 24, 720, 1280


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run over all files took, of its own turns. ``done_s``: until each result."""

    wall_s: float
    cpu_s: float
    done_s: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served(Run):
    """The same of the service; ``cpu_s`` is that of the server and of the workers.

    Whoever sends (``senders_cpu_s``) takes from the same cores, and so from the wall time.
    """

    accepted_s: list[float]
    server_cpu_s: float
    workers_cpu_s: float
    senders_cpu_s: float
    server_peak_mb: float
    worker_peak_mb: float
    outcomes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both on the same files, in turns.

    ``others_cpu_s``: computed meanwhile by what has nothing to do with them.
    """

    service: Served
    command: Run
    others_cpu_s: float

    @property
    def wall(self) -> float:
        """How much longer the service took, as a share of the command's time."""
        return self.service.wall_s / self.command.wall_s - 1

    @property
    def cpu(self) -> float:
        """The same of computing alone, and so hardly changed by what else the machine does."""
        return self.service.cpu_s / self.command.cpu_s - 1

    def disturbed(self, cores: int) -> float:
        """The share of the cores in other hands."""
        return self.others_cpu_s / (self.service.wall_s + self.command.wall_s) / cores


def draw(folder: Path, count: int) -> list[Path]:
    """``count`` clips that differ; every third is marked under the published key."""
    paths = []
    for index in range(count):
        planes = natural_luma(_FRAMES, _HEIGHT, _WIDTH, seed=index, pan=2.5)
        if index % 3 == 2:
            marker = ClipMarker(
                payload=PAYLOAD, key=DEFAULT_CARRIER_KEY, width=_WIDTH, height=_HEIGHT
            )
            planes = [
                marker.mark(plane, time_s=number / _RATE, bits=8)
                for number, plane in enumerate(planes)
            ]
        paths.append(write_luma(folder / f"drawn-{index}.mp4", planes, crf=13, preset="ultrafast"))
    return paths


def padded(clip: bytes, size: int) -> bytes:
    """``clip`` (MP4) with a box of zeros behind it, ``size`` bytes in all."""
    room = size - len(clip)
    return clip if room < 8 else clip + struct.pack(">I4s", room, b"free") + bytes(room - 8)


def machine_cpu_s() -> float:
    """Seconds of computing so far by everything on this machine (proc(5), stat)."""
    user, nice, system, _idle, _wait, irq, soft = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split()[1:8]
    )
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


@contextmanager
def command(paths: Sequence[Path], jobs: int) -> Iterator[subprocess.Popen[bytes]]:
    """The command on the same files, stopping as early as the service does; not begun yet."""
    code = "from detectors.cli import main; main()"
    with subprocess.Popen(  # noqa: S603 our own command
        [sys.executable, "-c", code, *map(str, paths), "--jobs", str(jobs), "--fast", "--quiet",
         "--format", "jsonl"],
        stdout=subprocess.PIPE, process_group=0,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def watched(process: subprocess.Popen[bytes], side: Side) -> tuple[list[float], float, float]:
    """Waits for the command: when it gave its results and when it ended, by ``time.monotonic``, and
    the seconds of computing by it and all that it started.
    """
    try:
        assert process.stdout is not None
        done = [time.monotonic() for _ in process.stdout]
        _, status, used = os.wait4(process.pid, 0)
        ended = time.monotonic()
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        side.done.set()
    return done, ended, used.ru_utime + used.ru_stime


def answered(senders: Senders, side: Side) -> tuple[list[dict[str, Any]], float]:
    """Waits for all outcomes."""
    try:
        return senders.outcomes()
    finally:
        side.done.set()


def measured(folder: Path, paths: Sequence[Path], workers: int, number: int) -> Pair:
    """The pair of this number, of a service of its own in ``folder``: in every second one the
    command begins.
    """
    service = ServiceProcess(folder, "--workers", str(workers), port=free_port())
    peaks = [(0.0, 0.0)]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            peaks.append(service.memory_mb())

    with ExitStack() as until_the_end:
        pool = until_the_end.enter_context(ThreadPoolExecutor(3))
        until_the_end.callback(over.set)
        until_the_end.enter_context(running(service))
        # A service runs for long: that its workers load their libraries is not counted.
        send_all(service.door, [paths[0]] * workers)
        senders = Senders(service.door, paths)
        until_the_end.callback(senders.end)
        process = until_the_end.enter_context(command(paths, workers))
        theirs, ours = Side([process.pid]), Side([service.server, senders.group])
        pool.submit(watch)
        idle, busy, own = service.cpu_s(), machine_cpu_s(), time.process_time()
        senders.begin()
        sent, given = pool.submit(answered, senders, ours), pool.submit(watched, process, theirs)
        take_turns(*((theirs, ours) if number % 2 else (ours, theirs)))
        (outcomes, senders_cpu), (done, ended, cpu) = sent.result(), given.result()
        spent = service.cpu_s()
        busy, own = machine_cpu_s() - busy, time.process_time() - own
    if len(done) != len(paths):
        raise RuntimeError(f"ltx-verify gave {len(done)} results for {len(paths)} files")
    server, scanning = spent[0] - idle[0], spent[1] - idle[1]
    return Pair(
        service=Served(
            wall_s=ours.given_s(max(one["done_at"] for one in outcomes)),
            cpu_s=server + scanning,
            accepted_s=[ours.given_s(one["accepted_at"]) for one in outcomes],
            done_s=[ours.given_s(one["done_at"]) for one in outcomes],
            server_cpu_s=server,
            workers_cpu_s=scanning,
            senders_cpu_s=senders_cpu,
            server_peak_mb=max(of_server for of_server, _ in peaks),
            worker_peak_mb=max(of_worker for _, of_worker in peaks),
            outcomes=outcomes,
        ),
        command=Run(
            wall_s=theirs.given_s(ended),
            cpu_s=cpu,
            done_s=[theirs.given_s(one) for one in done],
        ),
        others_cpu_s=max(0.0, busy - server - scanning - senders_cpu - cpu - own),
    )


def tails(values: Sequence[float]) -> dict[str, float]:
    return {"p50": round(percentile(values, 0.5), 2), "p95": round(percentile(values, 0.95), 2)}


def pair_report(pair: Pair, cores: int) -> dict[str, Any]:
    """One pair, as JSON carries it."""
    service, command = pair.service, pair.command
    uploads = len(service.outcomes)
    return {
        "service": {
            "wall_s": round(service.wall_s, 2),
            "cpu_s": round(service.cpu_s, 2),
            "server_cpu_s": round(service.server_cpu_s, 2),
            "workers_cpu_s": round(service.workers_cpu_s, 2),
            "senders_cpu_s": round(service.senders_cpu_s, 2),
            "files_per_s": round(uploads / service.wall_s, 3),
            "accepted_s": tails(service.accepted_s),
            "done_s": tails(service.done_s),
            "server_peak_mb": round(service.server_peak_mb),
            "worker_peak_mb": round(service.worker_peak_mb),
        },
        "ltx_verify": {
            "wall_s": round(command.wall_s, 2),
            "cpu_s": round(command.cpu_s, 2),
            "files_per_s": round(uploads / command.wall_s, 3),
            "done_s": tails(command.done_s),
        },
        "overhead": {
            "wall": round(pair.wall, 4),
            "cpu": round(pair.cpu, 4),
            "cpu_ms_an_upload": round(1000 * (service.cpu_s - command.cpu_s) / uploads, 1),
        },
        "others_share_of_the_cores": round(pair.disturbed(cores), 3),
    }


def report_on(pairs: Sequence[Pair], cores: int) -> dict[str, Any]:
    """All pairs, and the verdict: "met", "missed", or none where the machine was not quiet."""
    wall, cpu = median(pair.wall for pair in pairs), median(pair.cpu for pair in pairs)
    outcomes = [one for pair in pairs for one in pair.service.outcomes]
    quiet = median(pair.disturbed(cores) for pair in pairs) <= QUIET
    verdict = "met" if wall <= BAR else "missed"
    return {
        "pairs": [pair_report(pair, cores) for pair in pairs],
        "overhead": {"wall": round(wall, 4), "cpu": round(cpu, 4)},
        "statuses": dict(Counter(code for one in outcomes for code in one["statuses"])),
        "refused_without_retry_after": sum(one["refused_silently"] for one in outcomes),
        "actions": dict(Counter(one["action"] for one in outcomes)),
        "bar": BAR,
        "verdict": verdict if quiet else "none: the machine was not quiet",
    }


@click.command()
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--uploads", type=click.IntRange(1), default=200, show_default=True)
@click.option("--megabytes", type=float, default=5.0, show_default=True, help="Of each upload.")
@click.option("--draw", "drawn", type=int, default=6, show_default=True, help="Clips, if none.")
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True, help="Of both.")
def main(
    clips: tuple[Path, ...], uploads: int, megabytes: float, drawn: int, workers: int, repeats: int
) -> None:
    """Send CLIPS, over and over, at the same time; compare with ltx-verify --jobs."""
    size = int(megabytes * 1e6)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = list(clips) or draw(folder, drawn)
        paths = []
        for index in range(uploads):
            # Each file is another one, so that nothing is found in a cache.
            data = padded(sources[index % len(sources)].read_bytes(), size) + struct.pack(
                ">I4sI", 12, b"free", index
            )
            paths.append(folder / f"{index:04d}.mp4")
            paths[-1].write_bytes(data)
        sizes = [path.stat().st_size for path in paths]
        pairs = [
            measured(folder / f"service-{number}", paths, workers, number)
            for number in range(repeats)
        ]
    report = {
        "uploads": uploads,
        "megabytes_each": {
            "least": round(min(sizes) / 1e6, 2),
            "most": round(max(sizes) / 1e6, 2),
        },
        "different_clips": len(sources),
        **report_on(pairs, os.cpu_count() or 1),
    }
    click.echo(json.dumps(report, indent=2))
    sys.exit(report["verdict"] != "met")


if __name__ == "__main__":
    run_program(main)
