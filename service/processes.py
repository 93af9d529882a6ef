"""The processes of a service: a worker from its start to its end, and who starts them again."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provenance.sandbox.kernel import PR_SET_PDEATHSIG, prctl
from service.os_signals import Signals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import SpawnProcess

    from service.settings import Settings

LOG = logging.getLogger("service.processes")
_LOOK_S = 0.5
_DRAIN_S = 120.0
_SOON_S = 5.0


def work(settings: Settings, *, orphaned: signal.Signals | None = None) -> None:
    """A worker: scans, tells, tidies, until it is told to end; then it finishes what it has begun.

    ``orphaned``: the signal to get when the process that started this one is gone.
    """
    if orphaned is not None:
        prctl(PR_SET_PDEATHSIG, int(orphaned))
    stop, told = threading.Event(), Signals()
    told.catch()
    from service.logs import start_logging
    from service.scanning import Scanner

    start_logging()
    # First, while there are no threads: it hides this process' secrets from the sandbox.
    scanner = Scanner(settings.scan)
    told.tell(lambda _: stop.set())
    from service.housekeeping import keep_house
    from service.services import open_services
    from service.webhooks.delivery import Delivery
    from service.worker import Worker

    with open_services(settings) as services:
        delivery = Delivery(services.outbox, clock=services.clock, private=settings.private_targets)
        aside = (
            threading.Thread(target=delivery.work, args=(stop,), name="webhooks"),
            threading.Thread(target=keep_house, args=(services, stop), name="housekeeping"),
        )
        for thread in aside:
            thread.start()
        Worker(services, scanner).work(stop)
        for thread in aside:
            thread.join()


@contextmanager
def workers(settings: Settings, count: int) -> Iterator[None]:
    """Runs ``count`` workers beside the block, and new ones for those that die."""
    stop, spawn = threading.Event(), multiprocessing.get_context("spawn")
    running: list[SpawnProcess] = []

    def start() -> SpawnProcess:
        process = spawn.Process(target=_worker, args=(settings,), name="worker")
        process.start()
        return process

    def look_after() -> None:
        started = [time.monotonic()] * count
        running.extend(start() for _ in range(count))
        while not stop.wait(_LOOK_S):
            for index, process in enumerate(running):
                if process.is_alive():
                    continue
                LOG.warning("a worker ended with %s; another takes its place", process.exitcode)
                # One that cannot even start must not be started without pause.
                if time.monotonic() - started[index] < _SOON_S and stop.wait(_SOON_S):
                    return
                started[index] = time.monotonic()
                running[index] = start()

    # The workers' death signal is bound to the thread that starts them: it lives as long as we do.
    thread = threading.Thread(target=look_after, name="workers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _end(running)


def _worker(settings: Settings) -> None:
    work(settings, orphaned=signal.SIGTERM)


def _end(running: list[SpawnProcess]) -> None:
    for process in running:
        process.terminate()
    until = time.monotonic() + _DRAIN_S
    for process in running:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            # Its scan comes back when the lease has run out.
            process.kill()
            process.join()
