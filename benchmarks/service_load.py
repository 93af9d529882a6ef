"""Many uploads at once, beside plain ``ltx-verify`` on the same files:
``python -m benchmarks.service_load CLIP... --uploads 200``.

Each CLIP is padded to the size asked for with a box that players skip ("free", ISO/IEC 14496-12),
so that short clips make large uploads; then all are sent at the same time.
"""

from __future__ import annotations

import asyncio
import json
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx

from benchmarks.service_chaos import free_port
from benchmarks.service_process import ServiceProcess, percentile, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

PIECE = 64 * 1024
PATIENCE_S = 3600.0


def padded(clip: bytes, size: int) -> bytes:
    """``clip`` (MP4) with a box of zeros behind it, ``size`` bytes in all."""
    room = size - len(clip)
    return clip if room < 8 else clip + struct.pack(">I4s", room, b"free") + bytes(room - 8)


async def send(client: httpx.AsyncClient, data: bytes) -> dict[str, Any]:
    """Sends one file until it is accepted, and waits for its result."""
    started = time.monotonic()
    statuses: list[int] = []
    silent = 0
    while True:
        answer = await client.post(
            "/v1/scans", content=pieces(data), headers={"Content-Type": "video/mp4"}
        )
        statuses.append(answer.status_code)
        if answer.status_code == 202:
            break
        silent += "retry-after" not in answer.headers
        await asyncio.sleep(float(answer.headers.get("retry-after", 1)))
    accepted = time.monotonic()
    path = answer.headers["location"]
    while True:
        document = (await client.get(path, headers={"Prefer": "wait=60"})).json()
        if document["state"] == "done":
            break
    return {
        "accepted_s": accepted - started,
        "done_s": time.monotonic() - started,
        "statuses": statuses,
        "refused_silently": silent,
        "action": document["action"],
    }


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), PIECE):
        yield data[at : at + PIECE]


async def send_all(service: ServiceProcess, files: Sequence[bytes]) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {service.key}"}
    limits = httpx.Limits(max_connections=len(files) + 1)
    async with httpx.AsyncClient(
        base_url=service.url, headers=headers, timeout=PATIENCE_S, limits=limits
    ) as client:
        return await asyncio.gather(*(send(client, data) for data in files))


def plain_seconds(paths: Sequence[Path], jobs: int) -> tuple[float, float]:
    """What the command takes for the same files, stopping as early as the service does.

    Seconds of the clock, and of computing.
    """
    code = "from detectors.cli import main; main()"
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(  # noqa: S603 our own command
        [sys.executable, "-c", code, *map(str, paths), "--jobs", str(jobs), "--fast", "--quiet",
         "--format", "jsonl", "-o", str(paths[0].parent / "plain.jsonl")],
        check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - started, computed


@click.command()
@click.argument(
    "clips", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--uploads", type=int, default=200, show_default=True)
@click.option("--megabytes", type=float, default=5.0, show_default=True, help="Of each upload.")
@click.option("--workers", type=int, default=2, show_default=True)
def main(clips: tuple[Path, ...], uploads: int, megabytes: float, workers: int) -> None:
    """Send CLIPS, over and over, at the same time; compare with ltx-verify --jobs."""
    size = int(megabytes * 1e6)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = []
        for index in range(uploads):
            # Each file is another one, so that nothing is found in a cache.
            data = padded(clips[index % len(clips)].read_bytes(), size) + struct.pack(
                ">I4sI", 12, b"free", index
            )
            paths.append(folder / f"{index:04d}.mp4")
            paths[-1].write_bytes(data)
        files = [path.read_bytes() for path in paths]
        service = ServiceProcess(folder / "service", "--workers", str(workers), port=free_port())
        peaks = [(0.0, 0.0)]
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.5):
                peaks.append(service.memory_mb())

        with running(service):
            # A service runs for long: that its workers load their libraries is not counted.
            asyncio.run(send_all(service, [clips[0].read_bytes()] * workers))
            watcher = threading.Thread(target=watch)
            watcher.start()
            started, idle_cpu = time.monotonic(), service.cpu_s()
            outcomes = asyncio.run(send_all(service, files))
            took, cpu = time.monotonic() - started, service.cpu_s() - idle_cpu
            over.set()
            watcher.join()
        plain, plain_cpu = plain_seconds(paths, workers)
    accepted = [outcome["accepted_s"] for outcome in outcomes]
    done = [outcome["done_s"] for outcome in outcomes]
    report = {
        "uploads": uploads,
        "megabytes_each": megabytes,
        "accepted_s": {"p50": percentile(accepted, 0.5), "p95": percentile(accepted, 0.95)},
        "done_s": {"p50": percentile(done, 0.5), "p95": percentile(done, 0.95)},
        "service_s": took,
        "service_files_per_s": uploads / took,
        "ltx_verify_s": plain,
        "overhead": took / plain - 1,
        "service_cpu_s": cpu,
        "ltx_verify_cpu_s": plain_cpu,
        # Of computing alone, and so hardly changed by what else the machine does.
        "cpu_overhead": cpu / plain_cpu - 1,
        "server_peak_mb": max(server for server, _ in peaks),
        "worker_peak_mb": max(worker for _, worker in peaks),
        "statuses": dict(Counter(code for one in outcomes for code in one["statuses"])),
        "refused_without_retry_after": sum(one["refused_silently"] for one in outcomes),
        "actions": dict(Counter(outcome["action"] for outcome in outcomes)),
    }
    click.echo(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
