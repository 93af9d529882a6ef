"""The queue of clips, and the threads that make them: in the server, for as long as it runs."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.generation.models import Models, open_weights, sources_of
from service.generation.turns import Turns
from service.generation.work import Stopped, make_clip, problem_of
from service.problems import Problem

if TYPE_CHECKING:
    from service.generation.models import Opener
    from service.generation.parts import Clips
    from service.generation.records import State
    from service.generation.sink import LiveSink, Reader
    from service.generation.wishes import Wish
    from service.settings import GenerationSettings

LOG = logging.getLogger("service.generation")
RETRY_AFTER_S = 5.0


def new_id() -> str:
    """In the order of their making."""
    return f"gen_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A clip under way. ``request``: digest of what is wished; ``claims``: how many wait for it.
    ``unread``: characters at the end of the prompt that the model does not read.
    ``recorded``: set once the database knows it. ``stop``: set to end it, ``why`` being the code of
    what is told then. ``ended``: set when all of it is cleared away.
    """

    id: str
    tenant: str
    wish: Wish
    request: str
    actor: str
    prompt_hash: str
    sink: LiveSink | None
    state: State = "queued"
    progress: float = 0.0
    until: float = float("inf")
    unknown_words: list[str] | None = None
    unread: int | None = None
    problem: Problem | None = None
    claims: int = 1
    why: str = "generation.cancelled"
    recorded: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises :class:`Stopped` when it must not go on."""
        if self.stop.is_set():
            raise Stopped(self.why)
        if time.monotonic() > self.until:
            raise Stopped("generation.timeout")

    def report(self, _stage: str, share: float) -> None:
        """For the generator: how far it is, 0 to 1. Raises :class:`Stopped`."""
        self.progress = max(self.progress, min(1.0, share))
        self.check()

    def break_off(self) -> None:
        """Ends it at its next step; its readers get no more. See :meth:`Maker.cancel`."""
        self.stop.set()
        if self.sink is not None:
            self.sink.break_off()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Somebody who waits for a clip. ``reader``: of its stream; ``joined``: others came first."""

    job: Job
    reader: Reader | None
    joined: bool


class Maker:
    """Makes clips, ``settings.at_once`` at a time; ``settings.waiting`` more may wait, and tenants
    take turns. Who wishes what is already being made for the same tenant joins those who wait.

    The prompts of those who wait are in memory alone, so that none is ever stored.
    """

    def __init__(
        self, clips: Clips, settings: GenerationSettings, *, opener: Opener = open_weights
    ) -> None:
        self._clips, self._settings, self._opener = clips, settings, opener
        self.sources = sources_of(settings)
        self._queue = Turns()
        self._jobs: dict[str, Job] = {}
        self._flights: dict[tuple[str, str], Job] = {}  # by tenant and request
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()

    def submit(self, job: Job) -> Claim:
        """Takes a clip into the queue, and into the records; or joins the same one under way.

        Raises :class:`Problem` (generation.queue_full) when too many wait. A tenant that waits for
        nothing else has a place in any case, so that others cannot take all.
        """
        with self._changed:
            if self._closed.is_set():
                raise Problem("service.draining", retry_after_s=RETRY_AFTER_S)
            claim = self._join(job)
            if claim is None:
                self._take(job)
                reader = None if job.sink is None else job.sink.reader()
        if claim is not None:
            claim.job.recorded.wait()
            if claim.job.problem is None:
                return claim
            self.leave(claim)
            raise claim.job.problem
        try:
            self._clips.records.add(
                job.id,
                job.wish,
                tenant=job.tenant,
                actor=job.actor,
                request=job.request,
                prompt_hash=job.prompt_hash,
            )
        except BaseException:
            # Whoever joined meanwhile is told by the end of it.
            job.problem = Problem("internal")
            job.break_off()
            self._forget(job)
            raise
        job.recorded.set()
        with self._changed:
            closed = self._closed.is_set()
            if not closed:
                self._queue.add(job)
                self._changed.notify()
                self._start()
        if not closed and job.stop.is_set():  # between its record and its place in the queue
            self.cancel(job)
        if closed:
            problem = Problem("service.draining", retry_after_s=RETRY_AFTER_S)
            self._failed(job, problem)
            job.break_off()
            self._forget(job)
            raise problem
        return Claim(job=job, reader=reader, joined=False)

    def _join(self, job: Job) -> Claim | None:
        """A claim on the same clip under way, if its stream is there for who wants one."""
        same = self._flights.get((job.tenant, job.request))
        if same is None or same.stop.is_set():
            return None
        reader = None
        if job.sink is not None:
            if same.sink is None:
                return None
            reader = same.sink.reader()
        same.claims += 1
        return Claim(job=same, reader=reader, joined=True)

    def _take(self, job: Job) -> None:
        # One that was cancelled while it was made is between two of its steps.
        held = [one.tenant for one in self._jobs.values() if not one.stop.is_set()]
        room = self._settings.waiting + self._settings.at_once
        if len(held) >= room and job.tenant in held:
            raise Problem("generation.queue_full", retry_after_s=RETRY_AFTER_S)
        self._jobs[job.id] = self._flights[job.tenant, job.request] = job

    def leave(self, claim: Claim) -> None:
        """Somebody waits no longer; what nobody waits for is cancelled."""
        if claim.reader is not None:
            claim.reader.close()
        with self._changed:
            claim.job.claims -= 1
            left = not claim.job.claims
            if left:
                claim.job.break_off()  # nobody may join it any more
        if left:
            self.cancel(claim.job)

    def cancel(self, job: Job) -> None:
        """Ends a clip: at its next step or, while it waits for its turn, at once.

        Writes to the records of what waited, as :meth:`leave` does: not on an event loop.
        """
        job.break_off()
        with self._changed:
            waited = self._queue.remove(job)
        if not waited:
            return
        try:
            self._failed(job, Problem(job.why, retry_after_s=RETRY_AFTER_S))
        except Exception:
            LOG.exception("a cancelled clip could not be recorded")
        finally:
            self._forget(job)

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
            if not job.stop.is_set():
                job.why = "generation.interrupted"
            self.cancel(job)
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
                job = self._queue.next()
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
        except Stopped as error:
            self._failed(job, Problem(error.code, retry_after_s=RETRY_AFTER_S))
        except Exception as error:
            if job.stop.is_set():  # its stream was taken away while it was written to
                self._failed(job, Problem(job.why, retry_after_s=RETRY_AFTER_S))
                return
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
                # What is not in the records yet was cancelled by nobody.
                if not job.recorded.is_set() or job.state not in {"queued", "running"}:
                    continue
                try:
                    kept = self._clips.records.renew(job.id, state=job.state, progress=job.progress)
                except Exception as error:  # noqa: BLE001 the database may come back
                    LOG.warning("a clip's lease: %s", type(error).__name__)
                    continue
                if not kept and job.state in {"queued", "running"}:
                    self.cancel(job)

    def _forget(self, job: Job) -> None:
        with self._changed:
            self._jobs.pop(job.id, None)
            if self._flights.get((job.tenant, job.request)) is job:
                del self._flights[job.tenant, job.request]
            if job.sink is not None:
                job.sink.close()
        job.recorded.set()
        job.ended.set()
