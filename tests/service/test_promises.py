"""Real processes, killed while they are used."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from benchmarks.service_chaos import FAULTS, free_port, run_chaos
from benchmarks.service_process import ServiceProcess
from service.accounts import Quota
from service.database import open_database
from service.scans import NewScan
from service.services import open_services


def while_it_scans(service):
    """A worker in the middle of a scan, then the server in the middle of the next one."""
    database = open_database(str(service.folder / "service.sqlite"))
    for victim in ("worker", "server"):
        assert comes_to(database, "running", 1)
        yield victim
    database.close()


def test_whatever_is_killed_every_accepted_scan_has_one_result(tmp_path, clip):
    report = run_chaos(
        tmp_path / "service",
        clip,
        seconds=0,
        clients=2,
        workers=1,
        seed=4,
        victims=while_it_scans,
    )
    assert report["accepted"] > 0
    assert report["kills"] == {"worker": 1, "server": 1}
    assert max(report["attempts"]) > 1, "somebody else went on with what was begun"
    assert {fault: report[fault] for fault in FAULTS} == dict.fromkeys(FAULTS, 0)
    assert report["actions"] == {"allow": report["accepted"] + report["unknown_scans"]}


@contextmanager
def worker_process(settings):
    """``ltx-worker``, as on another machine: all that it shares is the database and the storage."""
    code = "from service.cli import worker; worker()"
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", code, "--workers", "1", "--lease-seconds", "2"),
            *("--database", settings.database, "--data", str(settings.data)),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def comes_to(database, state, count, *, seconds=100):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with database.reading() as transaction:
            row = transaction.row("SELECT count(*) AS n FROM scans WHERE state = ?", (state,))
        if row["n"] >= count:
            return True
        time.sleep(0.01)
    return False


def test_another_machine_takes_over_what_a_killed_one_had(settings, postgres, clip):
    settings = replace(settings, database=postgres.new_database())
    with open_services(settings) as services:
        tenant = services.accounts.create_tenant("acme", quota=Quota()).id
        for _ in range(3):
            scan = services.scans.new_id()
            part = settings.incoming / f"{scan}.part"
            part.write_bytes(clip)
            services.storage.keep(part, scan)
            new = NewScan(id=scan, tenant=tenant, source="upload", depth="early")
            services.scans.submit(new, actor="test", quota=Quota())
        with worker_process(settings):
            assert comes_to(services.database, "running", 1)
        with worker_process(settings):
            assert comes_to(services.database, "done", 3)
            until = time.monotonic() + 100
            while services.queue.waiting() and time.monotonic() < until:
                time.sleep(0.05)
        with services.database.reading() as transaction:
            scans = transaction.rows("SELECT * FROM scans")
            finished = transaction.rows("SELECT object FROM audit WHERE action = 'scan.finished'")
        assert {scan["action"] for scan in scans} == {"allow"}
        assert sorted(row["object"] for row in finished) == sorted(scan["id"] for scan in scans)
        assert max(scan["attempts"] for scan in scans) == 2
        assert services.queue.waiting() == 0
        assert list((settings.data / "uploads").iterdir()) == []


def test_told_to_end_it_finishes_what_it_has_begun(tmp_path, clip):
    service = ServiceProcess(tmp_path / "service", "--workers", "1", port=free_port())
    headers = {"Authorization": f"Bearer {service.key}", "Content-Type": "video/mp4"}
    service.start()
    workers = service.workers()
    with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:
        path = client.post("/v1/scans", content=clip).headers["location"]
        while client.get(path).json()["state"] == "queued":
            time.sleep(0.02)
    assert service.stop() == 0
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    database = open_database(str(tmp_path / "service" / "service.sqlite"))
    with database.reading() as transaction:
        (scan,) = transaction.rows("SELECT state, action FROM scans")
    database.close()
    assert scan == {"state": "done", "action": "allow"}
