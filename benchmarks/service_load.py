"""Many uploads at once, beside plain ``ltx-verify`` on the same files:
``python -m benchmarks.service_load --uploads 200``.

Without a CLIP, a few are drawn: 720p of a second and a half at a high rate of bits, some of them
marked, so that each upload of 5 MB is searched as those of people are. Every upload is another
file, padded to the size asked for with a box that players skip ("free", ISO/IEC 14496-12). All are
sent at the same time; then ``ltx-verify --fast --jobs`` gets the same files. The exit status is 0
when the service took at most 15 % longer, on a machine that did nothing else.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.footage import PAYLOAD
from benchmarks.service_chaos import free_port
from benchmarks.service_process import ServiceProcess, percentile, running
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.programs import run_program
from provenance.watermark import ClipMarker
from tests.drawn import natural_luma, write_luma

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_S = 3600.0
BAR = 0.15
"""The most that the service may take longer than the command, as a share of the command's time."""
QUIET = 0.05
"""Beyond this share of the cores in other hands no verdict is given."""
_KIND = "video/mp4"
_ACCEPTED = 202
_AGAIN = frozenset({429, 503})
_FRAMES, _RATE, _HEIGHT, _WIDTH = 36, 24, 720, 1280


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run over all files took. ``done_s``: until each result, from the start of the run.

    ``others_cpu_s``: computed meanwhile by what has nothing to do with it.
    """

    wall_s: float
    cpu_s: float
    others_cpu_s: float
    done_s: list[float]


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


def send(service: ServiceProcess, path: Path) -> dict[str, Any]:
    """Sends one file until it is accepted, and waits for its result, on one connection.

    By the plainest of clients: what it computes is taken from the cores that scan.
    """
    started = time.monotonic()
    statuses: list[int] = []
    silent = 0
    key = {"Authorization": f"Bearer {service.key}"}
    with closing(service.connection(timeout_s=PATIENCE_S)) as client:
        while True:
            client.request("POST", "/v1/scans", path.read_bytes(), {**key, "Content-Type": _KIND})
            answer = client.getresponse()
            text = answer.read()
            statuses.append(answer.status)
            if answer.status == _ACCEPTED:
                break
            if answer.status not in _AGAIN:
                raise RuntimeError(f"an upload was answered with {answer.status}: {text!r}")
            again = answer.getheader("Retry-After")
            silent += again is None
            time.sleep(float(again or 1))
        accepted, where = time.monotonic(), answer.getheader("Location")
        assert where is not None
        while True:
            client.request("GET", where, headers={**key, "Prefer": "wait=60"})
            document = json.loads(client.getresponse().read())
            if document["state"] == "done":
                break
    return {
        "accepted_s": accepted - started,
        "done_s": time.monotonic() - started,
        "statuses": statuses,
        "refused_silently": silent,
        "action": document["action"],
    }


def send_all(service: ServiceProcess, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Sends all at the same time."""
    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(lambda path: send(service, path), paths))


def machine_cpu_s() -> float:
    """Seconds of computing so far by everything on this machine (proc(5), stat)."""
    user, nice, system, _idle, _wait, irq, soft = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split()[1:8]
    )
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def plain(paths: Sequence[Path], jobs: int) -> Run:
    """The command on the same files, stopping as early as the service does."""
    code = "from detectors.cli import main; main()"
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = machine_cpu_s()
    done: list[float] = []
    with subprocess.Popen(  # noqa: S603 our own command
        [sys.executable, "-c", code, *map(str, paths), "--jobs", str(jobs), "--fast", "--quiet",
         "--format", "jsonl"],
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        done += [time.monotonic() - started for _ in process.stdout]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took, busy = time.monotonic() - started, machine_cpu_s() - busy
    if len(done) != len(paths):
        raise RuntimeError(f"ltx-verify gave {len(done)} results for {len(paths)} files")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall_s=took, cpu_s=cpu, others_cpu_s=max(0.0, busy - cpu), done_s=done)


def tails(values: Sequence[float]) -> dict[str, float]:
    return {"p50": round(percentile(values, 0.5), 2), "p95": round(percentile(values, 0.95), 2)}


@click.command()
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--uploads", type=int, default=200, show_default=True)
@click.option("--megabytes", type=float, default=5.0, show_default=True, help="Of each upload.")
@click.option("--draw", "drawn", type=int, default=6, show_default=True, help="Clips, if none.")
@click.option("--workers", type=int, default=2, show_default=True)
def main(clips: tuple[Path, ...], uploads: int, megabytes: float, drawn: int, workers: int) -> None:
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
        path_sizes = [path.stat().st_size for path in paths]
        service = ServiceProcess(folder / "service", "--workers", str(workers), port=free_port())
        peaks = [(0.0, 0.0)]
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.5):
                peaks.append(service.memory_mb())

        with running(service):
            # A service runs for long: that its workers load their libraries is not counted.
            send_all(service, [sources[0]] * workers)
            watcher = threading.Thread(target=watch)
            watcher.start()
            started, idle_cpu, own_cpu = time.monotonic(), service.cpu_s(), time.process_time()
            busy = machine_cpu_s()
            outcomes = send_all(service, paths)
            took, cpu = time.monotonic() - started, service.cpu_s() - idle_cpu
            own_cpu = time.process_time() - own_cpu
            others = max(0.0, machine_cpu_s() - busy - cpu - own_cpu)
            over.set()
            watcher.join()
        beside = plain(paths, workers)
    wall = took / beside.wall_s - 1
    cores = os.cpu_count() or 1
    disturbed = max(others / took, beside.others_cpu_s / beside.wall_s) / cores
    verdict = "met" if wall <= BAR else "missed"
    report = {
        "uploads": uploads,
        "megabytes_each": {
            "least": round(min(path_sizes) / 1e6, 2),
            "most": round(max(path_sizes) / 1e6, 2),
        },
        "different_clips": len(sources),
        "service": {
            "wall_s": round(took, 2),
            "cpu_s": round(cpu, 2),
            "files_per_s": round(uploads / took, 3),
            "accepted_s": tails([one["accepted_s"] for one in outcomes]),
            "done_s": tails([one["done_s"] for one in outcomes]),
            "server_peak_mb": round(max(server for server, _ in peaks)),
            "worker_peak_mb": round(max(worker for _, worker in peaks)),
        },
        "ltx_verify": {
            "wall_s": round(beside.wall_s, 2),
            "cpu_s": round(beside.cpu_s, 2),
            "files_per_s": round(uploads / beside.wall_s, 3),
            "done_s": tails(beside.done_s),
        },
        "overhead": {
            "wall": round(wall, 4),
            # Of computing alone, and so hardly changed by what else the machine does.
            "cpu": round(cpu / beside.cpu_s - 1, 4),
            "cpu_ms_an_upload": round(1000 * (cpu - beside.cpu_s) / uploads, 1),
        },
        # Whoever sends takes from the same cores, and so from the wall time above.
        "senders_cpu_s": round(own_cpu, 2),
        "others_share_of_the_cores": round(disturbed, 3),
        "statuses": dict(Counter(code for one in outcomes for code in one["statuses"])),
        "refused_without_retry_after": sum(one["refused_silently"] for one in outcomes),
        "actions": dict(Counter(outcome["action"] for outcome in outcomes)),
        "bar": BAR,
        "verdict": verdict if disturbed <= QUIET else "none: the machine was not quiet",
    }
    click.echo(json.dumps(report, indent=2))
    sys.exit(report["verdict"] != "met")


if __name__ == "__main__":
    run_program(main)
