"""One clip, from its request to its files in the storage; on any failure there are none."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from provenance.errors import DeviceFull, DiskFull, EveryframeError, WeightsMissing
from service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generators.base import Generator, Request, Watch
    from provenance.clip import AudioSpec, Chunk, VideoSpec
    from service.generation.making import Job
    from service.generation.models import Models
    from service.generation.parts import Clips


_TAKEN: tuple[tuple[str, Literal["pictures", "sound"]], ...] = (
    ("video", "pictures"),
    ("audio", "sound"),
)


class Stopped(Exception):
    """The clip must not go on; ``code`` of the problem says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def make_clip(job: Job, models: Models, clips: Clips) -> None:
    """Makes, marks, signs and keeps the clip of ``job``, and records it as done.

    Raises :class:`Stopped`, :class:`~service.generation.sink.ReaderGone`, and whatever a generator
    or the disk raises.
    """
    from generators.base import Watch
    from generators.generation import check_room, write
    from provenance.parts import take_part
    from provenance.store import open_store

    folder = clips.making / job.id
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    names: list[str] = []
    try:
        request, identity, whole = job.wish.request, clips.identity(), folder / "clip.mp4"
        check_room(whole, request)
        generator = Checked(models.get(job.wish.model), job)
        job.unknown_words = list(generator.unknown_words(request))
        job.unread = len(generator.unread_text(request))
        with open_store(clips.store) as store:
            made = write(
                generator,
                request,
                whole,
                identity=identity,
                store=store,
                stream=job.sink,
                watch=Watch(report=job.report),
            )
            files = {"clip": whole}
            sounds = generator.specs(request)[1] is not None
            if sounds:
                for part, medium in _TAKEN:
                    job.check()
                    files[part] = folder / f"{part}.mp4"
                    take_part(
                        made.written.sealed, files[part], medium, identity=identity, store=store
                    )
        if job.sink is not None:
            files["stream"] = job.sink.path
        for part, path in files.items():
            names.append(clips.name(job.id, part))
            clips.storage.keep(path, names[-1])
        facts: dict[str, Any] = {
            "content_id": f"{made.written.sealed.payload.content_id:016x}",
            "trained": generator.trained,
            "unread": job.unread,
            "parts": sorted(files),
        }
        job.check()
        if not clips.records.finish(
            job.id, "done", actor=job.actor, keep_s=clips.keep_s, made=facts
        ):
            raise Stopped("generation.cancelled")  # noqa: TRY301 what follows clears away
    except BaseException:
        for name in names:
            with suppress(EveryframeError, OSError):
                clips.storage.remove(name)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Checked:
    """A generator of either kind that looks, before each chunk, whether it is to go on."""

    inner: Generator
    job: Job

    @property
    def model(self) -> str:
        return self.inner.model

    @property
    def trained(self) -> bool:
        return self.inner.trained

    def unknown_words(self, request: Request) -> list[str]:
        return self.inner.unknown_words(request)

    def unread_text(self, request: Request) -> str:
        return self.inner.unread_text(request)

    def specs(self, request: Request) -> tuple[VideoSpec, AudioSpec | None]:
        return self.inner.specs(request)

    def generate(self, request: Request, watch: Watch) -> Iterator[Chunk]:
        # A model that streams and nothing else has no generate().
        streams = getattr(self.inner, "chunks", None)
        made: Any = self.inner.generate(request, watch) if streams is None else streams(request)
        frames = 0
        try:
            for chunk in made:
                frames += len(chunk.frames)
                watch.report("making", min(1.0, frames / request.frames))
                yield chunk
        finally:
            close = getattr(made, "close", None)
            if close is not None:
                close()


def problem_of(error: Exception) -> Problem:
    """What a client is told of a failure: nothing that shows paths or texts of others."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, WeightsMissing):
        return Problem("weights.missing")
    if isinstance(error, DeviceFull):
        return Problem("device.full", hint=error.hint)
    if isinstance(error, DiskFull):
        return Problem("disk.full", retry_after_s=30)
    code = error.code if isinstance(error, EveryframeError) else "internal"
    return Problem("generation.failed", f"It failed with {code}.")
