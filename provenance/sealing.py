"""From pixels to a finished file: content id, temporary files, signature, store, final name.

Every road that writes a video goes through :class:`Sealing`, so that there is one place where a
file becomes complete: marked first, signed last, the manifest in the store before the name appears.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from provenance import __version__
from provenance.disk import disk_errors
from provenance.errors import (
    EveryframeError,
    OptionError,
    OutputForbidden,
    OutputIsInput,
    StoreError,
)
from provenance.fingerprint import Prints
from provenance.manifest import ManifestRequest, container_of, publish, sign_file
from provenance.manifest.public import SOUND_TITLES, TITLES
from provenance.payload import SOURCES, Payload, new_content_id
from provenance.prompt import prompt_digest
from provenance.store import StoredManifest
from provenance.video import OUTPUT_SUFFIXES, SOUND_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime
    from pathlib import Path
    from types import TracebackType

    from provenance.keys import Identity
    from provenance.manifest.actions import Edit
    from provenance.payload import Model, Source
    from provenance.prompt import PromptDigest
    from provenance.store import Store

Medium: TypeAlias = Literal["video", "sound"]

_DRAWS = 64  # two in a row taken by chance is already one in a billion


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is to be said about a video, in its mark and in its manifest.

    ``day`` is the generation date; ``prompt`` is turned into a digest and never kept.
    """

    model: Model
    day: date
    source: Source = "generated"
    prompt: PromptDigest | None = None

    def payload(self, *, content_id: int) -> Payload:
        """What the mark says; raises :class:`OptionError` for a day that it cannot say."""
        return Payload(
            model=self.model.number, day=self.day, content_id=content_id, source=self.source
        )


