"""Takes jobs off the queue, one at a time, and brings each to its one result."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from provenance.errors import (
    EveryframeError,
    InputError,
    OptionError,
    SandboxCrashed,
    SandboxError,
    SandboxMemory,
    StoreError,
)
from service.decision import failed
from service.objects import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.jobs import Claim
    from service.scanning import Scanner
    from service.scans import Answer, Scan
    from service.services import Services

LOG = logging.getLogger("service.worker")
ACTOR = "worker"
IDLE_S = 0.2
_PROGRESS_S = 1.0
_PAUSES_S = (1.0, 10.0, 60.0)


class Worker:
    """One at a time, so that a machine runs as many as it has cores."""

    def __init__(self, services: Services, scanner: Scanner) -> None:
        self._services = services
        self._scanner = scanner
        self._settings = services.settings.scan

    def work(self, stop: threading.Event) -> None:
        """Works until ``stop``; what is begun is finished first."""
        while not stop.is_set():
            try:
                busy = self.work_once()
            except EveryframeError as error:
                # The database is away: what was claimed comes back when its lease has run out.
                LOG.error("worker: %s", error.diagnostics())  # noqa: TRY400 it says where and why
                busy = False
            if not busy:
                stop.wait(IDLE_S)

    def work_once(self) -> bool:
        """Claims a job and works on it; False when there was none."""
        queue, scans = self._services.queue, self._services.scans
        claim = queue.claim(self._settings.lease_s)
        if claim is None:
            return False
        scan = scans.started(claim.scan, claim.attempt)
        if scan is not None:
            with self._renewed(claim):
                answer = self._answer(scan, claim)
            if answer is None:
                queue.again(claim, _PAUSES_S[min(claim.attempt, len(_PAUSES_S)) - 1])
                return True
            scans.finish(scan.id, answer, actor=ACTOR)
        # Zero retention: what a result was made of goes, and then the job that would see to it.
        self._services.storage.remove(claim.scan)
        queue.done(claim)
        return True

    def _answer(self, scan: Scan, claim: Claim) -> Answer | None:
        """The answer, of one kind or the other; None: not now, but again."""
        last = claim.attempt >= self._settings.attempts
        if claim.attempt > self._settings.attempts:
            # It took down each worker that tried, without a word.
            error = SandboxCrashed(f"the scan was begun {claim.attempt - 1} times and never ended")
            return failed(error, attempts=claim.attempt - 1)
        try:
            return self._scanned(scan)
        except (SandboxCrashed, SandboxMemory) as error:
            # Perhaps not the file's fault: somebody may have ended the process.
            LOG.warning("scan %s: %s", scan.id, error.code)
            return failed(error, attempts=claim.attempt) if last else None
        except (InputError, SandboxError, OptionError) as error:
            LOG.warning("scan %s: %s", scan.id, error.code)
            return failed(error, attempts=claim.attempt)
        except EveryframeError as error:
            LOG.error("scan %s: %s", scan.id, error.diagnostics())  # noqa: TRY400 it says it all
            return failed(error, attempts=claim.attempt) if last else None
        except Exception as error:
            LOG.exception("scan %s failed", scan.id)
            ours = EveryframeError(f"internal error: {type(error).__name__}")
            return failed(ours, attempts=claim.attempt) if last else None

    def _scanned(self, scan: Scan) -> Answer:
        tenant = self._services.accounts.tenant(scan.tenant)
        told = time.monotonic()

        def progress(fraction: float) -> None:
            nonlocal told
            if time.monotonic() - told >= _PROGRESS_S:
                told = time.monotonic()
                self._services.scans.progressed(scan.id, fraction)

        with self._opened(scan) as file:
            return self._scanner.scan(
                file.fileno(),
                fast=scan.depth == "early",
                policy=None if tenant is None else tenant.policy,
                progress=progress,
                sha256=scan.sha256,
                public=tenant is not None and tenant.name == self._services.settings.public,
            )

    def _opened(self, scan: Scan) -> BinaryIO:
        settings = self._services.settings
        if scan.object is None:
            return self._services.storage.open(scan.id)
        return fetch(
            scan.object, scratch=settings.incoming, most_bytes=settings.bounds.upload_bytes
        )

    @contextmanager
    def _renewed(self, claim: Claim) -> Iterator[None]:
        """Keeps the lease while the block runs."""
        over, lease_s = threading.Event(), self._settings.lease_s

        def renew() -> None:
            while not over.wait(lease_s / 3):
                try:
                    self._services.queue.renew(claim, lease_s)
                except StoreError as error:
                    LOG.warning("lease: %s", error.message)

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
