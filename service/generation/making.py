"""The queue of clips, and the threads that make them: in the server, for as long as it runs."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.generation.models import Models, open_weights, sources_of
from service.generation.sink import ReaderGone
from service.generation.work import Stopped, make_clip, problem_of
from service.problems import Problem

if TYPE_CHECKING:
    from service.generation.models import Opener
    from service.generation.parts import Clips
    from service.generation.records import State
    from service.generation.sink import LiveSink
    from service.generation.wishes import Wish
    from service.settings import GenerationSettings

LOG = logging.getLogger("service.generation")
RETRY_AFTER_S = 5.0


def new_id() -> str:
    """In the order of their making."""
    return f"gen_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A clip under way. ``stop``: set to end it. ``ended``: set when all of it is cleared away."""

    id: str
    tenant: str
    wish: Wish
    actor: str
    prompt_hash: str
    sink: LiveSink | None
    state: State = "queued"
    progress: float = 0.0
    until: float = float("inf")
    unknown_words: list[str] | None = None
    problem: Problem | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises :class:`Stopped` when it must not go on."""
        if self.stop.is_set():
            raise Stopped("generation.cancelled")
        if time.monotonic() > self.until:
            raise Stopped("generation.timeout")

    def report(self, _stage: str, share: float) -> None:
        """For the generator: how far it is, 0 to 1. Raises :class:`Stopped`."""
        self.progress = max(self.progress, min(1.0, share))
        self.check()

    def cancel(self) -> None:
        """Ends it at its next step; its reader gets no more."""
        self.stop.set()
        if self.sink is not None:
            self.sink.leave()


class Maker:
    """Makes clips, ``settings.at_once`` at a time; ``settings.waiting`` more may wait.

    The prompts of those who wait are in memory alone, so that none is ever stored.
    """

    def __init__(
        self, clips: Clips, settings: GenerationSettings, *, opener: Opener = open_weights
    ) -> None:
        self._clips, self._settings, self._opener = clips, settings, opener
        self.sources = sources_of(settings)
        self._queue: deque[Job] = deque()
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()

    def submit(self, job: Job, *, request: str) -> None:
        """Takes a clip into the queue, and into the records under the digest ``request``.

        Raises :class:`Problem` (generation.queue_full) when too many wait.
        """
        with self._changed:
            if self._closed.is_set():
                raise Problem("service.draining", retry_after_s=RETRY_AFTER_S)
            # Those that were cancelled wait for nothing but their turn to be cleared away.
            held = sum(not other.stop.is_set() for other in self._jobs.values())
            if held >= self._settings.waiting + self._settings.at_once:
                raise Problem("generation.queue_full", retry_after_s=RETRY_AFTER_S)
            self._jobs[job.id] = job
        try:
            self._clips.records.add(
                job.id,
                job.wish,
                tenant=job.tenant,
                actor=job.actor,
                request=request,
                prompt_hash=job.prompt_hash,
            )
        except BaseException:
            self._forget(job)
            raise
        with self._changed:
            closed = self._closed.is_set()
            if not closed:
                self._queue.append(job)
                self._changed.notify()
                self._start()
        if closed:
            problem = Problem("service.draining", retry_after_s=RETRY_AFTER_S)
            self._failed(job, problem)
            self._forget(job)
            raise problem

    def job(self, one: str) -> Job | None:
        """The clip under way here, or None."""
        return self._jobs.get(one)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def close(self, timeout_s: float = 20.0) -> None:
        """Stops what is under way, and waits for it to be cleared away."""
        self._closed.set()
        with self._changed:
            jobs = list(self._jobs.values())
            self._changed.notify_all()
        for job in jobs:
            job.cancel()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _start(self) -> None:
        if self._threads:
            return
        # Threads that compute may hang in a driver: they must not keep the process.
        self._threads = [
            threading.Thread(target=self._work, name="clips", daemon=True)
            for _ in range(self._settings.at_once)
        ]
        self._threads.append(threading.Thread(target=self._renew, name="clip leases", daemon=True))
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        models = Models(self.sources, self._settings.device, self._opener)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed.is_set())
                if not self._queue:
                    return
                job = self._queue.popleft()
            try:
                self._make(job, models)
            except Exception:
                LOG.exception("a clip could not be recorded")
            finally:
                self._forget(job)

    def _make(self, job: Job, models: Models) -> None:
        failed = True
        try:
            job.state, job.until = "running", time.monotonic() + self._settings.wall_s
            job.check()
            make_clip(job, models, self._clips)
            failed = False
            job.state = "done"
        except (Stopped, ReaderGone) as error:
            code = error.code if isinstance(error, Stopped) else "generation.cancelled"
            self._failed(job, Problem(code, retry_after_s=RETRY_AFTER_S))
        except Exception as error:
            # A GPU that is gone stays gone for what was open on it.
            models.drop(job.wish.model)
            LOG.exception("a clip of %s failed", job.wish.model)
            self._failed(job, problem_of(error))
        finally:
            if job.sink is not None:
                job.sink.end(failed=failed)

    def _failed(self, job: Job, problem: Problem) -> None:
        job.problem = problem
        job.state = "cancelled" if problem.code == "generation.cancelled" else "failed"
        error = {key: value for key, value in problem.document().items() if key != "type"}
        self._clips.records.finish(
            job.id, job.state, actor=job.actor, keep_s=self._clips.keep_s, error=error
        )

    def _renew(self) -> None:
        """Keeps the clips that are under way, and learns of those that others cancelled."""
        while not self._closed.wait(self._clips.records.lease_s / 4):
            for job in list(self._jobs.values()):
                if job.state not in {"queued", "running"}:
                    continue
                try:
                    kept = self._clips.records.renew(job.id, state=job.state, progress=job.progress)
                except Exception as error:  # noqa: BLE001 the database may come back
                    LOG.warning("a clip's lease: %s", type(error).__name__)
                    continue
                if not kept and job.state in {"queued", "running"}:
                    job.cancel()

    def _forget(self, job: Job) -> None:
        with self._changed:
            self._jobs.pop(job.id, None)
        job.ended.set()
