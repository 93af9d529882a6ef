"""Uploads that survive a lost connection: the state of tus 1.0 (https://tus.io/protocols).

What counts as received is in the database, and is on the disk before that is said. Bytes beyond it,
left by a process that was killed, are written over.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.database import new_id
from service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from service.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumable:
    """An upload under way: ``received`` of ``length`` bytes are here. ``scan``: once complete."""

    id: str
    tenant: str
    length: int
    received: int
    media_type: str
    depth: Any
    created: float
    expires: float
    scan: str | None


class Resumables:
    """``folder``: where the parts lie, on this machine. ``keep_s``: until they expire."""

    def __init__(
        self, database: Database, folder: Path, *, clock: Callable[[], float], keep_s: float
    ) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._keep_s = keep_s

    def create(self, tenant: str, length: int, *, media_type: str, depth: str) -> Resumable:
        now = self._clock()
        with self._database.writing() as transaction:
            row = transaction.row(
                "INSERT INTO resumable (id, tenant, length, media_type, depth, created, expires)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (new_id("upl", now), tenant, length, media_type, depth, now, now + self._keep_s),
            )
        assert row is not None
        return Resumable(**row)

    def get(self, upload: str, *, tenant: str) -> Resumable:
        """Raises :class:`Problem`: upload.not_found, upload.expired."""
        with self._database.reading() as transaction:
            row = transaction.row(
                "SELECT * FROM resumable WHERE id = ? AND tenant = ?", (upload, tenant)
            )
        if row is None:
            raise Problem("upload.not_found")
        if row["expires"] <= self._clock():
            raise Problem("upload.expired")
        return Resumable(**row)

    def received(self, upload: str, count: int) -> None:
        """Notes that the first ``count`` bytes are on the disk."""
        with self._database.writing() as transaction:
            transaction.run("UPDATE resumable SET received = ? WHERE id = ?", (count, upload))

    def remove(self, upload: str) -> None:
        with self._database.writing() as transaction:
            transaction.run("DELETE FROM resumable WHERE id = ?", (upload,))
        with suppress(FileNotFoundError):
            self.part(upload).unlink()

    def expired(self) -> list[str]:
        """Uploads that were not finished in time."""
        with self._database.reading() as transaction:
            rows = transaction.rows(
                "SELECT id FROM resumable WHERE expires <= ? LIMIT 1000", (self._clock(),)
            )
        return [row["id"] for row in rows]

    def part(self, upload: str) -> Path:
        return self._folder / f"{upload}.tus"

    @contextmanager
    def opened(self, upload: Resumable) -> Iterator[int]:
        """The part for writing at what was received, held alone; a descriptor.

        Raises :class:`Problem` (upload.offset) while another request writes to it.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.part(upload.id), flags, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Problem("upload.offset", "Another request is sending.") from None
            os.ftruncate(descriptor, upload.received)
            os.lseek(descriptor, upload.received, os.SEEK_SET)
            yield descriptor
        finally:
            os.close(descriptor)