def state(
    identity: Identity,
    *,
    model: Model,
    day: date,
    source: Source = "generated",
    prompt: str | None = None,
    plain_prompt_hash: bool = False,
) -> Statement:
    """A :class:`Statement` whose prompt is reduced to ``identity``'s digest of it."""
    if source not in SOURCES:
        raise OptionError(f"unknown source {source!r}", hint=f"one of {', '.join(SOURCES)}")
    digest = prompt_digest(prompt, identity.prompt_key, plain=plain_prompt_hash) if prompt else None
    return Statement(model=model, day=day, source=source, prompt=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A finished file of ``bytes`` bytes, what its mark says, and the prompt's digest.

    ``warnings``: what did not go as it should, and did not have to: no time-stamp, for one.
    """

    path: Path
    payload: Payload
    prompt: PromptDigest | None
    bytes: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a file was made from: one ``parent`` with the ``edits`` done to it, or several
    ``components``. ``encoded``: its pictures were encoded again. ``kept_ids``: content ids of the
    marks that the components brought along.
    """

    parent: Path | None = None
    components: tuple[Path, ...] = ()
    edits: tuple[Edit, ...] = ()
    encoded: bool = True
    kept_ids: tuple[str, ...] = ()


class Sealing:
    """Makes one file under ``output``, completely or not at all; use it as a context manager.

    Write the marked, unsigned video to :attr:`unsigned`, with :attr:`payload` in its mark; then
    call :meth:`complete`. Leaving the block without it removes what was written and gives the
    content id back. ``payload`` given means that the mark is already in the pictures, under the
    key named ``carrier`` (default: the identity's). ``medium``: what kind of file it is.

    Raises what :func:`check_output` raises, and :class:`StoreError`.
    """

    def __init__(
        self,
        output: Path,
        *,
        statement: Statement,
        identity: Identity,
        store: Store,
        now: Callable[[], datetime],
        draw_bits: Callable[[int], int],
        payload: Payload | None = None,
        carrier: str | None = None,
        inputs: tuple[Path, ...] = (),
        medium: Medium = "video",
    ) -> None:
        check_output(output, inputs, medium=medium)
        self._medium = medium
        self.output = output
        self.statement = statement
        self._identity = identity
        self._store = store
        self._now = now
        self._complete = False
        self._announced: bytes | None = None
        self._carrier = carrier or identity.carrier_key.name
        self._fresh = payload is None
        self.payload = payload if payload is not None else self._new_payload(draw_bits)
        self.unsigned = _temporary(output)
        self._signed = _temporary(output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for path in (self.unsigned, self._signed):
            with suppress(OSError):  # a folder that is gone keeps nothing, and hides no error
                path.unlink()
        if isinstance(error, EveryframeError):
            # What failed while the video was written: nobody knows the temporary name.
            error.message = error.message.replace(str(self.unsigned), str(self.output))
        if not self._complete:
            self._give_back()

    def announce(self, beginning: bytes, *, width: int, height: int) -> None:
        """Signs and keeps what can be said before the video is there, bound to its ``beginning``.

        A stream is on its way before it can be signed; where it breaks off, the mark in what did
        arrive still finds these credentials. :meth:`complete` puts the file's own in their place.
        """
        created = self._now()
        first, signed = (_temporary(self.output.with_suffix(".mp4")) for _ in range(2))
        try:
            with disk_errors(self.output):
                first.write_bytes(beginning)
                request = self._request(created, width, height, 0.0, Origin(), Prints())
                manifest = sign_file(first, signed, request, self._identity, name=self.output)
        finally:
            for path in (first, signed):
                path.unlink(missing_ok=True)
        self._store.put(self._record(manifest, "video/mp4", created, width, height, 0.0, Prints()))
        self._announced = manifest

    def complete(
        self,
        *,
        width: int,
        height: int,
        duration_s: float,
        origin: Origin | None = None,
        prints: Prints | None = None,
        warnings: Sequence[str] = (),
    ) -> Sealed:
        """Sign what stands at :attr:`unsigned`, keep its manifest, and give it its name.

        ``prints``: the fingerprints of it, as marked. ``warnings``: said with those of signing.
        """
        origin, told = origin or Origin(), list(warnings)
        statement, payload, created = self.statement, self.payload, self._now()
        request = self._request(created, width, height, duration_s, origin, prints or Prints())
        with disk_errors(self.output):
            manifest = sign_file(
                self.unsigned,
                self._signed,
                request,
                self._identity,
                name=self.output,
                warn=told.append,
            )
            self._keep(
                self._record(
                    manifest,
                    container_of(self._signed).mime,
                    created,
                    width,
                    height,
                    duration_s,
                    prints or Prints(),
                )
            )
            size = self._signed.stat().st_size
            publish(self._signed, self.output, manifest)
            self._complete = True
            _settle(self.output.parent)
        return Sealed(
            path=self.output,
            payload=payload,
            prompt=statement.prompt,
            bytes=size,
            warnings=tuple(told),
        )

    def _request(
        self,
        created: datetime,
        width: int,
        height: int,
        duration_s: float,
        origin: Origin,
        prints: Prints,
    ) -> ManifestRequest:
        statement = self.statement
        return ManifestRequest(
            model=statement.model,
            title=(TITLES if self._medium == "video" else SOUND_TITLES)[statement.source],
            created=created,
            source=statement.source,
            prompt=statement.prompt,
            payload=self.payload,
            carrier=self._carrier,
            width=width,
            height=height,
            duration_s=duration_s,
            tool_version=__version__,
            parent=origin.parent,
            components=origin.components,
            edits=origin.edits,
            encoded=origin.encoded,
            kept_ids=origin.kept_ids,
            marked_now=self._fresh,
            fingerprint=prints.to_text(),
        )

    def _keep(self, record: StoredManifest) -> None:
        if self._announced is None:
            self._store.put(record)
        else:
            self._store.replace(record, announced=self._announced)

    def _record(
        self,
        manifest: bytes,
        mime: str,
        created: datetime,
        width: int,
        height: int,
        duration_s: float,
        prints: Prints,
    ) -> StoredManifest:
        statement = self.statement
        return StoredManifest(
            content_id=self.payload.content_id_hex,
            manifest=manifest,
            mime=mime,
            model=statement.model.key,
            day=self.payload.day,
            prompt_hash=None if statement.prompt is None else str(statement.prompt),
            created=created,
            width=width,
            height=height,
            duration_s=duration_s,
            video_fingerprint=None if prints.video is None else prints.video.to_bytes(),
            audio_fingerprint=None if prints.sound is None else prints.sound.to_bytes(),
            keeps_mark=not self._fresh,
        )

    def _new_payload(self, draw_bits: Callable[[int], int]) -> Payload:
        prompt = self.statement.prompt
        digest = None if prompt is None else prompt.digest
        for _ in range(_DRAWS):
            payload = self.statement.payload(content_id=new_content_id(digest, draw_bits))
            if self._store.reserve(payload.content_id_hex):
                return payload
        raise StoreError(
            f"no free content id after {_DRAWS} draws",
            hint="the store is full for this prompt, or the source of randomness repeats itself",
        )

    def _give_back(self) -> None:
        if self._fresh:
            with suppress(StoreError):
                self._store.release(self.payload.content_id_hex)


def check_output(output: Path, inputs: tuple[Path, ...] = (), *, medium: Medium = "video") -> None:
    """Refuse a place that cannot be written before any work is done for it.

    Raises :class:`OptionError` for the suffix of a file that we do not write (an input's own is
    good: its file may be kept as it is), :class:`OutputIsInput` and :class:`OutputForbidden`.
    """
    try:
        _check_place(output, inputs)
    except OSError as error:  # a name too long, a folder that may not be looked into
        raise OutputForbidden(
            f"{output} cannot be written: {error.strerror}", hint="choose another name or folder"
        ) from error
    if "\0" in str(output):  # looking for it says that it is not there, and no more
        raise OutputForbidden(f"{str(output)!r} is no file name", hint="leave out the zero byte")
    written = OUTPUT_SUFFIXES if medium == "video" else SOUND_SUFFIXES
    if output.suffix.lower() not in {*written, *(path.suffix.lower() for path in inputs)}:
        raise OptionError(
            f"{output} has no suffix of a container that we write",
            hint=f"use one of {', '.join(written)}",
        )


def _check_place(output: Path, inputs: tuple[Path, ...]) -> None:
    folder = output.parent
    for source in inputs:
        if output.exists() and source.exists() and output.samefile(source):
            raise OutputIsInput(
                f"{output} is the input itself", hint="write to another file; the input stays as is"
            )
    if output.is_symlink():
        raise OutputForbidden(
            f"{output} is a link, and would be replaced by a file",
            hint="name the file that it leads to",
        )
    if output.is_dir():
        raise OutputForbidden(f"{output} is a folder", hint="name a file in it")
    if not folder.is_dir():
        raise OutputForbidden(f"{folder} is not a folder", hint="create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputForbidden(
            f"{folder} cannot be written to", hint="choose a folder you can write"
        )
    if output.exists() and not output.is_file():
        raise OutputForbidden(f"{output} is not a regular file", hint="choose another name")


def _temporary(output: Path) -> Path:
    """A hidden name beside ``output``, of the same type, so that a rename is all it takes."""
    return output.with_name(f".{output.stem[:40]}-{secrets.token_hex(6)}{output.suffix}")


def _settle(folder: Path) -> None:
    """Make the new name itself survive a power loss, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
