"""Kills the service's processes at random while it is used, and then looks whether all its promises
held: ``python -m benchmarks.service_chaos CLIP --seconds 180``.

Every request carries an idempotency key and is repeated until it is accepted. At the end each
accepted scan must have exactly one result, each result one message, and no upload may be left.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx

from benchmarks.service_process import ServiceProcess, running
from provenance.programs import run_program
from service.database import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PATIENCE_S = 300.0
LEASE_S = 3


@dataclass(slots=True, kw_only=True)
class History:
    """What the clients saw. ``accepted``: idempotency key → ids of scans given for it."""

    accepted: dict[str, set[str]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def use(
    service: ServiceProcess, data: bytes, history: History, stop: threading.Event, name: str
) -> None:
    """A client that sends one file after the other until ``stop``, and never gives one up."""
    client, number = httpx.Client(base_url=service.url, timeout=30), 0
    while not stop.is_set():
        number += 1
        key = f"{name}-{number}"
        headers = {
            "Authorization": f"Bearer {service.key}",
            "Content-Type": "video/mp4",
            "Idempotency-Key": key,
        }
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                answer = client.post("/v1/scans", content=data, headers=headers)
            except httpx.HTTPError as error:
                refused = type(error).__name__
            else:
                if answer.status_code in {200, 202}:
                    with history.lock:
                        history.accepted.setdefault(key, set()).add(answer.json()["id"])
                    break
                refused = str(answer.status_code)
            with history.lock:
                history.refused[refused] += 1
            time.sleep(0.3)
        stop.wait(0.2)
    client.close()


def at_random(rng: random.Random, until: float) -> Iterator[str]:
    """Whom to kill next, more often a worker than the server, after a pause."""
    while time.monotonic() < until:
        time.sleep(rng.uniform(0.5, 3.0))
        yield "worker" if rng.random() < 0.7 else "server"


def harm(service: ServiceProcess, rng: random.Random, victims: Iterable[str]) -> Counter[str]:
    """Kills the server or a worker, at once and without a word."""
    kills: Counter[str] = Counter()
    for victim in victims:
        if victim == "worker" and (workers := service.workers()):
            service.kill(rng.choice(workers))
            kills["worker"] += 1
        else:
            service.kill(service.server)
            kills["server"] += 1
            service.start()
    return kills


def wait_for_results(service: ServiceProcess, history: History) -> None:
    """Waits until all are done, or nothing more becomes so."""
    scans = {scan for given in history.accepted.values() for scan in given}
    until = time.monotonic() + PATIENCE_S
    headers = {"Authorization": f"Bearer {service.key}"}
    client = httpx.Client(base_url=service.url, headers=headers, timeout=30)
    while scans and time.monotonic() < until:
        for scan in sorted(scans):
            answer = client.get(f"/v1/scans/{scan}")
            if answer.status_code == 200 and answer.json()["state"] == "done":
                scans.discard(scan)
                until = time.monotonic() + PATIENCE_S
        time.sleep(0.5)
    client.close()


def judge(service: ServiceProcess, history: History) -> dict[str, Any]:
    """Counts of what was promised and did not hold; all zero is well."""
    database = open_database(str(service.folder / "service.sqlite"))
    with database.reading() as transaction:
        scans = {row["id"]: row for row in transaction.rows("SELECT * FROM scans")}
        audit = transaction.rows("SELECT object FROM audit WHERE action = 'scan.finished'")
        outbox = transaction.rows("SELECT scan FROM outbox")
        jobs = transaction.rows("SELECT scan FROM jobs")
    database.close()
    told = {scan for given in history.accepted.values() for scan in given}
    finished, messages = Counter(r["object"] for r in audit), Counter(r["scan"] for r in outbox)
    done = [scan for scan, row in scans.items() if row["state"] == "done"]
    left = [path.name for path in (service.folder / "uploads").iterdir()]
    return {
        "accepted": len(told),
        "lost": len(told - scans.keys()),
        "without_result": len([scan for scan in scans if scan not in done]),
        "twice": len([scan for scan in scans if finished[scan] > 1]),
        "key_with_two_scans": len([1 for given in history.accepted.values() if len(given) > 1]),
        "unknown_scans": len(scans.keys() - told),
        "without_one_message": len([scan for scan in done if messages[scan] != 1]),
        "jobs_left": len(jobs),
        "uploads_left": len([name for name in left if name in scans]),
        # Of requests whose server was killed before it could accept: gone within the hour.
        "orphans": len([name for name in left if name not in scans]),
        "actions": dict(Counter(row["action"] for row in scans.values())),
        "attempts": dict(Counter(row["attempts"] for row in scans.values())),
    }


FAULTS = (
    *("lost", "without_result", "twice", "key_with_two_scans"),
    *("without_one_message", "jobs_left", "uploads_left"),
)


def run_chaos(
    folder: Path,
    data: bytes,
    *,
    seconds: float,
    clients: int,
    workers: int,
    seed: int,
    victims: Callable[[ServiceProcess], Iterable[str]] | None = None,
) -> dict[str, Any]:
    """Uses and harms a service for ``seconds``, lets it rest, and judges it.

    ``victims``: "worker" and "server", when it is the turn of each, instead of at random.
    """
    options = (
        *("--workers", str(workers), "--lease-seconds", str(LEASE_S), "--attempts", "20"),
        *("--private-targets",),
    )
    service = ServiceProcess(folder, *options, port=free_port(), webhook="http://127.0.0.1:9/hook")
    history, stop = History(), threading.Event()
    threads = [
        threading.Thread(
            target=use, args=(service, data, history, stop, f"client-{index}"), daemon=True
        )
        for index in range(clients)
    ]
    with running(service):
        for thread in threads:
            thread.start()
        rng = random.Random(seed)  # noqa: S311 no secret
        planned = (
            at_random(rng, time.monotonic() + seconds) if victims is None else victims(service)
        )
        kills = harm(service, rng, planned)
        stop.set()
        for thread in threads:
            thread.join()
        wait_for_results(service, history)
        time.sleep(1)  # a worker removes job and upload right after the result
        report = judge(service, history)
    return {"kills": dict(kills), "refused": dict(history.refused), **report}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@click.command()
@click.argument("clip", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", type=float, default=180.0, show_default=True)
@click.option("--clients", type=int, default=4, show_default=True)
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(clip: Path, **given: Any) -> None:
    """Send CLIP again and again while processes are killed; say what was promised and not kept."""
    with tempfile.TemporaryDirectory() as folder:
        report = run_chaos(Path(folder) / "service", clip.read_bytes(), **given)
    click.echo(json.dumps(report, indent=2))
    sys.exit(any(report[fault] for fault in FAULTS))


if __name__ == "__main__":
    run_program(main)
